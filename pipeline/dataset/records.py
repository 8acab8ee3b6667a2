"""What the stages hand to each other and leave on disk: plain frozen data, no behaviour of note.

Claims and measurements never share a name: ``frames_in_header`` is what a file says of itself,
``packets`` what the demuxer delivers, ``frames_decoded`` what the decoder delivers.
"""

import dataclasses
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from .image_folder import ImageNames

if TYPE_CHECKING:  # the command line needs these records, but no arrays
    import numpy as np
    import numpy.typing as npt

MISSING_PTS = -(2**63)
"""Stands in an int64 array for a frame that has no timestamp (FFmpeg's AV_NOPTS_VALUE)."""

FINDING_KINDS = frozenset(
    {"copy", "damage", "files-missing", "nothing-selected", "unreadable-folder"}
)
"""Kinds of notice that a person must look at; the others explain and need nothing."""


_NEEDED = {"digits": int, "format": str}


class Fate(IntEnum):
    """What became of a decoded frame. On disk the lower-case name stands."""

    KEPT = 0
    DUPLICATE = 1
    SAMPLED_OUT = 2
    REJECTED = 3


class Reason(IntEnum):
    """Why a frame has its fate. On disk the lower-case name stands, nothing for NONE.

    STILL and SIMILAR are duplicates; all that follow are images that `stages.validate` rejected.
    """

    NONE = 0
    STILL = 1
    SIMILAR = 2
    MISSING = 3
    EMPTY = 4
    NOT_AN_IMAGE = 5
    WRONG_FORMAT = 6
    TRUNCATED = 7
    CORRUPT = 8
    TRAILING_DATA = 9
    WRONG_SIZE = 10
    WRONG_CONTENT = 11
    UNREADABLE = 12


MEASURES = ("sharpness", "brightness", "contrast")
"""The columns of a frame table that `stages.validate` measures."""


@dataclass(frozen=True)
class Break:
    """A place where a tracker must not interpolate, between two neighbouring kept frames.

    ``after`` and ``before`` are the frame indices around it, ``frames`` how many lie between
    them, ``seconds`` the time from one to the other, ``None`` where the clock does not say.
    """

    kind: str
    after: int
    before: int
    frames: int
    seconds: float | None


@dataclass(frozen=True)
class Notice:
    """Something that a person may want to know of one video, and where in it.

    ``frame`` is a frame index, ``time_seconds`` a presentation time; both absent where the
    notice concerns the whole video.
    """

    kind: str
    message: str
    frame: int | None = None
    time_seconds: float | None = None

    @property
    def is_finding(self) -> bool:
        """Whether a person must look at it (exit code 1)."""
        return self.kind in FINDING_KINDS


@dataclass(frozen=True)
class SourceIdentity:
    """Which file a video came from: the first half of the resume key.

    ``name`` is the path under the input folder, ``path`` the absolute path at the time.
    """

    name: str
    path: str
    size_bytes: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True)
class StreamInfo:
    """One stream of a container, as its header describes it."""

    index: int
    type: str
    codec: str
    is_cover_art: bool


@dataclass(frozen=True)
class VideoInfo:
    """What a file says of itself, read without decoding.

    Widths and heights are in pixels. ``coded_*`` is the size in the stream; the size that people
    see, after rotation, is measured on the images (``VideoRecord.image_width``). Rates and the
    time base are fractions as text (``30000/1001``).
    """

    container: str
    stream_index: int
    streams: tuple[StreamInfo, ...]
    codec: str
    profile: str | None
    pixel_format: str | None
    coded_width: int
    coded_height: int
    average_rate: str | None
    time_base: str
    start_time_seconds: float | None
    duration_seconds: float | None
    frames_in_header: int | None
    color_range: str | None
    color_primaries: str | None
    color_transfer: str | None

    @property
    def is_hdr(self) -> bool:
        """Whether the transfer function is PQ or HLG (ITU-R BT.2100)."""
        return self.color_transfer in {"smpte2084", "arib-std-b67"}


@dataclass(frozen=True, eq=False)
class PacketIndex:
    """The packets of the chosen stream, in file order.

    ``pts``: int64, shape (packets,), in time-base units, ``MISSING_PTS`` where absent.
    ``is_discarded``: bool, shape (packets,): an edit list hides the packet's frame.
    ``is_key``: bool, shape (packets,): decoding may begin here, the container says.
    ``complete``: False where the demuxer stopped with an error before the end.
    """

    pts: "npt.NDArray[np.int64]"
    is_discarded: "npt.NDArray[np.bool_]"
    is_key: "npt.NDArray[np.bool_]"
    complete: bool

    @property
    def shown_pts(self) -> "npt.NDArray[np.int64]":
        """The timestamps of the packets that are to be shown, in file order."""
        return self.pts[~self.is_discarded]


@dataclass(frozen=True)
class Complaint:
    """A line of ffmpeg that tells of damage.

    ``pts``: where the demuxer says so, in time-base units; else ``frames_before``, the number of
    frames delivered by then, tells roughly where.
    """

    text: str
    frames_before: int
    pts: int | None


COLUMNS = {
    "pts": "int64",
    "time_seconds": "float64",
    "fate": "int8",
    "reason": "int8",
    "duplicate_of": "int32",
    "duplicate_video": "object",
    "scene_score": "float32",
    "crc32": "int64",
    **dict.fromkeys(MEASURES, "float32"),
}
"""The columns of a frame table, and their dtypes."""


@dataclass(frozen=True, eq=False)
class FrameTable:
    """One row a decoded frame, in display order; the row number is the frame index.

    All arrays have shape (frames_decoded,): ``pts`` int64 in time-base units (``MISSING_PTS``
    where the frame has none), ``time_seconds`` float64 (NaN where it has none), ``fate`` int8
    (`Fate`), ``reason`` int8 (`Reason`), ``duplicate_of`` int32 (a frame index, -1 for none),
    ``duplicate_video`` object (the id of the video that frame is in, as str, empty for this one),
    ``scene_score`` float32 (0 to 100, FFmpeg's scdet), ``crc32`` int64 (of the image file as it
    was written, -1 where there was none). The others are measured by `stages.validate`, float32,
    NaN until then: ``sharpness`` (variance of the Laplacian), ``brightness`` (mean grey level, 0
    to 255), ``contrast`` (standard deviation of the grey levels).

    No array is written into: whoever changes a table makes another one, by `with_rows` or
    `dataclasses.replace`.

    Raises:
        TypeError: an array has another shape or dtype; a fault of the program.
    """

    pts: "npt.NDArray[np.int64]"
    time_seconds: "npt.NDArray[np.float64]"
    fate: "npt.NDArray[np.int8]"
    reason: "npt.NDArray[np.int8]"
    duplicate_of: "npt.NDArray[np.int32]"
    duplicate_video: "npt.NDArray[np.object_]"
    scene_score: "npt.NDArray[np.float32]"
    crc32: "npt.NDArray[np.int64]"
    sharpness: "npt.NDArray[np.float32]"
    brightness: "npt.NDArray[np.float32]"
    contrast: "npt.NDArray[np.float32]"

    def __post_init__(self) -> None:
        for name, dtype in COLUMNS.items():
            array = getattr(self, name)
            if array.dtype != dtype or array.shape != (len(self),):
                raise TypeError(
                    f"{name} must be {dtype} of shape ({len(self)},), not {array.dtype} of shape "
                    f"{array.shape}"
                )
            if array.flags.writeable:
                array = array.view()  # its maker may go on with the array itself
                array.setflags(write=False)
                object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.pts)

    def with_rows(self, rows: "npt.NDArray[np.integer]", **values: "npt.ArrayLike") -> "FrameTable":
        """Return a table that has these values in these rows, and is otherwise this one.

        Args:
            rows: frame indices.
            values: for each column that changes, one value, or one a row.
        """
        columns = {name: getattr(self, name).copy() for name in values}
        for name, column in columns.items():
            column[rows] = values[name]
        return dataclasses.replace(self, **columns)

    def count(self, fate: Fate) -> int:
        """Return the number of frames with this fate."""
        return int((self.fate == fate).sum())


@dataclass(frozen=True)
class Counts:
    """The accounts of one video; every number is counted in its own way.

    ``frames_decoded = kept + duplicates + sampled_out + rejected`` and
    ``kept = files_on_disk`` hold for every committed video.
    """

    frames_in_header: int | None
    packets: int
    frames_decoded: int
    kept: int
    duplicates: int
    sampled_out: int
    rejected: int
    files_on_disk: int


@dataclass(frozen=True)
class VideoRecord:
    """The content of ``video.json``: everything about one video but its frames.

    ``duration_seconds`` is measured on the clock of the frames, ``None`` where they have none.
    ``image_width`` and ``image_height`` are measured on the first image, ``None`` where no frame
    was selected. ``rotation_degrees`` is the display rotation that ffmpeg reports and applies.
    ``segments`` are the indices of the frames at which it was cut into parts that were decoded, and
    compared, each for itself; the first is 0.
    """

    id: str
    source: SourceIdentity
    settings_digest: str
    settings: dict[str, Any]
    ffmpeg_version: str
    probe: VideoInfo
    rotation_degrees: float | None
    image_width: int | None
    image_height: int | None
    counts: Counts
    breaks: tuple[Break, ...]
    warnings: tuple[Notice, ...]
    segments: tuple[int, ...] = (0,)
    duration_seconds: float | None = None

    @property
    def images(self) -> ImageNames:
        """The names of its images, and the numbers in them."""
        return ImageNames(self.id, self.settings["digits"], self.settings["format"])

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON-ready data."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "VideoRecord":
        """Read a record back.

        Raises:
            KeyError, TypeError: the data is not such a record.
        """
        if not all(isinstance(data["settings"][key], kind) for key, kind in _NEEDED.items()):
            raise TypeError("settings")
        if not all(
            isinstance(data["counts"][key], int) for key in ("frames_decoded", "kept", "rejected")
        ):
            raise TypeError("counts")
        probe = dict(data["probe"])
        probe["streams"] = tuple(StreamInfo(**stream) for stream in probe["streams"])
        return cls(
            **{
                **data,
                "source": SourceIdentity(**data["source"]),
                "probe": VideoInfo(**probe),
                "counts": Counts(**data["counts"]),
                "breaks": tuple(Break(**each) for each in data["breaks"]),
                "warnings": tuple(Notice(**notice) for notice in data["warnings"]),
                "segments": tuple(data.get("segments", (0,))),
            }
        )


@dataclass(frozen=True)
class AbsentSource:
    """The source of a video of the dataset that is not at hand.

    ``is_gone``: it is not even where it was any more, or another file is there.
    """

    id: str
    path: str
    is_gone: bool
