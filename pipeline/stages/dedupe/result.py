"""What became of the images of each video or folder, and of a whole run."""

from dataclasses import dataclass

from ...base.errors import ExitCode
from ...base.guard import Failure, done, failures, worst
from ...dataset.records import Notice


@dataclass(frozen=True)
class CopyOf:
    """The video that another one is a copy or a part of.

    ``video`` is its id; the copy shows it from ``begin_seconds`` to ``end_seconds`` after its first
    frame, which may be all of it (``is_whole``).
    """

    video: str
    begin_seconds: float
    end_seconds: float
    is_whole: bool


@dataclass(frozen=True)
class DedupeOutcome:
    """What became of the images of one video or folder.

    ``status`` is ``marked``, ``restored`` or ``unchanged``. ``images`` were looked at, of which
    ``still`` and ``similar`` are marked; ``elsewhere`` of the similar ones are like an image of
    another video or folder. ``deleted`` files had ``deleted_bytes``. ``copies`` are other videos of
    the same recording, if this one is all or a part of theirs.
    """

    id: str
    status: str
    images: int
    still: int = 0
    similar: int = 0
    elsewhere: int = 0
    deleted: int = 0
    deleted_bytes: int = 0
    restored: int = 0
    copies: tuple[CopyOf, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """Whether a person must look at something."""
        return max((notice.exit_code for notice in self.notices), default=ExitCode.OK)


@dataclass(frozen=True)
class DedupeResult:
    """The outcome of a whole run."""

    path: str
    videos: tuple[DedupeOutcome | Failure, ...]

    @property
    def done(self) -> tuple[DedupeOutcome, ...]:
        """The videos or folders that did not fail."""
        return done(self.videos)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Why the others did."""
        return failures(self.videos)

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that this outcome deserves."""
        return worst(self.videos)
