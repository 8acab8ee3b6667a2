"""Everything that can go wrong, each with its exit code.

::

    PrepError                     70  a bug in prep, never meant to be seen
    ├── UsageError                 2  the command or its settings cannot be carried out
    │   ├── InputError             2  nothing to work on at the paths given
    │   ├── DatasetError           2  the dataset folder cannot be used as it is
    │   └── FfmpegUnusableError    2  no ffmpeg, too old, or without what was asked of it
    │       └── HwaccelError       2  the hardware acceleration asked for does not work here
    ├── VideoError                 3  one video cannot be done; the others are
    │   ├── NotAVideoError         3  nothing in the file can be read as a video
    │   ├── NoVideoStreamError     3  readable, but without moving pictures
    │   ├── EncryptedError         3  nothing in the file can be seen without its key
    │   ├── TooManyFramesError     3  more frames than the file names have digits for
    │   ├── DamagedVideoError      3  damage, and ``on_damage: fail`` is set
    │   ├── SourceChangedError     3  the file is no longer the one that was extracted
    │   ├── DecoderDiedError       3  ffmpeg was killed or gave up
    │   │   └── DecoderKilledError 3  by someone else, or for want of memory
    │   ├── DecoderHungError       3  ffmpeg made no progress and was stopped
    │   ├── WorkerDiedError        3  the process that worked on it died, again when repeated
    │   └── UnbalancedVideoError   3  the disk does not hold what the records say
    ├── DiskFullError              3  no room left; the whole run stops
    ├── UndecidedError             1  it would touch the work of people, who must decide first
    ├── CvatError                  4  CVAT or the network
    │   ├── CvatUnreachableError   4  nothing answers there, or not CVAT
    │   ├── CvatAuthError          4  CVAT does not know who asks
    │   ├── CvatPermissionError    4  CVAT does not let this user do that
    │   ├── CvatRefusedError       4  CVAT says no; nothing was done
    │   ├── CvatUncertainError     4  no answer: whether it was done is not known
    │   │   └── RequestLostError   4  CVAT has forgotten what it had accepted
    │   └── UnprovenError          4  CVAT does not show what was sent
    └── InterruptedRunError        5  stopped by a person; can be resumed

Exit code 0 means all well, 1 done, or left alone, with something that a person must look at.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Self


class ExitCode(IntEnum):
    """The exit codes of every command."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    SOME_FAILED = 3
    CVAT = 4
    INTERRUPTED = 5
    BUG = 70


class PrepError(Exception):
    """Base of all errors of prep.

    ``kind`` is a short stable name for machines; the message is for people and names the file,
    the cause and the way out. Its sentence is made here alone, of ``what`` happened and the
    ``way_out``, which is empty where ``what`` tells that too. ``ends_run``: no other video or task
    would fare better, so all work ends.
    """

    exit_code = ExitCode.BUG
    kind = "bug"
    ends_run = False

    def __init__(self, what: str, way_out: str = "") -> None:
        super().__init__(what)
        self.what, self.way_out = what, way_out

    def __str__(self) -> str:
        return f"{self.what.removesuffix('.')}. {self.way_out}" if self.way_out else self.what

    def with_more(self, way_out: str) -> Self:
        """Return the same error with one more way out."""
        other = type(self).__new__(type(self), *self.args)
        vars(other).update(vars(self), way_out=f"{self.way_out} {way_out}".lstrip())
        return other


class UsageError(PrepError):
    """The command or its settings cannot be carried out."""

    exit_code = ExitCode.USAGE
    kind = "usage"


class InputError(UsageError):
    """Nothing to work on at the paths given."""

    kind = "input"


class DatasetError(UsageError):
    """The dataset folder cannot be used as it is."""

    kind = "dataset"


class FfmpegUnusableError(UsageError):
    """No ffmpeg, one that is too old, or one without what was asked of it."""

    kind = "ffmpeg"
    ends_run = True


class HwaccelError(FfmpegUnusableError):
    """The hardware acceleration that was asked for does not work on this machine."""

    kind = "hwaccel"


class VideoError(PrepError):
    """One video cannot be done; the others are."""

    exit_code = ExitCode.SOME_FAILED
    kind = "video"


class NotAVideoError(VideoError):
    """Nothing in the file can be read as a video."""

    kind = "not-a-video"


class NoVideoStreamError(VideoError):
    """The file is readable, but holds no moving pictures."""

    kind = "no-video-stream"


class EncryptedError(VideoError):
    """The pictures of the file are encrypted."""

    kind = "encrypted"


class TooManyFramesError(VideoError):
    """The video has more frames than the file names have digits for."""

    kind = "too-many-frames"


class DamagedVideoError(VideoError):
    """The video is damaged and the settings say that this is a failure."""

    kind = "damaged"


class SourceChangedError(VideoError):
    """The file is no longer the one that was extracted, or changed meanwhile."""

    kind = "source-changed"


class DecoderDiedError(VideoError):
    """Ffmpeg was killed or gave up."""

    kind = "decoder-died"


class DecoderKilledError(DecoderDiedError):
    """Ffmpeg was killed from outside, or for want of memory: it may well succeed again."""


class DecoderHungError(VideoError):
    """Ffmpeg made no progress for too long and was stopped."""

    kind = "decoder-hung"


class WorkerDiedError(VideoError):
    """The process that worked on it died or hung, and again when that was repeated."""

    kind = "worker-died"


class UnbalancedVideoError(VideoError):
    """What is on the disk is not what the records say."""

    kind = "unbalanced"


class DiskFullError(PrepError):
    """No room left where the dataset is; no further video can succeed."""

    exit_code = ExitCode.SOME_FAILED
    kind = "disk-full"
    ends_run = True

    def __init__(self) -> None:
        super().__init__(
            "No space left where the dataset is. The videos done so far are complete; make room "
            "and run the same command again to go on."
        )

    def __reduce__(self) -> tuple[type["DiskFullError"], tuple[()]]:
        return type(self), ()


class UndecidedError(PrepError):
    """Nothing was done, as it would touch the work of people: one of them must decide first."""

    exit_code = ExitCode.FINDINGS
    kind = "undecided"


class CvatError(PrepError):
    """CVAT or the network to it."""

    exit_code = ExitCode.CVAT
    kind = "cvat"


class CvatUnreachableError(CvatError):
    """Nothing answers at the address, or what answers is not CVAT."""

    kind = "cvat-unreachable"
    ends_run = True


class CvatAuthError(CvatError):
    """CVAT does not know who asks: a wrong password, an expired token, no credentials."""

    kind = "cvat-auth"
    ends_run = True


class CvatPermissionError(CvatError):
    """CVAT knows who asks, and does not let them do that."""

    kind = "cvat-permission"
    ends_run = True


class CvatRefusedError(CvatError):
    """CVAT says no, and why; nothing was done."""

    kind = "cvat-refused"


class CvatUncertainError(CvatError):
    """Whether the request was carried out is not known: no answer, or one with this ``status``."""

    kind = "cvat-uncertain"

    def __init__(self, what: str, way_out: str = "", status: int | None = None) -> None:
        super().__init__(what, way_out)
        self.status = status


class RequestLostError(CvatUncertainError):
    """CVAT knows nothing of a request that it accepted: what it was to do is not done."""

    kind = "cvat-request-lost"


class UnprovenError(CvatError):
    """CVAT does not show what was sent."""

    kind = "unproven"

    def __init__(self, task_id: int, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.task_id = task_id


class InterruptedRunError(PrepError):
    """Stopped by a person; the same command goes on where it was."""

    exit_code = ExitCode.INTERRUPTED
    kind = "interrupted"
    ends_run = True


def unreadable(path: object, error: OSError) -> DatasetError:
    """Return the error that says that a file or folder of a dataset cannot be read, and why."""
    way_out = "Check the disk, and that it is connected."
    if isinstance(error, PermissionError):
        way_out = "Give yourself the right to read it."
    return DatasetError(f"{printable(path)}: cannot be read: {cause_of(error)}. {way_out}")


def cause_of(error: OSError) -> str:
    """Return why the system refused, in its words; not every such error has some."""
    return printable(error.strerror or error) or type(error).__name__


def printable(text: object) -> str:
    """Return ``text``, as of names from outside, with control characters and odd bytes escaped."""
    s = str(text)
    return s if s.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in s)


def _escaped(c: str) -> str:
    is_undecodable = "\ud800" <= c <= "\udfff"
    return c.encode("utf-8" if is_undecodable else "unicode_escape", "backslashreplace").decode()
