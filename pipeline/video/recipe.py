"""What ffmpeg is to do: what all passes over videos have in common, and what each one does."""

from dataclasses import dataclass
from typing import Any

from ..dataset.records import VideoInfo
from ..settings.dedupe import DedupeSettings
from ..settings.stages import ExtractSettings, RunSettings
from .binary import Ffmpeg
from .segments import Segment
from .still import COMPARED_FORMATS, Blocks

EVERYTHING = "1"
"""The condition that selects every frame."""


@dataclass(frozen=True)
class Recipe:
    """What all passes of a run have in common.

    ``threads``: for decoder and encoder each; as many as ffmpeg likes if absent, which is best for
    one video. But many at once are done sooner, in less memory, with few threads each.
    """

    settings: ExtractSettings
    dedupe: DedupeSettings
    run: RunSettings
    ffmpeg: Ffmpeg
    threads: int | None

    @property
    def thread_options(self) -> dict[str, Any]:
        """The options that say so to ffmpeg."""
        return {} if self.threads is None else {"threads": self.threads}


@dataclass(frozen=True)
class Pass:
    """What one run of ffmpeg over a video does.

    ``condition``: an expression over ``N`` and ``PTS`` of FFmpeg's setpts, true for frames that
    are selected. ``blocks``: leave out those of them in which no block changed by more than that.
    ``hands_cells``: what remains is handed over as it is compared. ``hands_frames``: and as it is,
    to be encoded by another ffmpeg (`encoding_command`), once it was compared.
    ``writes_images``: else grey thumbnails of what remains, one after another, into one file.
    ``matrix``: write this colour matrix into all frames first. ``is_steady``: whether the stream
    keeps its size and pixel format, as far as is known. ``segment``: the part of the video that is
    decoded; ``condition`` then counts from its first frame. ``is_sample``: only few pixels of the
    selected frames are written, in their own depth, one frame after another, into one file.
    ``is_careful``: decode in one thread, and tell of each packet and frame in the log.
    ``ends_after``: no frame is decoded for its own sake behind this one, counted as by the
    condition. ``packets``: an expression over ``n`` of FFmpeg's bitstream filter noise, true for
    those that are decoded; all of them if absent. ``is_of_keys``: only keyframes are decoded.
    ``condition`` then counts the frames that are.
    """

    condition: str
    blocks: Blocks | None
    writes_images: bool
    hands_cells: bool = False
    hands_frames: bool = False
    matrix: str | None = None
    is_steady: bool = True
    segment: Segment | None = None
    is_sample: bool = False
    is_careful: bool = False
    ends_after: int | None = None
    packets: str | None = None
    is_of_keys: bool = False

    def selects_all(self, settings: ExtractSettings) -> bool:
        """Whether no frame is left out; the log then does not name the selected ones."""
        return self.condition == EVERYTHING and not settings.keyframes

    def converts_late(self, settings: ExtractSettings, info: VideoInfo) -> bool:
        """Whether only what is kept is converted to the colours of the images.

        The bytes are the same only where nothing else has to be converted: then one step does
        what otherwise takes two. But levels are those of the video, not of the images.
        """
        is_exact = self.is_steady or settings.levels is not None
        return is_exact and info.pixel_format in COMPARED_FORMATS
