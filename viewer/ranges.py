"""Byte ranges of HTTP. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")


class UnsatisfiableRangeError(Exception):
    """The range lies outside the file."""


@dataclass(frozen=True)
class ByteRange:
    """Bytes start..stop, stop exclusive."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """How many bytes."""
        return self.stop - self.start


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """Read a Range header for a file of `size` bytes; None where the whole file is to be sent.

    Several ranges at once and units other than bytes are ignored, as RFC 9110 allows.

    References
    ----------
    RFC 9110, 14.1.2 and 14.2
    """
    match = _ONE_RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        if int(last) == 0 or size == 0:
            raise UnsatisfiableRangeError
        return ByteRange(max(0, size - int(last)), size)
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        raise UnsatisfiableRangeError
    return ByteRange(start, min(int(last) + 1, size) if last else size)
