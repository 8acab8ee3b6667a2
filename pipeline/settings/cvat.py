"""Settings of what has to do with CVAT; see `settings.stages`."""

from dataclasses import dataclass

from ..base.errors import UsageError, printable
from .options import option


@dataclass(frozen=True)
class CvatSettings:
    """Where CVAT is. Credentials are never read from a file."""

    host: str | None = option(None, "Address of the CVAT server; also CVAT_HOST.", metavar="URL")
    organization: str | None = option(
        None,
        "Short name of the organization to work in ('' for none). Default: the one in which the "
        "dataset was uploaded.",
        metavar="SLUG",
    )
    ca_file: str | None = option(
        None,
        "Certificates (PEM) to trust when connecting to the server, instead of the usual ones.",
        metavar="FILE",
    )
    timeout_seconds: int = option(
        60,
        "Give up when the server has not answered for this many seconds.",
        metavar="SECONDS",
        minimum=1,
        maximum=3600,
    )


@dataclass(frozen=True)
class UploadSettings:
    """How a dataset is laid out in CVAT: a project, its tasks and their jobs."""

    project: str | None = option(
        None,
        "Project to upload to, by name or id; created if there is none. Default: the dataset's "
        "name.",
        metavar="NAME",
    )
    labels: str | None = option(
        None,
        "Labels for a project that has to be created: CVAT's raw labels (JSON), or YAML.",
        metavar="FILE",
    )
    jobs: str = option(
        "runs",
        "How to cut tasks into jobs: at breaks, where a tracker must not interpolate (runs), "
        "every job_size frames (size), or not at all (one).",
        choices=("runs", "size", "one"),
    )
    job_size: int = option(
        1000,
        "At most this many frames per job; longer runs are cut evenly.",
        metavar="FRAMES",
        minimum=1,
        maximum=10**6,
    )
    overlap: int = option(
        0,
        "With jobs size: how many frames neighbouring jobs share.",
        metavar="FRAMES",
        minimum=0,
        maximum=10**6,
    )
    shortest_job: int = option(
        25,
        "With jobs runs: a job has at least this many frames, if its task and job_size allow. "
        "Shorter runs are joined where it harms least; the breaks that are then inside a job "
        "are listed.",
        metavar="FRAMES",
        minimum=1,
        maximum=10**6,
    )
    task_size: int = option(
        10_000,
        "At most this many frames per task; a longer video becomes several tasks, cut at "
        "breaks where possible.",
        metavar="FRAMES",
        minimum=1,
        maximum=10**6,
    )
    seconds_per_image: float = option(
        5.0,
        "For the plan: what a person needs for an image, on average, to estimate the work. It "
        "is anything from 1 to 60 seconds: measure it in the first job.",
        metavar="SECONDS",
        minimum=0.01,
    )
    image_quality: int = option(
        70,
        "Quality, 0 to 100, of what annotators see while they work. The images themselves stay "
        "as they are.",
        minimum=0,
        maximum=100,
    )
    subset: str | None = option(
        None, "Subset to put the tasks into, such as train.", metavar="NAME"
    )
    bug_tracker: str | None = option(
        None, "Address of an issue tracker for the tasks.", metavar="URL"
    )
    assignee: str | None = option(
        None,
        "Name of the CVAT user to assign the tasks to, as a whole; jobs have their own.",
        metavar="USER",
    )
    assignees: str | None = option(
        None,
        "Names of CVAT users, separated by commas: deal out to them the jobs that nobody has yet. "
        "Each gets about as many frames, of as few videos as that allows.",
        metavar="USERS",
    )
    load: str = option(
        "frames",
        "What each of the assignees gets about as much of: frames, or boxes that are in CVAT by "
        "then, such as those that a tracker found.",
        choices=("frames", "boxes"),
    )
    ground_truth: float | None = option(
        None,
        "Also make a ground-truth job in each task, with this share of its frames: CVAT compares "
        "with it what annotators do.",
        metavar="SHARE",
        minimum=0.0001,
        maximum=1,
    )
    share: str | None = option(
        None,
        "Send no images: the dataset is on the server's share already, in this folder of it "
        "('' for its root).",
        metavar="PREFIX",
    )
    cloud_storage: int | None = option(
        None,
        "Send no images: the dataset is in the server's cloud storage with this id already, in "
        "the folder that --share names.",
        metavar="ID",
        minimum=1,
    )
    verify: str = option(
        "5", "How many frames per task to read back and compare byte by byte, or all.", metavar="N"
    )
    request_size: int = option(
        64,
        "Send at most this many MiB per request. Lower it if a proxy refuses large ones (413).",
        metavar="MIB",
        minimum=1,
        maximum=100,
    )
    parallel: int = option(3, "How many tasks to send at once.", metavar="N", minimum=1, maximum=32)
    deadline_seconds: int = option(
        3600,
        "Give up on a task that the server has not finished creating after this many seconds.",
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
        if self.load != "frames" and self.assignees is None:
            raise UsageError(
                f"load: {self.load} says how jobs are dealt out, and nobody is named to get them. "
                "Name people with --assignees."
            )
        if "," in (self.assignee or ""):  # which no name in CVAT has
            raise UsageError(
                f"assignee: '{printable(self.assignee)}' names several people, and a task has one. "
                "--assignees deals its jobs out to them."
            )

    @property
    def sends_images(self) -> bool:
        """Whether the images go over the wire; else they are where the server finds them."""
        return self.share is None and self.cloud_storage is None


@dataclass(frozen=True)
class AuditSettings:
    """Which of the boxes that CVAT fills in between keyframes are worth a look."""

    tolerance_px: float = option(
        2.0,
        "Report a box that is off by more than this many pixels from where the clock of the "
        "video puts it.",
        metavar="PIXELS",
        minimum=0.01,
    )
    max_span_frames: int = option(
        200, "Report more than this many frames between two keyframes.", metavar="FRAMES", minimum=1
    )
    max_span_seconds: float = option(
        10.0,
        "Report more than this many seconds between two keyframes.",
        metavar="SECONDS",
        minimum=0.01,
    )
    max_stall_seconds: float = option(
        2.0,
        "Where the clock of the video jumps by at most this much, as when a camera stalls, "
        "--retime follows it. A longer jump is a break like any other.",
        metavar="SECONDS",
        minimum=0,
    )
    collapse_share: float = option(
        0.9,
        "Report a polygon or polyline that shrinks between two keyframes to less than this share "
        "of the area, or length, that the smaller of both has, because they were drawn from other "
        "points or not the same way round.",
        metavar="SHARE",
        minimum=0,
        maximum=1,
    )
    jump_share: float = option(
        0.75,
        "Report a keyframe that is off the way from the one before to the next, and back, by more "
        "than this share of the object's size, and much farther than others of its track.",
        metavar="SHARE",
        minimum=0.01,
    )
    double_overlap: float = option(
        0.7,
        "Report two tracks of a label whose boxes overlap by at least this share (intersection "
        "over union) for double_frames, unless they are apart on most frames.",
        metavar="SHARE",
        minimum=0.3,
        maximum=1,
    )
    double_frames: int = option(
        10,
        "How many frames in a row two tracks must lie on each other to be reported; where jobs "
        "overlap, all frames that both show are enough.",
        metavar="FRAMES",
        minimum=1,
    )
    least_thickness_px: float = option(
        1.0,
        "Report a shape that is thinner than this many pixels.",
        metavar="PIXELS",
        minimum=0,
    )
    outside_share: float = option(
        0.75,
        "Report a shape of which more than this share lies outside of the image.",
        metavar="SHARE",
        minimum=0,
        maximum=1,
    )


@dataclass(frozen=True)
class AnnotateSettings:
    """How tracks of another program become tracks of CVAT."""

    max_error_px: float = option(
        2.0,
        "Set as few keyframes as leave every corner of a box within this many pixels of the box "
        "in the file.",
        metavar="PIXELS",
        minimum=0.1,
    )
    pixels: str = option(
        "video",
        "What the boxes in the file are of: the frames as the video shows them (video), or the "
        "images of the dataset (images), which --max-size may have made smaller.",
        choices=("video", "images"),
    )
    label: tuple[str, ...] = option(
        (),
        "Label of the boxes, where the file names none; repeated, those of the classes 1, 2, ….",
        metavar="NAME",
    )
