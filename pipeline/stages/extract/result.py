"""What became of each video of a run, and of the whole run."""

from dataclasses import dataclass

from ...base.errors import ExitCode
from ...dataset.records import AbsentSource, Notice, VideoRecord


@dataclass(frozen=True)
class VideoOutcome:
    """What a run did with one source: a bad video is a value, not an exception.

    ``status`` is ``extracted``, ``unchanged``, ``copy`` or ``failed``. A copy has the content of
    another source, is left out, and has the ``id`` of that one. Failed ones have ``error`` and
    ``error_kind``, the first two ``record``. ``notices`` are the record's, and those of this run.
    """

    source: str
    id: str | None
    status: str
    record: VideoRecord | None = None
    notices: tuple[Notice, ...] = ()
    error: str | None = None
    error_kind: str | None = None


@dataclass(frozen=True)
class ExtractResult:
    """The outcome of a whole run.

    ``skipped`` maps a reason to the paths left out for it, ``notices`` are those of no video.
    ``without_input`` are the videos of the dataset that none of the inputs stands behind.
    """

    dataset: str
    videos: tuple[VideoOutcome, ...]
    skipped: dict[str, tuple[str, ...]]
    notices: tuple[Notice, ...] = ()
    without_input: tuple[AbsentSource, ...] = ()

    def count(self, status: str) -> int:
        """Return the number of videos with this status."""
        return sum(video.status == status for video in self.videos)

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that this outcome deserves."""
        if self.count("failed"):
            return ExitCode.SOME_FAILED
        of_videos = (notice for video in self.videos for notice in video.notices)
        if any(notice.is_finding for notice in (*self.notices, *of_videos)):
            return ExitCode.FINDINGS
        return ExitCode.OK
