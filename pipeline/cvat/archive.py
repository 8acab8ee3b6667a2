"""A zip of images, stored and not compressed, as a stream: it is never on disk or in memory."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zipstream.ng import ZipStream

from ..base.errors import UnbalancedVideoError, cause_of, printable

_READ_BYTES = 2**18


@dataclass(frozen=True)
class Archive:
    """The images of a folder as a zip.

    Attributes:
        folder: where they are.
        names: their file names, which are also those in the zip.
        crc32: the checksum that each must have.
    """

    folder: Path
    names: Sequence[str]
    crc32: Sequence[int]
    _sizes_bytes: list[int] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        """Look up how large the images are.

        Raises:
            UnbalancedVideoError: one is gone.
        """
        for name in self.names:
            try:
                self._sizes_bytes.append((self.folder / name).stat().st_size)
            except OSError as error:
                raise self._unreadable(name, error) from error

    @property
    def size_bytes(self) -> int:
        """The exact length of the stream."""
        return len(self._stream())

    def read(self, offset: int) -> Iterator[bytes]:
        """Yield the stream from a byte offset on.

        Raises:
            UnbalancedVideoError: an image is gone, or is not what was extracted.
        """
        for piece in self._stream():
            if offset < len(piece):
                yield piece[offset:]
            offset = max(0, offset - len(piece))

    def _stream(self) -> ZipStream:
        stream = ZipStream(sized=True)
        rows = zip(self.names, self._sizes_bytes, self.crc32, strict=True)
        for name, size_bytes, crc32 in rows:
            stream.add(self._image(name, size_bytes, crc32), name, size=size_bytes)
        return stream

    def _image(self, name: str, size_bytes: int, wanted: int) -> Iterator[bytes]:
        crc32, left = 0, size_bytes
        try:
            with (self.folder / name).open("rb") as file:
                while piece := file.read(_READ_BYTES):
                    crc32, left = zlib.crc32(piece, crc32), left - len(piece)
                    if left < 0:
                        break
                    yield piece
        except OSError as error:
            raise self._unreadable(name, error) from error
        if (crc32, left) != (wanted, 0):
            raise UnbalancedVideoError(
                f"{printable(self.folder / name)}: this image is not the one that was extracted. "
                "Run 'prep validate', which leaves it out; or extract the video again with "
                "'prep extract --overwrite'."
            )

    def _unreadable(self, name: str, error: OSError) -> UnbalancedVideoError:
        return UnbalancedVideoError(
            f"{printable(self.folder / name)}: cannot be read: {cause_of(error)}. Put it back, or "
            "run 'prep validate', which leaves it out."
        )
