"""What is done with the images of one video or folder, by itself and anywhere."""

from collections.abc import Callable

from ...base.guard import Failure, guard
from ...base.work import Link
from ...dataset.frame_table import Reason
from ...pictures.compare import Seen, look
from ...settings.dedupe import DedupeSettings
from ...settings.stages import RunSettings
from .folder import FolderImages
from .result import DedupeOutcome
from .video import VideoImages

BEGUN = 0
"""The message that the work on a video or folder begins; others say how many more images."""

ImageSequence = VideoImages | FolderImages
Job = Callable[[ImageSequence, Link], Seen | DedupeOutcome]
"""What is done with the images of one video or folder."""


def carry_out(
    job: Job, item: tuple[int, ImageSequence], link: Link
) -> Seen | DedupeOutcome | Failure:
    """Do a job on one of many sequences, which are numbered; what goes wrong with it is a value.

    Raises:
        DiskFullError, FfmpegUnusableError, InterruptedRunError: the others would fare no better.
    """
    _, sequence = item
    link.tell(BEGUN)
    return guard(lambda: job(sequence, link), sequence.id, sequence.folder)


def look_at(settings: DedupeSettings, threads: int, sequence: ImageSequence, link: Link) -> Seen:
    """Return what is seen of the images."""
    settings = settings.for_video(sequence.id, sequence.name)
    return look(sequence.images(), settings, threads, link)


def delete_marked(sequence: ImageSequence, link: Link) -> DedupeOutcome:
    """Remove the files that are marked, without a look at any."""
    images, marked = len(sequence.images().numbers), sequence.marked()
    deleted, deleted_bytes = sequence.delete()
    return DedupeOutcome(
        sequence.id,
        "marked" if deleted else "unchanged",
        images=images,
        still=marked.count(Reason.STILL),
        similar=marked.count(Reason.SIMILAR),
        deleted=deleted,
        deleted_bytes=deleted_bytes,
        notices=sequence.find_missing(),
    )


def bring_back(run: RunSettings, sequence: ImageSequence, link: Link) -> DedupeOutcome:
    """Restore what was left out or deleted."""
    restored, notices = sequence.restore(run, link)
    return DedupeOutcome(
        sequence.id,
        "restored" if restored else "unchanged",
        images=len(sequence.images().numbers),
        restored=restored,
        notices=(*notices, *sequence.find_missing()),
    )
