"""Links that stand between a unit of work and its driver."""

from typing import Any

from ...base.work import Link
from ...video.segments import Segment
from ...video.shelf import Shelf


class SegmentLink(Link):
    """The link of one segment.

    It tells of no more frames than the segment has, for those of its border are told by the next
    one. And all of them stop when the video is to be decoded in one piece.
    """

    def __init__(self, link: Link, segment: Segment, shelf: Shelf) -> None:
        self._link, self._shelf = link, shelf
        self._frames, self._come, self._told = segment.frames, 0, 0

    def tell(self, message: Any) -> None:
        """Tell of so many more frames, of those of the segment; of less where it is negative."""
        self._come += message
        told = min(self._come, self._frames)
        self._link.tell(told - self._told)
        self._told = told

    def is_stopped(self) -> bool:
        """Return whether the driver or another segment says so."""
        return self._link.is_stopped() or self._shelf.is_given_up


class CountingLink(Link):
    """Passes everything on, and counts the frames that were told."""

    def __init__(self, link: Link) -> None:
        self._link, self.frames_told = link, 0

    def tell(self, message: Any) -> None:
        """Tell of so many more frames."""
        self.frames_told += message
        self._link.tell(message)

    def is_stopped(self) -> bool:
        """Return what the other link says."""
        return self._link.is_stopped()


class ShareLink(Link):
    """The link of a video of which few frames are decoded: it tells of all, by their share."""

    def __init__(self, link: Link, few: int, frames: int) -> None:
        self._link, self._few, self._frames = link, few, frames
        self._come = self._told = 0

    def tell(self, message: Any) -> None:
        """Tell of as many frames as so many more of the few stand for."""
        self._come += message
        told = self._frames * min(self._come, self._few) // self._few
        self._link.tell(told - self._told)
        self._told = told

    def is_stopped(self) -> bool:
        """Return what the other link says."""
        return self._link.is_stopped()

    def take_back(self) -> None:
        """Tell that none of it is done."""
        self.tell(-self._come)
