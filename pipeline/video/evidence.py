"""Gather from the log of ffmpeg what tells of damage, and the frames where it stands.

What ffmpeg does with a picture decides, not that it complains: it says "corrupt decoded frame" of
each one that its decoder had to mend, and tells of each packet that is rejected. With several
threads, as a video is decoded first, that comes anywhere near the frame, or not at all. So whatever
is suspect is decoded again in one thread (`video.graph.Pass.is_careful`), where ffmpeg also tells
of each step: what it says then stands before the frame that it concerns. Its demuxer has a thread
of its own, but there too lines and packets come in their order.
"""

import re
from array import array
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ..dataset.records import VideoInfo

_COMPLAINTS_KEPT = 200
_LINES_KEPT = 10_000

_MARKING = frozenset({"flv1", "h263", "h264", "mpeg1video", "mpeg2video", "mpeg4"})
"""Codecs whose decoders mark every picture that they had to mend, or reject its packet.

Measured with ffmpeg 9.0 and 5.1 on 40 clips of each of 19 kinds of such streams, in which a packet
was lost, cut, or had bits changed: where a picture was wrong and the decoder had said anything, one
was marked, a packet rejected, or a reference missing (`_LACKS`). What else they say is no damage.
HEVC fails in one clip of a hundred, and DV, FFV1, Motion JPEG, WMV and H.261 mark few or none.
"""

_LACKS = re.compile(
    r"mmco: unref short failure|Missing reference picture|reference picture missing during reorder"
    r"|co located POCs unavailable|Could not find ref with POC|Error constructing the frame RPS"
    r"|irst frame is no keyframe|First slice in a frame missing"
)
"""A picture that others are predicted from is not there: it is lost, or lies before a seek."""

_HARMLESS = re.compile(
    r"\b(SEI|VUI|DOVI|EXIF|ICC)\b|buffering period|display window|unable to decode APP fields"
    r"|low_delay flag|chapter track"
    r"|Hardware is lacking required|Failed setup for format|Unsupported codec ID",
    re.IGNORECASE,
)
"""No pixel is in what is wrong here: messages beside the pictures, as vendors and webcams write
them; and hardware that leaves a stream to the processor."""

_OF_PARSER = re.compile(
    r"missing picture in access unit|Failed to parse temporal unit|Invalid OBU length"
)
"""What parsers (H.264, HEVC, AV1) say under the decoder's name, but in the demuxer's thread."""

_WHILE_READING = re.compile(
    r"ended prematurely|partial file|truncated|error during demuxing|invalid as first byte"
    r"|read error",
    re.IGNORECASE,
)
"""What a demuxer says of data, not of a header: a small file is read whole while it is opened."""

_REJECTED = re.compile(r"Error (submitting packet|while decoding stream)|Decoding error")
# What the output side and the scaler say tells nothing of the footage.
_OUTPUT_SIDE = re.compile(
    r"\[(vost|out#|enc:|swscaler|Parsed_|graph|fc#|image2|null|wrapped_avframe|af#|vf#)"
)
# "[info] decoder -> ist_index:0 ... best_effort_ts:512", in newer ones "[info] decoder -> pts:512".
# Where a message before it lacks its line end, the step is glued to that message.
_STEP = re.compile(
    r"(?:(?:\[[^\[\]]*\] )*\[info\] |(?!\[info\])(?P<said>.*?))"
    r"(?P<who>demuxer|decoder) -> (?:.*? )?(?:pkt_pts|best_effort_ts|pts):(?P<pts>-?\d+|NOPTS)\b"
)
_GLUED = re.compile(r"!?(?:at [\d.]+ seconds|(?:\w*muxer|\w+coder|filter)\S* (?:->|<-)).*")
_CONTEXTS = re.compile(r"(?:\[[^\]]*\] ?)*")


class Evidence:
    """What ffmpeg said of damage. There are places in it only where ffmpeg was careful.

    ``is_suspect``: it said something that may concern pictures. ``complaints``: the first lines, as
    they came. ``opening``: what the demuxer complained of before the file was open. ``marked``: the
    indices of frames that are marked as corrupt. ``rejected``: for each packet that was rejected
    the frame that came next.

    Args:
        info: the header of the video.
        start_pts: where a segment begins, in time-base units. Frames count from there, and what is
            said before does not.
    """

    def __init__(self, info: VideoInfo, start_pts: int | None = None) -> None:
        self.is_suspect = False
        self.complaints: list[str] = []
        self.opening: list[str] = []
        self.marked: array[int] = array("i")
        self.rejected: array[int] = array("i")
        self._info, self._start_pts = info, start_pts
        self._other_codecs = tuple(
            f"[{stream.codec}" for stream in info.streams if stream.codec != info.codec
        )
        self._is_open = False
        self._is_threaded = False  # newer ffmpeg: demuxer and decoder each have a thread
        self._frames = 0
        # Of each decoder's context: when and before which frame it said what.
        self._said: dict[str, list[tuple[int, int, str]]] = {}
        self._lines = 0
        # What the demuxer said, and the timestamp of the packet that came next; or none came yet.
        self._at_packets: list[tuple[int, str]] = []
        self._at_next: list[str] = []
        self._at_end: list[str] = []

    def add(self, line: str, level: str | None, frames_shown: int) -> bool:
        """Take in a line; return whether it was a step or a complaint.

        Args:
            line: as ffmpeg writes it.
            level: its level, if it has one.
            frames_shown: how many frames had come out of the filter graph by then.
        """
        step = _STEP.match(line) if " -> " in line else None
        self._is_threaded = self._is_threaded or line.startswith("[vist#")
        is_complaint = level not in {None, "info"} and self._is_complaint(line, str(level))
        if is_complaint:
            self._add_complaint(line, frames_shown)
        if step is not None:
            self._add_step(step["who"], None if step["pts"] == "NOPTS" else int(step["pts"]))
        self._is_open = self._is_open or line.startswith("[info] Input #0")
        return is_complaint or step is not None

    def said_by_decoder(self) -> Iterator[tuple[int, str]]:
        """Give what was said of frames by decoders that do not mark them, and their indices.

        The demuxer's parser speaks under the decoder's name, in the other thread. But what it says
        of a packet the decoder says again, later: that one is heard.
        """
        last = {
            context: {text: when for when, _, text in said} for context, said in self._said.items()
        }
        for context, said in self._said.items():
            is_repeated = any(
                later.get(text, -1) > when
                for other, later in last.items()
                if other != context
                for text, when in last[context].items()
            )
            if not is_repeated:
                yield from ((frame, text) for _, frame, text in said)

    def said_by_demuxer(self, pts: npt.NDArray[np.int64]) -> Iterator[tuple[int, str]]:
        """Give what the demuxer said while reading, and the frame of the packet that came next.

        Args:
            pts: int64, the timestamps of the frames. What comes behind them has their number for an
                index, and so has what was said at the end of the file.
        """
        for at, text in self._at_packets:
            if self._start_pts is None or at >= self._start_pts:
                later = np.flatnonzero(pts >= at)
                yield (int(later[0]) if len(later) else len(pts)), text
        yield from ((len(pts), text) for text in (*self._at_next, *self._at_end))

    def _is_complaint(self, line: str, level: str) -> bool:
        if _OUTPUT_SIDE.match(line) or line.startswith(self._other_codecs):
            return False
        stream = re.search(r"\bstream (?:= |#0:)?(\d+)", line)
        if stream and int(stream[1]) != self._info.stream_index:
            return False
        return level != "warning" or "corrupt" in line.lower()

    def _add_complaint(self, line: str, frames_shown: int) -> None:
        text = _GLUED.sub("", without_contexts(line)).rstrip(". ")
        if not text:
            return
        if len(self.complaints) < _COMPLAINTS_KEPT:
            self.complaints.append(text)
        context = line.partition("]")[0] if line.startswith("[") else ""
        is_of_demuxer = self._is_of_demuxer(context)
        if not self._is_open:  # what decoders say here they say again when it is the picture's turn
            if is_of_demuxer and _WHILE_READING.search(text):
                self._at_end.append(text)
                self.is_suspect = True
            elif is_of_demuxer and not _HARMLESS.search(text):
                self.opening.append(text)
            return
        lacks = _LACKS.search(text)
        if "corrupt decoded frame" in text:
            self.marked.append(self._frames)
        elif _REJECTED.search(text):
            self.rejected.append(self._frames)
        elif _HARMLESS.search(text):
            return
        elif is_of_demuxer or _OF_PARSER.search(text):
            if len(self._at_packets) + len(self._at_next) < _LINES_KEPT:
                self._at_next.append(text)
        elif lacks or self._info.codec not in _MARKING:
            said = self._said.setdefault(context, [])
            if len(said) < _LINES_KEPT:
                self._lines += 1
                said.append((self._lines, self._frames, text))
        # What a seek leaves without a reference comes before the first frame of the segment.
        if not (lacks and self._start_pts is not None and frames_shown == 0):
            self.is_suspect = True

    def _is_of_demuxer(self, context: str) -> bool:
        name = context.removeprefix("[").partition(" @")[0]
        is_ours = name in {"error", "fatal", "warning", self._info.container, "AVIOContext", "file"}
        if name == "flv":  # so the decoder of flv1 is called as well, and older demuxers
            is_ours = not self._is_threaded
        return name != self._info.codec and (is_ours or name.startswith("in#"))

    def _add_step(self, who: str, pts: int | None) -> None:
        if who == "demuxer":
            if pts is not None:
                self._at_packets.extend((pts, text) for text in self._at_next)
                self._at_next.clear()
            return
        if self._start_pts is not None and self._frames == 0:
            # Only a mark is sure to be of this very frame. What else is of the first ones after
            # all, the segment before finds in its border.
            del self.rejected[:]
            self._said.clear()
            if pts is not None and pts < self._start_pts:
                del self.marked[:]
                return
        self._frames += 1


def without_contexts(line: str) -> str:
    """Return what a line of ffmpeg says, without who says it and how loudly."""
    return line[_CONTEXTS.match(line).end() :]  # type: ignore[union-attr]
