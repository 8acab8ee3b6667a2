"""Validate: hold the images of a dataset against their records, and measure how they look."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ...base.errors import (
    DatasetError,
    DiskFullError,
    ExitCode,
    PrepError,
    VideoError,
    WorkerDiedError,
    cause_of,
    describe_bug,
    printable,
)
from ...base.work import Batch, Watch
from ...dataset.files import results_folder, save_text
from ...dataset.frame_table import Fate, FrameTable
from ...dataset.records import VideoRecord
from ...dataset.store import VALIDATE_NAME, Dataset, open_dataset
from ...engines.base import Engine, Lost
from ...engines.choice import engine_for
from ...pictures.judge import Judgement
from ...settings.stages import BreakSettings, RunSettings, ValidateSettings
from . import UNITS
from .video import Chunk, Finding, VideoCheck, judge_chunk

_READ_ONLY = (
    "Give yourself the right to write there; or leave the dataset as it is, and have the results "
    "in another folder with --output."
)
_CHUNK_IMAGES = 64
"""So many that a driver can feed a cluster, so few that no worker is left with a long rest."""


MEASURE_OF_MARK = {
    "blurred": "sharpness",
    "dark": "brightness",
    "bright": "brightness",
    "flat": "contrast",
}
"""The marks for how an image looks, and what is measured for each."""


@dataclass(frozen=True)
class ValidatedVideo:
    """What was found out about one video; a damaged one has ``error`` instead of ``record``.

    ``images`` counts the frames that should have an image, ``recovered`` those of them that an
    earlier run rejected and that are right now. ``marked`` has for each mark the frames that have
    it, int64, and what was measured there, float32, both of shape (images,).
    """

    id: str
    record: VideoRecord | None = None
    images: int = 0
    recovered: int = 0
    marked: dict[str, tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]] = field(
        default_factory=dict, compare=False
    )
    findings: tuple[Finding, ...] = ()
    error: str | None = None
    error_kind: str | None = None

    @property
    def marks(self) -> dict[str, int]:
        """How many images have each mark."""
        return {mark: len(frames) for mark, (frames, _) in self.marked.items()}

    def marked_images(self) -> Iterator[dict[str, Any]]:
        """Yield the images that are marked for how they look, with what was measured."""
        if self.record is None:
            return
        for mark, (frames, values) in self.marked.items():
            names = self.record.images.names(frames)
            for frame, name, value in zip(frames.tolist(), names, values.tolist(), strict=True):
                yield {
                    "mark": mark,
                    "frame": frame,
                    "file": name,
                    "measure": MEASURE_OF_MARK[mark],
                    "value": round(value, 2),
                }

    def to_json(self) -> dict[str, Any]:
        """Return what was found out as JSON-ready data."""
        return {
            "id": self.id,
            "status": "failed" if self.record is None else "validated",
            "images": self.images,
            "recovered": self.recovered,
            "counts": asdict(self.record.counts) if self.record else None,
            "marks": self.marks,
            "marked": list(self.marked_images()),
            "findings": [
                {
                    "kind": finding.kind,
                    "frame": finding.frame,
                    "file": finding.file,
                    "message": finding.message,
                }
                for finding in self.findings
            ],
            "error": self.error,
        }


@dataclass(frozen=True)
class ValidateResult:
    """The outcome of a whole run; ``foreign_folders`` are no videos of the dataset."""

    dataset: str
    videos: tuple[ValidatedVideo, ...]
    foreign_folders: tuple[str, ...]

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that this outcome deserves."""
        if any(video.error is not None for video in self.videos):
            return ExitCode.SOME_FAILED
        if self.foreign_folders or any(video.findings for video in self.videos):
            return ExitCode.FINDINGS
        return ExitCode.OK


def validate(
    dataset: str | os.PathLike[str],
    settings: ValidateSettings | None = None,
    run: RunSettings | None = None,
    *,
    breaks: BreakSettings | None = None,
    output: str | os.PathLike[str] | None = None,
    engine: Engine | None = None,
    watch: Watch | None = None,
) -> ValidateResult:
    """Check every image of a dataset and write into its records what came of it.

    A frame whose image fails gets the fate ``rejected`` with the reason; the file stays where it
    is. A rejected frame whose image is right again is ``kept`` again. Counts and breaks follow.
    What is right gets its measures. Hidden files are not looked at. A second run changes nothing.

    Args:
        dataset: the folder.
        settings: from where on an image is blurred, dark, bright or flat.
        run: how the work is done; the defaults if absent.
        breaks: where a tracker must not interpolate; the defaults if absent.
        output: a folder to write ``validate.json`` into, what was found out of each video; the
            dataset is only read then, and its measures are kept nowhere.
        engine: carries out the work; the one that ``run`` names if absent.
        watch: told how the work goes on.

    Raises:
        UsageError: there is no such dataset, another run is writing into it, or it cannot be
            written to.
        DiskFullError: no room left for the records. The videos done so far are complete.
        InterruptedRunError, KeyboardInterrupt: stopped. The videos done so far are complete.
    """
    run = run or RunSettings()
    store = open_dataset(dataset)
    results_to = None if output is None else results_folder(output)
    is_writing = store.writing(_READ_ONLY) if results_to is None else nullcontext()
    with engine_for(engine, run, UNITS) as engine, is_writing:
        batch = _Batch(
            store,
            settings or ValidateSettings(),
            breaks or BreakSettings(),
            watch or Watch(),
            is_read_only=results_to is not None,
        )
        with closing(engine.run(judge_chunk, batch.chunks())) as results:
            for chunk, judgements in results:
                batch.take(chunk, judgements)
    result = ValidateResult(
        dataset=os.fspath(store.path),
        videos=tuple(batch.outcomes[video_id] for video_id in sorted(batch.outcomes)),
        foreign_folders=tuple(store.foreign_folders()),
    )
    if results_to is not None:
        data = {
            "dataset": printable(store.path),
            "videos": [video.to_json() for video in result.videos],
            "foreign_folders": [printable(name) for name in result.foreign_folders],
        }
        save_text(results_to / VALIDATE_NAME, [json.dumps(data, indent=1), "\n"])
    return result


def quality_marks(
    frames: FrameTable, settings: ValidateSettings
) -> dict[str, npt.NDArray[np.bool_]]:
    """Return for each mark which kept frames have it: bool, shape (frames,).

    A black picture is dark, and flat and blurred as well.
    """
    kept = frames.fate == Fate.KEPT
    return {
        "blurred": kept & (frames.sharpness < settings.blur),
        "dark": kept & (frames.brightness < settings.dark),
        "bright": kept & (frames.brightness > settings.bright),
        "flat": kept & (frames.contrast < settings.flat),
    }


class _Batch:
    """Goes through the videos, a few open at a time; a damaged one is a value."""

    def __init__(
        self,
        store: Dataset,
        settings: ValidateSettings,
        breaks: BreakSettings,
        watch: Watch,
        *,
        is_read_only: bool,
    ) -> None:
        self.store, self.settings, self.breaks = store, settings, breaks
        self.watch, self.is_read_only = watch, is_read_only
        self.open: dict[str, VideoCheck] = {}
        self.outcomes: dict[str, ValidatedVideo] = {}

    def chunks(self) -> Iterator[Chunk]:
        """Yield all images; a video is opened when its turn comes."""
        records = {}
        for video_id in self.store.video_ids():
            try:
                records[video_id] = self.store.read_record(video_id)
            except DatasetError as error:
                self._fail(video_id, error)
        images = sum(map(_images, records.values()))
        self.watch.batch_started(Batch(len(records), images, parts=images))
        for video_id, record in records.items():
            folder = self.store.folder(video_id)
            try:
                video = VideoCheck(record, self.store.read_frames(video_id), folder)
            except Exception as error:  # one damaged video must not cost the others
                self._fail(video_id, error)
                self.watch.item_done(video_id, _images(record))
                continue
            self.watch.item_started(video_id, video.waiting, _images(record))
            if not video.waiting:
                self._finish(video)
                continue
            self.open[video_id] = video
            yield from video.chunks(_CHUNK_IMAGES)

    def take(self, chunk: Chunk, judgements: list[Judgement] | Exception | Lost) -> None:
        """Note the judgements; with the last of a video, it is finished."""
        if chunk.video_id not in self.open:  # it failed at an earlier chunk
            return
        video = self.open[chunk.video_id]
        self.watch.parts_done(video.record.id, len(chunk.indices))
        if isinstance(judgements, Lost):
            first, last = chunk.names[0], chunk.names[-1]
            judgements = WorkerDiedError(
                f"{printable(video.folder)}: {judgements.why}, over the images {printable(first)} "
                f"to {printable(last)}. If memory is short, lower --workers."
            )
        if isinstance(judgements, Exception):
            del self.open[chunk.video_id]
            self._fail(video.record.id, judgements)
            self.watch.item_done(video.record.id, _images(video.record))
            return
        for index, judgement in zip(chunk.indices, judgements, strict=True):
            video.take(int(index), judgement)
        if not video.waiting:
            del self.open[chunk.video_id]
            self._finish(video)

    def _finish(self, video: VideoCheck) -> None:
        """Write down what was found out, where it is news."""
        video_id = video.record.id
        try:
            record = video.conclude(self.breaks)
            findings = tuple(video.findings())
            if video.is_changed and not self.is_read_only:
                self.store.update(record, video.now)
        except Exception as error:
            self._fail(video_id, error)
            return
        finally:
            self.watch.item_done(video_id, _images(video.record))
        recovered = (video.frames.fate == Fate.REJECTED) & (video.now.fate == Fate.KEPT)
        self.outcomes[video_id] = ValidatedVideo(
            id=video_id,
            record=record,
            images=len(video.indices),
            recovered=int(recovered.sum()),
            marked={
                mark: (np.flatnonzero(flags), getattr(video.now, MEASURE_OF_MARK[mark])[flags])
                for mark, flags in quality_marks(video.now, self.settings).items()
            },
            findings=findings,
        )

    def _fail(self, video_id: str, error: Exception) -> None:
        where = printable(self.store.folder(video_id))
        if isinstance(error, PrepError):
            text, kind = str(error), error.kind
        elif isinstance(error, OSError):
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise DiskFullError from error
            text = f"{where}: {cause_of(error)}. Check the folder and its rights."
            kind = VideoError.kind
        else:
            text, kind = f"{where}: {describe_bug(error)}", PrepError.kind
        self.outcomes[video_id] = ValidatedVideo(video_id, error=text, error_kind=kind)


def _images(record: VideoRecord) -> int:
    """Return how many images a video should have."""
    return record.counts.kept + record.counts.rejected
