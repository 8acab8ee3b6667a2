"""Validate: hold the images of a dataset against their records, and measure how they look."""

import functools
import json
import os
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path

from ...base.errors import WorkerDiedError, printable
from ...base.guard import Failure, guard
from ...base.work import Batch, Watch
from ...dataset.files import results_folder, save_text
from ...dataset.frame_table import Fate
from ...dataset.marks import MARKS
from ...dataset.records import VideoRecord
from ...dataset.store import VALIDATE_NAME, Dataset, open_dataset
from ...engines.base import Engine, Lost
from ...engines.choice import engine_for
from ...pictures.judge import Judgement
from ...settings.stages import BreakSettings, RunSettings, ValidateSettings
from . import UNITS
from .result import ValidatedVideo, ValidateResult
from .video import Chunk, VideoCheck, judge_chunk

_READ_ONLY = (
    "Give yourself the right to write there; or leave the dataset as it is, and have the results "
    "in another folder with --output."
)
_CHUNK_IMAGES = 64
"""So many that a driver can feed a cluster, so few that no worker is left with a long rest."""


def validate(
    dataset: str | os.PathLike[str],
    settings: ValidateSettings | None = None,
    run: RunSettings | None = None,
    *,
    breaks: BreakSettings | None = None,
    output: str | os.PathLike[str] | None = None,
    again: bool = False,
    engine: Engine | None = None,
    watch: Watch | None = None,
) -> ValidateResult:
    """Check every image of a dataset and write into its records what came of it.

    A frame whose image fails gets the fate ``rejected`` with the reason; the file stays where it
    is. A rejected frame whose image is right again is ``kept`` again. Counts and breaks follow.
    What is right gets its measures, and is not read again as long as its file is the same. Hidden
    files are not looked at. A second run changes nothing.
    So many parameters, for all but the first are optional.

    Args:
        dataset: the folder.
        settings: from where on an image is blurred, dark, bright or flat.
        run: how the work is done; the defaults if absent.
        breaks: where a tracker must not interpolate; the defaults if absent.
        output: a folder to write ``validate.json`` into, what was found out of each video; the
            dataset is only read then, and its measures are kept nowhere.
        again: read all images, also those that were found right before.
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
            again=again,
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
        save_text(results_to / VALIDATE_NAME, [json.dumps(result.to_json(), indent=1), "\n"])
    return result


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
        again: bool,
    ) -> None:
        self.store, self.settings, self.breaks = store, settings, breaks
        self.watch, self.is_read_only, self.again = watch, is_read_only, again
        self.open: dict[str, VideoCheck] = {}
        self.outcomes: dict[str, ValidatedVideo | Failure] = {}

    def chunks(self) -> Iterator[Chunk]:
        """Yield all images; a video is opened when its turn comes."""
        records: dict[str, VideoRecord] = {}
        for video_id in self.store.video_ids():
            folder = self.store.folder(video_id)
            record = guard(functools.partial(self.store.read_record, video_id), video_id, folder)
            if isinstance(record, Failure):
                self.outcomes[video_id] = record
            else:
                records[video_id] = record
        images = sum(map(_images, records.values()))
        self.watch.batch_started(Batch(len(records), images, parts=images))
        for video_id, record in records.items():
            folder = self.store.folder(video_id)
            video = guard(functools.partial(self._open, record, folder), video_id, folder)
            if isinstance(video, Failure):
                self._note(video, record)
                continue
            self.watch.item_started(video_id, video.waiting, _images(record))
            if not video.waiting:
                self._finish(video)
                continue
            self.open[video_id] = video
            yield from video.chunks(_CHUNK_IMAGES)

    def take(self, chunk: Chunk, judgements: list[Judgement] | Failure | Lost) -> None:
        """Note the judgements; with the last of a video, it is finished."""
        if chunk.video_id not in self.open:  # it failed at an earlier chunk
            return
        video = self.open[chunk.video_id]
        self.watch.parts_done(video.record.id, len(chunk.indices))
        if isinstance(judgements, Lost):
            first, last = chunk.names[0], chunk.names[-1]
            error = WorkerDiedError(
                f"{printable(video.folder)}: {judgements.why}, over the images {printable(first)} "
                f"to {printable(last)}. If memory is short, lower --workers."
            )
            judgements = Failure.of(error, chunk.video_id, video.folder)
        if isinstance(judgements, Failure):
            del self.open[chunk.video_id]
            self._note(judgements, video.record)
            return
        for index, judgement in zip(chunk.indices, judgements, strict=True):
            video.take(int(index), judgement)
        if not video.waiting:
            del self.open[chunk.video_id]
            self._finish(video)

    def _open(self, record: VideoRecord, folder: Path) -> VideoCheck:
        frames = self.store.read_frames(record.id)
        proven_file = self.store.memory_file(record.id, "proven")
        return VideoCheck(record, frames, folder, proven_file, again=self.again)

    def _finish(self, video: VideoCheck) -> None:
        outcome = guard(functools.partial(self._conclude, video), video.record.id, video.folder)
        self._note(outcome, video.record)

    def _note(self, outcome: ValidatedVideo | Failure, record: VideoRecord) -> None:
        self.outcomes[record.id] = outcome
        self.watch.item_done(record.id, _images(record))

    def _conclude(self, video: VideoCheck) -> ValidatedVideo:
        """Return what was found out, and write it down where it is news."""
        record = video.conclude(self.breaks)
        findings = tuple(video.findings())
        if not self.is_read_only:
            if video.is_changed:
                self.store.update(record, video.now)
            video.save_proven()
        recovered = (video.frames.fate == Fate.REJECTED) & (video.now.fate == Fate.KEPT)
        return ValidatedVideo(
            id=record.id,
            record=record,
            images=len(video.indices),
            proven=video.proven,
            recovered=int(recovered.sum()),
            marked={
                name: (
                    worst := mark.worst_first(video.now, self.settings),
                    getattr(video.now, mark.measure)[worst],
                )
                for name, mark in MARKS.items()
            },
            findings=findings,
        )


def _images(record: VideoRecord) -> int:
    """Return how many images a video should have."""
    return record.counts.kept + record.counts.rejected
