"""Understand what ffmpeg says while it extracts: frames, sizes, damage, line by line.

Frames and log share one stream, so that a message of the filter graph stands exactly before the
frame it concerns.
"""

import re
from array import array
from dataclasses import dataclass

from ..base.errors import printable
from ..dataset.frame_table import MISSING_PTS
from ..dataset.records import VideoInfo
from .evidence import Evidence, without_contexts
from .graph import MARK
from .processes import DISK_FULL

_SIZES_KEPT = 200
_OF_CELLS = "generating non standard YUV stream"  # said of what is handed over, which is no stream
_LINE_LENGTH = 400

# '[Parsed_showinfo_7 @ 0x55d] [info] n:   0 pts: ... fmt:gray ... s:8x8 ... checksum:455B1DC8'
_SHOWN = re.compile(r"\[Parsed_showinfo_\d+ @ [^\]]+\] \[info\] (?P<rest>.*)")
_PICTURE = re.compile(r"n: *\d+ pts:.* (fmt:\S+) .*\b(s:\d+x\d+) .*\b(checksum:[0-9A-F]+)")
# '[Parsed_metadata_3 @ 0x55d] [info] frame:7    pts:280     pts_time:0.28'. Where a message before
# it lacks its line end, the prefix is missing and the row is glued to that message.
_ROW = re.compile(
    r"(?:\[Parsed_metadata_\d+ @ [^\]]+\] \[info\] |(?P<said>(?!\[info\]|\s).*?))"
    r"(?:frame:\d+ +pts:(?P<pts>-?\d+|NOPTS) +pts_time:\S+"
    rf"|lavfi\.scd\.score=(?P<score>[\d.]+)|{MARK}=(?P<mark>selected|kept|edge))$"
)
_SIZE = re.compile(
    r"\[graph .*context - (w: \d+ h: \d+ fmt: \w+)(?: csp: (\w+))?.*"
    r"frame - w: (\d+) h: (\d+) (fmt: \w+)(?: csp: (\w+))?"
)
# The level stands behind the contexts at the start; titles and names further on are not ffmpeg's.
_LEVEL = re.compile(r"(?:\[[^\[\]]*\] )*?\[(info|warning|error|fatal|panic)\] ")
_ROTATION = re.compile(r"(?:displaymatrix|Display Matrix): rotation of (-?\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class SizeChange:
    """From frame ``frame`` on the stream has another size in pixels, or pixel format."""

    frame: int
    width: int
    height: int


class Transcript:
    """What ffmpeg said, in memory that grows by 30 bytes a frame and is bounded for the rest.

    ``pts``, ``scene_score``: one entry a frame. ``selected``: the indices of the frames
    asked for; ``kept``: of those among them that were written. ``edge``: of those in which the left
    edge changed.
    ``pictures``: size, format and checksum of those that were looked at.
    ``evidence``: what tells of damage.
    ``changed_matrix``: the colour matrix of the first frame, where later ones have another.
    """

    def __init__(self, info: VideoInfo, start_pts: int | None = None) -> None:
        self.pts: array[int] = array("q")
        self.scene_score: array[float] = array("f")
        self.selected: array[int] = array("i")
        self.kept: array[int] = array("i")
        self.edge: array[int] = array("i")
        self._marked = {"selected": self.selected, "kept": self.kept, "edge": self.edge}
        self.pictures: list[str] = []
        self.evidence = Evidence(info, start_pts)
        self.size_changes: list[SizeChange] = []
        self.changed_matrix: str | None = None
        self.rotation_degrees: float | None = None
        self.disk_full = False
        self.hwaccel_failed = False
        self.last_line = "it said nothing"
        self._stream_index = info.stream_index
        self._pending_pts = MISSING_PTS
        self._described_stream = -1
        self._size: str | None = None

    def add(self, line: str) -> None:
        """Take in one line."""
        if match := _ROW.match(line):
            self._add_row(match)
            if not match["said"]:
                return
            line = match["said"]
        if match := _SHOWN.match(line):  # what it says of side data is not for us
            if picture := _PICTURE.match(match["rest"]):
                self.pictures.append(" ".join(picture.groups()))
            return
        level = _LEVEL.match(line)
        line = printable(line[:_LINE_LENGTH])
        if match := _SIZE.match(line):
            self._add_size(match)
            return
        is_told = self.evidence.add(line, level and level[1], len(self.pts))
        if level is None or level[1] == "info":
            if not is_told:
                self._add_description(line)
            return
        if _OF_CELLS not in line:
            self.last_line = without_contexts(line)
        if any(words in line for words in DISK_FULL):
            self.disk_full = True
        elif "Device creation failed" in line or "No device available for decoder" in line:
            self.hwaccel_failed = True

    def _add_row(self, match: re.Match[str]) -> None:
        if match["pts"]:
            self._pending_pts = MISSING_PTS if match["pts"] == "NOPTS" else int(match["pts"])
        elif match["score"]:
            self.pts.append(self._pending_pts)
            self.scene_score.append(float(match["score"]))
        else:  # on that branch the timestamp is the index
            self._marked[match["mark"]].append(self._pending_pts)

    def _add_description(self, line: str) -> None:
        if match := re.match(r"\[info\]   Stream #0:(\d+)", line):
            self._described_stream = int(match[1])
            return
        # The input is described first; the outputs repeat the stream numbers later.
        match = _ROTATION.search(line)
        if match and self._described_stream == self._stream_index and self.rotation_degrees is None:
            self.rotation_degrees = float(match[1])

    def _add_size(self, match: re.Match[str]) -> None:
        # ffmpeg repeats the message for each frame that differs from the first one.
        first, first_matrix, width, height, pixel_format, matrix = match.groups()
        if matrix != first_matrix:
            self.changed_matrix = first_matrix
        size = f"w: {width} h: {height} {pixel_format}"
        if size != (self._size or first) and len(self.size_changes) < _SIZES_KEPT:
            self.size_changes.append(SizeChange(len(self.pts), int(width), int(height)))
        self._size = size
