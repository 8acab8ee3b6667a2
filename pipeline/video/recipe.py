"""What all passes over the videos of one run have in common."""

from dataclasses import dataclass
from typing import Any

from ..settings.dedupe import DedupeSettings
from ..settings.stages import ExtractSettings, RunSettings
from .binary import Ffmpeg


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
