"""What of a dataset goes to CVAT: the plans of all its videos, made before anything is sent."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...base.errors import ExitCode, InputError, PrepError, UnbalancedVideoError, printable
from ...base.guard import Failure, failures, worst
from ...cvat.journal import images_digest
from ...dataset.accounts import balance
from ...dataset.frame_table import Fate
from ...dataset.store import Dataset
from ...settings.cvat import UploadSettings
from ...settings.stages import BreakSettings
from .plan import Part, plan_video

_STOPPERS = frozenset(("records-differ", "image-missing"))


@dataclass(frozen=True)
class VideoPlan:
    """The tasks of one video; ``digest`` is that of all images kept, whatever the tasks."""

    parts: tuple[Part, ...]
    digest: str

    @property
    def frames(self) -> int:
        """The number of frames to be in CVAT."""
        return sum(len(part.frames) for part in self.parts)


@dataclass(frozen=True)
class Known:
    """What is known of a task to be.

    ``status``: ``planned``, ``unfinished`` (an upload of it was cut off), and as an upload has it
    of those that are there: ``unchanged`` or ``changed``. ``url`` of the one that is there.
    """

    status: str = "planned"
    url: str | None = None
    message: str = ""

    @property
    def is_to_be_made(self) -> bool:
        """Whether an upload makes it, or makes more of it."""
        return self.status in {"planned", "unfinished"}


@dataclass(frozen=True)
class UploadPlan:
    """The plan of each video, by its id, or why it cannot be uploaded.

    ``known``: what ``cvat.json`` tells of tasks, by their names. ``notes``: of the plan as a whole.
    """

    videos: Mapping[str, VideoPlan | Failure]
    known: Mapping[str, Known] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """All tasks to be, in the order of the videos."""
        plans = (plan for plan in self.videos.values() if isinstance(plan, VideoPlan))
        return tuple(itertools.chain.from_iterable(plan.parts for plan in plans))

    def known_of(self, part: Part) -> Known:
        """Return what is known of a task to be."""
        return self.known.get(part.task_name, Known())

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The videos that cannot be uploaded."""
        return failures(self.videos.values())

    @property
    def exit_code(self) -> ExitCode:
        """The worst of the exit codes of the videos that cannot be uploaded."""
        return worst(self.failures)


def plan_dataset(store: Dataset, settings: UploadSettings, breaks: BreakSettings) -> UploadPlan:
    """Return the plan of each video; those without a kept frame are left out.

    Raises:
        InputError: there is nothing to upload.
    """
    plans = {
        video_id: plan
        for video_id in store.video_ids()
        if (plan := _plan(store, video_id, settings, breaks)) is not None
    }
    if not plans:
        raise InputError(
            f"{printable(store.path)}: there is nothing to upload in this dataset: no frame of it "
            "is kept. 'prep status' says what became of them."
        )
    return UploadPlan(plans)


def _plan(
    store: Dataset, video_id: str, settings: UploadSettings, breaks: BreakSettings
) -> VideoPlan | Failure | None:
    """Return the plan of a video, or why there is none; ``None`` if it has no kept frame."""
    try:
        record, frames = store.read_video(video_id)
        for mismatch in balance(store, record, frames).mismatches:
            # Images that validate has found missing are rejected, and so not sent.
            concerned = frames.fate[list(mismatch.frames)]
            is_accounted_for = len(concerned) > 0 and not (concerned == Fate.KEPT).any()
            if mismatch.kind in _STOPPERS and not is_accounted_for:
                raise UnbalancedVideoError(
                    f"{printable(video_id)}: {mismatch.message} Or run 'prep validate', which "
                    "leaves out what is not right."
                )
        parts = plan_video(record, frames, settings, breaks)
    except PrepError as error:
        where = str(store.folder(video_id))
        return Failure(video_id, where, str(error), error.kind, error.exit_code)
    return VideoPlan(parts, images_digest(frames)) if parts else None
