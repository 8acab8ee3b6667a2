"""What became of each video of a run, and of the whole run."""

from dataclasses import dataclass
from typing import ClassVar

from ...base.errors import ExitCode
from ...base.guard import Failure, done, failures, worst
from ...dataset.absent import AbsentSource
from ...dataset.records import Notice, VideoRecord


@dataclass(frozen=True)
class VideoOutcome:
    """What a run did with the source of a video that is now in the dataset.

    ``status`` is ``extracted`` or ``unchanged``. ``notices`` are the record's, and those of this
    run.
    """

    source: str
    id: str
    status: str
    record: VideoRecord
    notices: tuple[Notice, ...]

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that this outcome deserves."""
        return worst(self.notices)


@dataclass(frozen=True)
class Copy:
    """A source that has the content of another one, and was left out; ``id`` is that of the other.

    ``notices`` say so.
    """

    source: str
    id: str
    notices: tuple[Notice, ...]

    status: ClassVar[str] = "copy"

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that this outcome deserves."""
        return worst(self.notices)


@dataclass(frozen=True)
class FailedVideo(Failure):
    """A source of which nothing came; ``where`` is its path. ``notices`` are those of this run."""

    notices: tuple[Notice, ...] = ()


Outcome = VideoOutcome | Copy | FailedVideo


@dataclass(frozen=True)
class ExtractResult:
    """The outcome of a whole run.

    ``videos`` has one outcome a source: a bad video is a value, not an exception. ``skipped`` maps
    a reason to the paths left out for it, ``notices`` are those of no video. ``without_input`` are
    the videos of the dataset that none of the inputs stands behind.
    """

    dataset: str
    videos: tuple[Outcome, ...]
    skipped: dict[str, tuple[str, ...]]
    notices: tuple[Notice, ...] = ()
    without_input: tuple[AbsentSource, ...] = ()

    @property
    def done(self) -> tuple[VideoOutcome | Copy, ...]:
        """The videos that did not fail."""
        return done(self.videos)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Why the others did."""
        return failures(self.videos)

    def count(self, status: str) -> int:
        """Return the number of videos with this status: also ``copy`` or ``failed``."""
        return sum(video.status == status for video in self.videos)

    @property
    def exit_code(self) -> ExitCode:
        """The worst of those that the videos and the notices deserve."""
        return worst((*self.videos, *self.notices))
