"""OpenCV, which is loaded when the first of it is used: ffmpeg can be at work by then."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import cv2
else:

    class _Late:
        def __getattr__(self, name: str) -> Any:
            import cv2

            return getattr(cv2, name)

    cv2 = _Late()

__all__ = ["cv2", "load"]


def load() -> None:
    """Load it, where there is time for it."""
    import cv2  # noqa: F401
