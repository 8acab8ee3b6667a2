"""What of a dataset goes to CVAT: the plans of all its videos, made before anything is sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import InputError, PrepError, UnbalancedVideoError, printable
from ...cvat.journal import images_digest
from ...dataset.accounts import balance
from ...dataset.files import save_text
from ...dataset.frame_table import Fate
from ...dataset.store import Dataset
from ...settings.cvat import UploadSettings
from ...settings.stages import BreakSettings
from .plan import Part, plan_upload

_STOPPERS = frozenset(("records-differ", "image-missing"))


@dataclass(frozen=True)
class VideoPlan:
    """The tasks of one video; ``error`` says why it cannot be uploaded, and there are none then.

    ``digest`` is that of all images that are kept, whatever the tasks.
    """

    video_id: str
    parts: tuple[Part, ...] = ()
    digest: str = ""
    error: PrepError | None = None

    @property
    def frames(self) -> int:
        """The number of frames to be in CVAT."""
        return sum(len(part.frames) for part in self.parts)


def plan_dataset(
    store: Dataset, settings: UploadSettings, breaks: BreakSettings
) -> tuple[VideoPlan, ...]:
    """Return the plan of each video; those without a kept frame are left out.

    Raises:
        InputError: there is nothing to upload.
    """
    plans = [_plan(store, video_id, settings, breaks) for video_id in store.video_ids()]
    plans = [plan for plan in plans if plan.parts or plan.error]
    if not plans:
        raise InputError(
            f"{printable(store.path)}: there is nothing to upload in this dataset: no frame of it "
            "is kept. 'prep status' says what became of them."
        )
    return tuple(plans)


def _plan(
    store: Dataset, video_id: str, settings: UploadSettings, breaks: BreakSettings
) -> VideoPlan:
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
        parts = plan_upload(record, frames, settings, breaks)
        return VideoPlan(video_id, parts, images_digest(frames))
    except PrepError as error:
        return VideoPlan(video_id, error=error)


def write_manifests(store: Dataset, plans: Sequence[VideoPlan]) -> tuple[Path, ...]:
    """Write a manifest beside the images of each task, and return the files.

    Raises:
        DatasetError: one cannot be written.
    """
    written = []
    for part in (part for plan in plans for part in plan.parts):
        path = store.folder(part.video_id) / part.manifest_name
        save_text(path, part.manifest_lines())
        written.append(path)
    return tuple(written)
