"""What belongs to one task, or job, of an export in CVAT's XML 1.1, as it is read."""

from dataclasses import dataclass, field

from .model import Track

MOST_FRAMES = 10**8
"""More than a video has: 400 hours of 60 frames a second."""


@dataclass(frozen=True)
class XmlImage:
    """An image of an export "for images"; ``frame`` is the task's, sizes are in pixels."""

    frame: int
    name: str
    width: int
    height: int


@dataclass
class XmlTask:
    """What is read of one task, or job: its head, and then what belongs to it.

    ``offset`` is the number that its frame 0 of the source has in the file, ``last`` its last one.
    """

    is_job: bool = False
    meta: dict[str, str] = field(default_factory=dict)
    segments: list[dict[str, str]] = field(default_factory=list)
    tracks: list[Track] = field(default_factory=list)
    images: list[XmlImage] = field(default_factory=list)
    shapes: int = 0
    offset: int = 0
    start: int = 0
    step: int = 1
    last: int = -1

    def begin_at(self, offset: int) -> int:
        """Place its frames behind those of the tasks before; return where they end."""
        step = self.meta.get("frame_filter", "").partition("step=")[2].strip()
        self.offset, self.step = offset, max(1, int(step or 1))
        if self.step > MOST_FRAMES:
            raise ValueError(f"a step of {self.step} frames")
        # A job's head counts the task's frames, while its shapes count the source's.
        self.start = 0 if self.is_job else int(self.meta.get("start_frame") or 0)
        stop = int(self.meta.get("stop_frame") or -1)
        self.last = stop if self.is_job else (stop - self.start) // self.step
        return offset + self.start + self.step * int(self.meta.get("size") or 0)

    def frame(self, given: str) -> int:
        """Return the task's number of a frame of the file."""
        frame = (int(given) - self.offset - self.start) // self.step
        if frame < 0:
            raise ValueError(f"frame {given}")
        return frame
