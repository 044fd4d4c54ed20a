"""Tells by its first bytes whether a file is DICOM."""

from __future__ import annotations

from typing import BinaryIO, Literal

LONGEST_META = 200_000
"""The transfer syntax comes after two UIDs and a version, each of at most 64 KiB in a hostile file."""

_USUAL_META = 4096
_GROUP_LENGTH = b"\x02\x00\x00\x00"
_LENGTH_START, _LENGTH_END = 132, 144
_VALUE_REPRESENTATIONS = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split()
)


def read_beginning(stream: BinaryIO) -> bytes:
    """Read the file meta information and some more; nothing else says how the data set is encoded."""
    start = stream.read(_USUAL_META)
    if find_meta_end(start) <= len(start):
        return start
    return start + stream.read(LONGEST_META - len(start))


def find_meta_end(start: bytes) -> int:
    """Tell where the file meta information ends: its length stands first in it (PS3.10 7.1), else it may be long."""
    if start[_LENGTH_START : _LENGTH_START + 4] != _GROUP_LENGTH:
        return LONGEST_META
    return _LENGTH_END + int.from_bytes(start[_LENGTH_END - 4 : _LENGTH_END], "little")


def is_dicom(start: bytes, size: int) -> bool:
    """Accept a preamble, or a bare data set that begins as one must; pydicom would force its way into anything."""
    return start[128:132] == b"DICM" or (len(start) >= 16 and _begins_like_dataset(start, size))


def _begins_like_dataset(start: bytes, size: int) -> bool:
    orders: tuple[Literal["little", "big"], ...] = ("little", "big")
    for order in orders:
        group = int.from_bytes(start[:2], order)
        element = int.from_bytes(start[2:4], order)
        if group not in (0x0002, 0x0008) or element > 0x2000:
            continue
        implicit_length = int.from_bytes(start[4:8], order)
        if start[4:6] in _VALUE_REPRESENTATIONS or implicit_length + 8 <= min(size, 1024):
            return True
    return False
