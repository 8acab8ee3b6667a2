"""What validation found out: of each video, and of the whole dataset."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ...base.errors import ExitCode, printable
from ...base.guard import Failure, done, failures, worst
from ...dataset.marks import MARKS
from ...dataset.records import VideoRecord
from .video import Finding


@dataclass(frozen=True)
class ValidatedVideo:
    """What was found out about one video.

    ``images`` counts the frames that should have an image, ``proven`` those of them that were found
    right before and are the same files still, ``recovered`` those that an earlier run rejected and
    that are right now. ``marked`` has for each mark the frames that have
    it, the worst first, int64, and what was measured there, float32, both of shape (images,).
    """

    id: str
    record: VideoRecord
    images: int
    proven: int = field(compare=False)
    recovered: int
    marked: dict[str, tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]] = field(compare=False)
    findings: tuple[Finding, ...]

    status: ClassVar[str] = "validated"

    @property
    def exit_code(self) -> ExitCode:
        """Whether a person must look at something."""
        return ExitCode.FINDINGS if self.findings else ExitCode.OK

    @property
    def marks(self) -> dict[str, int]:
        """How many images have each mark."""
        return {mark: len(frames) for mark, (frames, _) in self.marked.items()}

    def marked_images(self) -> Iterator[dict[str, Any]]:
        """Yield the images that are marked for how they look, with what was measured.

        Mark by mark, the worst first.
        """
        for mark, (frames, values) in self.marked.items():
            names = self.record.images.names(frames)
            for frame, name, value in zip(frames.tolist(), names, values.tolist(), strict=True):
                yield {
                    "mark": mark,
                    "frame": frame,
                    "file": name,
                    "measure": MARKS[mark].measure,
                    "value": round(value, 2),
                }


@dataclass(frozen=True)
class ValidateResult:
    """The outcome of a whole run; ``foreign_folders`` are no videos of the dataset."""

    dataset: str
    videos: tuple[ValidatedVideo | Failure, ...]
    foreign_folders: tuple[str, ...]

    @property
    def done(self) -> tuple[ValidatedVideo, ...]:
        """The videos that did not fail."""
        return done(self.videos)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Why the others did."""
        return failures(self.videos)

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that this outcome deserves."""
        return max(worst(self.videos), ExitCode.FINDINGS if self.foreign_folders else ExitCode.OK)

    def to_json(self) -> dict[str, Any]:
        """Return what was found out as JSON-ready data."""
        return {
            "dataset": printable(self.dataset),
            "videos": [_video_json(video) for video in self.videos],
            "foreign_folders": [printable(name) for name in self.foreign_folders],
        }


def _video_json(video: ValidatedVideo | Failure) -> dict[str, Any]:
    if isinstance(video, Failure):
        found: dict[str, Any] = {
            "images": 0,
            "proven": 0,
            "recovered": 0,
            "counts": None,
            "marks": {},
            "marked": [],
            "findings": [],
            "error": video.error,
        }
    else:
        found = {
            "images": video.images,
            "proven": video.proven,
            "recovered": video.recovered,
            "counts": asdict(video.record.counts),
            "marks": video.marks,
            "marked": list(video.marked_images()),
            "findings": [
                {
                    "kind": finding.kind,
                    "frame": finding.frame,
                    "file": finding.file,
                    "message": finding.message,
                }
                for finding in video.findings
            ],
            "error": None,
        }
    return {"id": video.id, "status": video.status, **found}
