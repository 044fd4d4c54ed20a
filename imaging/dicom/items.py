"""Bounds what a parser makes objects of, before it does: two million empty items fit into 16 MB."""

from __future__ import annotations

from io import BufferedIOBase
from typing import BinaryIO

from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError

_ITEM, _SWAPPED_ITEM = b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00"
"""The tag (FFFE,E000) in little and big endian (PS3.5 7.5)."""

_HEADER_BYTES = 8
_PIECE = 2**24


class HeaderReader(BufferedIOBase):
    """Gives a parser no more bytes of a file than a header may hold.

    Sequences of undefined length are parsed where they stand, whatever the parser asks its caller about elements.
    """

    def __init__(self, stream: BinaryIO, most: int) -> None:
        self._stream, self._left = stream, most

    def read(self, size: int | None = -1, /) -> bytes:
        """Read on; LIMIT_EXCEEDED when the header is too large."""
        data = self._stream.read(-1 if size is None else size)
        self._left -= len(data)
        if self._left < 0:
            raise RefusedFileError(Reason.LIMIT_EXCEEDED, "the header is too large")
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place in the file."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """Tell the place in the file."""
        return self._stream.tell()


def has_more_items(stream: BinaryIO, size: int, most: int, *, swapped: bool) -> bool:
    """Whether more than `most` items may stand in the beginning of a file or data set.

    It is read only where it is large enough for them.

    Fragments of compressed pixels count as well; four bytes of other pixels are an item's tag once in 4 GB.

    Parameters
    ----------
    size
        How many bytes of the stream are counted.
    swapped
        The data set is big endian.
    """
    if size <= most * _HEADER_BYTES:
        return False
    tag, found, end = _SWAPPED_ITEM if swapped else _ITEM, 0, b""
    stream.seek(0)
    while found <= most and (piece := stream.read(min(_PIECE, size))):
        found += (end + piece).count(tag)
        end, size = piece[1 - len(tag) :], size - len(piece)
    return found > most
