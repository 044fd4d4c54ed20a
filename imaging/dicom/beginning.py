"""Tells by its first bytes whether a file is DICOM."""

from __future__ import annotations

from typing import Literal

_VALUE_REPRESENTATIONS = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split()
)


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
