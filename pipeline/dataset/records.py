"""What the stages hand to each other and leave on disk: plain frozen data, no behaviour of note.

Claims and measurements never share a name: ``frames_in_header`` is what a file says of itself,
``packets`` what the demuxer delivers, ``frames_decoded`` what the decoder delivers.
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..base.errors import ExitCode
from .change_map import ChangeMap
from .comparison import Comparison
from .image_folder import ImageNames
from .recording import RecordingInfo

FINDING_KINDS = frozenset(
    (
        *("copy", "damage", "files-missing", "not-restored", "nothing-selected", "other-bytes"),
        *("empty-side", "leak", "set-aside", "unreadable", "unreadable-folder", "which-stream"),
    )
)
"""Kinds of notice that a person must look at; the others explain and need nothing."""

SOFTWARE = "software"
"""The decoder of a video that no hardware decoded."""

_NEEDED = {"digits": int, "format": str}


@dataclass(frozen=True)
class Break:
    """A place where a tracker must not interpolate, between two neighbouring kept frames.

    ``after`` and ``before`` are their frame indices, ``frames`` how many lie between them,
    ``seconds`` the time from one to the other, ``None`` where the clock does not say.
    """

    kind: str
    after: int
    before: int
    frames: int
    seconds: float | None


@dataclass(frozen=True)
class Notice:
    """Something that a person may want to know of one video, and where in it.

    ``frame`` is a frame index, ``time_seconds`` a presentation time; absent for a whole video.
    """

    kind: str
    message: str
    frame: int | None = None
    time_seconds: float | None = None

    @property
    def is_finding(self) -> bool:
        """Whether a person must look at it."""
        return self.kind in FINDING_KINDS

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that it deserves."""
        return ExitCode.FINDINGS if self.is_finding else ExitCode.OK


@dataclass(frozen=True)
class SourceIdentity:
    """Which file a video came from: the first half of the resume key.

    ``name`` is the path under the input folder, ``path`` the absolute path at the time. ``stream``
    is the index of the video stream, ``None`` for the one that is taken if a person names none.
    """

    name: str
    path: str
    size_bytes: int
    mtime_ns: int
    sha256: str
    stream: int | None = None

    @property
    def content(self) -> tuple[str, int | None]:
        """What makes it another video than others: the content of the file, and the stream."""
        return self.sha256, self.stream


@dataclass(frozen=True)
class StreamInfo:
    """One stream of a container, as its header describes it.

    Of video streams also the size in pixels, whether players take it by default, and how many
    ``packets`` were counted.
    """

    index: int
    type: str
    codec: str
    is_cover_art: bool
    width: int | None = None
    height: int | None = None
    is_default: bool = False
    packets: int | None = None


@dataclass(frozen=True)
class VideoInfo:
    """What a file says of itself, read without decoding.

    Widths and heights are in pixels. ``coded_*`` is the size in the stream; the size that people
    see, after rotation, is measured on the images (``VideoRecord.image_width``). Rates and the
    time base are fractions as text (``30000/1001``). ``field_order`` is ``progressive``, or tells
    which field is coded first and which is shown first (``tt``, ``bb``, ``tb``, ``bt``).
    ``component_bits`` are those of the deepest component of a pixel, absent where that is not
    known, and in records of earlier versions.
    ``holds_timestamps`` is False for containers that cannot hold any, such as a bare H.264 stream,
    and ``None`` in records that do not say.
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
    field_order: str | None = None
    color_matrix: str | None = None
    component_bits: int | None = None
    holds_timestamps: bool | None = None
    recording: RecordingInfo = field(default_factory=RecordingInfo)

    @property
    def is_interlaced(self) -> bool:
        """Whether the header says that a frame is woven of two fields."""
        return self.field_order not in {None, "progressive"}

    @property
    def is_deep(self) -> bool:
        """Whether a component of a pixel has more than 8 bits."""
        return (self.component_bits or 8) > 8

    @property
    def video_streams(self) -> tuple[StreamInfo, ...]:
        """The video streams that are no cover art."""
        return tuple(s for s in self.streams if s.type == "video" and not s.is_cover_art)

    @property
    def stream_number(self) -> int:
        """The place of the stream among them, as FFmpeg's ``V:0``, ``V:1`` count."""
        return [stream.index for stream in self.video_streams].index(self.stream_index)

    @property
    def is_hdr(self) -> bool:
        """Whether the transfer function is PQ or HLG (ITU-R BT.2100)."""
        return self.color_transfer in {"smpte2084", "arib-std-b67"}


@dataclass(frozen=True)
class Counts:
    """The accounts of one video; every number is counted in its own way.

    ``frames_decoded = kept + duplicates + sampled_out + rejected`` and
    ``kept = files_on_disk`` hold for every committed video. ``counted`` is ``packets`` where only
    few frames were decoded, and ``frames_decoded`` is the number that the packets promise.
    """

    frames_in_header: int | None
    packets: int
    frames_decoded: int
    kept: int
    duplicates: int
    sampled_out: int
    rejected: int
    files_on_disk: int
    counted: str = "decoded"


def in_words(counted: str) -> str:
    """Return what may be said of frames that were counted so: they were decoded, or counted."""
    return "decoded" if counted == "decoded" else "counted"


def counted_together(counts: Iterable[Counts]) -> str:
    """Return how the frames of several videos were counted: each ``decoded``, or some not."""
    return "decoded" if all(each.counted == "decoded" for each in counts) else "packets"


@dataclass(frozen=True)
class VideoRecord:
    """The content of ``video.json``: everything about one video but its frames.

    ``duration_seconds`` is measured on the clock of the frames, ``None`` where they have none.
    ``start_seconds`` is the time of the first frame on the clock of the stream, ``None`` where the
    file does not hold it; ``start_date`` is the same as a date (ISO 8601) where that clock is one.
    ``image_width`` and ``image_height`` are measured on the first image, ``None`` where no frame
    was selected. ``rotation_degrees`` is the display rotation that ffmpeg reports and applies.
    ``segments`` are the indices of the frames at which it was cut into parts that were decoded, and
    compared, each for itself; the first is 0. ``levels`` are the grey levels of the video that are
    black and white in the images, absent where none were mapped.
    ``decoder`` is what decoded: ``software``, or the name of a hardware acceleration; both where
    segments differ (``cuda, software``), and ``None`` in old records. ``comparison``: how still
    frames were told, absent where none were left out, and in old records. ``changes``: where in the
    frame something changed, how often; absent in the same cases.
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
    levels: tuple[int, int] | None = None
    decoder: str | None = None
    start_seconds: float | None = None
    start_date: str | None = None
    comparison: Comparison | None = None
    changes: ChangeMap | None = None

    @property
    def frame_size(self) -> tuple[int, int] | None:
        """Width and height in pixels of the displayed frame; images may be smaller copies of it."""
        if self.image_width is None or self.image_height is None:
            return None  # no frame was selected
        if self.settings.get("max_size") is None:
            return self.image_width, self.image_height
        size = self.probe.coded_width, self.probe.coded_height
        return size[::-1] if round((self.rotation_degrees or 0) / 90) % 2 else size

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
        probe["recording"] = RecordingInfo(**probe.get("recording", {}))
        return cls(
            **{
                **data,
                "source": SourceIdentity(**data["source"]),
                "probe": VideoInfo(**probe),
                "counts": Counts(**data["counts"]),
                "breaks": tuple(Break(**each) for each in data["breaks"]),
                "warnings": tuple(Notice(**notice) for notice in data["warnings"]),
                "segments": tuple(data.get("segments", (0,))),
                "levels": tuple(data["levels"]) if data.get("levels") else None,
                "comparison": Comparison.from_json(data.get("comparison")),
                "changes": ChangeMap(**data["changes"]) if data.get("changes") else None,
            }
        )
