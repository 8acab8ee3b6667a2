"""Settings of what has to do with CVAT; see `settings.stages`."""

from dataclasses import dataclass

from ..base.errors import UsageError, printable
from .stages import option


@dataclass(frozen=True)
class CvatSettings:
    """Where CVAT is. Credentials are never read from a file."""

    host: str | None = option(None, "Address of the CVAT server; also CVAT_HOST.", metavar="URL")
    organization: str | None = option(
        None, "Short name of the organization to work in.", metavar="SLUG"
    )
    ca_file: str | None = option(
        None,
        "Certificates (PEM) to trust for the server's TLS, instead of the usual ones.",
        metavar="FILE",
    )
    timeout_seconds: int = option(
        60,
        "Give up waiting for an answer of the server after this many seconds.",
        metavar="SECONDS",
        minimum=1,
        maximum=3600,
    )


@dataclass(frozen=True)
class UploadSettings:
    """What becomes of a dataset in CVAT: one project, tasks, jobs."""

    project: str | None = option(
        None, "Project, by name or id; made if there is none. Default: the dataset's name."
    )
    labels: str | None = option(
        None,
        "Labels of the project, if it has to be made: CVAT's raw labels (JSON), or YAML.",
        metavar="FILE",
    )
    jobs: str = option(
        "runs",
        "Cut each task into jobs where a tracker must not interpolate (runs), every job_size "
        "frames (size), or not at all (one).",
        choices=("runs", "size", "one"),
    )
    job_size: int = option(
        1000,
        "Frames a job at most; longer runs are cut evenly.",
        metavar="FRAMES",
        minimum=1,
        maximum=10**6,
    )
    overlap: int = option(
        0,
        "With jobs: size, frames that neighbouring jobs share.",
        metavar="FRAMES",
        minimum=0,
        maximum=10**6,
    )
    shortest_job: int = option(
        3,
        "With jobs: runs, a run of fewer frames joins its neighbour; the break in it is listed.",
        metavar="FRAMES",
        minimum=1,
        maximum=10**6,
    )
    task_size: int = option(
        10_000,
        "Frames a task at most; a longer video becomes several, cut at breaks where possible.",
        metavar="FRAMES",
        minimum=1,
        maximum=10**6,
    )
    image_quality: int = option(
        70,
        "Quality of what annotators see while they work, 0 to 100; the images themselves are kept "
        "as they are.",
        minimum=0,
        maximum=100,
    )
    subset: str | None = option(None, "Subset of the tasks, such as train.", metavar="NAME")
    bug_tracker: str | None = option(None, "Address of an issue tracker.", metavar="URL")
    assignee: str | None = option(None, "User name of who gets the tasks.", metavar="USER")
    share: str | None = option(
        None,
        "Send no images: the dataset lies on the server's share, under this folder of it ('' for "
        "its root).",
        metavar="PREFIX",
    )
    cloud_storage: int | None = option(
        None,
        "Send no images: the dataset lies in this cloud storage of the server, under --share.",
        metavar="ID",
        minimum=1,
    )
    verify: str = option(
        "5", "Frames a task to read back and compare byte by byte, or all.", metavar="N"
    )
    request_size: int = option(
        64,
        "MiB a request at most; lower it where a proxy refuses large ones (413).",
        metavar="MIB",
        minimum=1,
        maximum=100,
    )
    parallel: int = option(3, "Tasks to send at once.", metavar="N", minimum=1, maximum=32)
    deadline_seconds: int = option(
        3600,
        "Give up on a task that the server has not made after this many seconds.",
        metavar="SECONDS",
        minimum=1,
        maximum=7 * 86400,
    )

    def __post_init__(self) -> None:
        if self.verify != "all" and not (self.verify.isascii() and self.verify.isdigit()):
            raise UsageError(
                f"verify: '{printable(self.verify)}' is neither a number of frames nor all."
            )
        if self.overlap and (self.jobs != "size" or self.overlap > self.job_size // 2):
            raise UsageError("overlap: goes with jobs: size only, and is half of job_size at most.")

    @property
    def sends_images(self) -> bool:
        """Whether the images go over the wire; else they are where the server finds them."""
        return self.share is None and self.cloud_storage is None


@dataclass(frozen=True)
class AuditSettings:
    """Which boxes that CVAT fills in between keyframes are worth a look."""

    tolerance_px: float = option(
        2.0,
        "Report a box that is off by more than this from where the clock says.",
        metavar="PIXELS",
        minimum=0.01,
    )
    max_span_frames: int = option(
        200, "Report more frames than this between two keyframes.", metavar="FRAMES", minimum=1
    )
    max_span_seconds: float = option(
        10.0, "Report more time than this between two keyframes.", metavar="SECONDS", minimum=0.01
    )
    max_stall_seconds: float = option(
        2.0,
        "Retime follows the clock over a jump of at most this, as when a camera stalls; a longer "
        "one is a break like any other.",
        metavar="SECONDS",
        minimum=0,
    )
