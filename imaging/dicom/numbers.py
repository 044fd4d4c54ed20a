"""Judges numbers: whether bytes or values in a numeric attribute are numbers, and not letters or an identifier."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable
from functools import cache

from pydicom.datadict import dictionary_VM
from pydicom.dataelem import RawDataElement

from imaging.dicom.own import OwnWords

_DECIMAL = re.compile(r"(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)?", re.ASCII)
_TEXT_NUMBERS = frozenset({"DS", "IS"})
_FORMATS = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d", "SV": "q", "UV": "Q", "AT": "H"}
_SHORTEST_TEXT = 6
_LETTERS = re.compile(rb"[\x20-\x7e\xc0-\xff]+")
_SMALLEST, _LARGEST = 1e-15, 1e12
"""Between them lies what is measured; letters in the place of a floating-point number seldom do."""


def is_number(raw: RawDataElement, own: OwnWords) -> bool:
    """Whether a numeric element that was not converted yet holds numbers and nothing else.

    Parameters
    ----------
    own
        What names the person: a number among it is none.
    """
    data = raw.value or b""
    if raw.VR in _TEXT_NUMBERS:
        parts = [part.strip(" \0") for part in data.decode("latin-1").split("\\")]
        return all(is_decimal(part) for part in parts) and not any(own.has_number(part) for part in parts)
    code = _FORMATS.get(raw.VR or "")
    if code is None:
        return False
    size = struct.calcsize(f"<{code}")
    count, rest = divmod(len(data), size)
    if rest or not _allows(dictionary_VM(raw.tag), count * size // (4 if raw.VR == "AT" else size)):
        return False
    values = struct.unpack(f"{'<' if raw.is_little_endian else '>'}{count}{code}", data)
    return are_numbers(values, raw.VR or "", own)


def is_decimal(text: str) -> bool:
    """Whether a decimal or integer string is empty or one number (PS3.5 6.2)."""
    return _DECIMAL.fullmatch(text) is not None


def are_numbers(values: Iterable[object], representation: str, own: OwnWords) -> bool:
    """Whether values of a binary representation are numbers that mean something, and no letters."""
    code = _FORMATS.get(representation)
    if code is None:
        return True
    numbers = [value for value in values if isinstance(value, (int, float))]
    if representation == "AT":
        # A tag that was converted is one number: it is judged as the two that it was written as.
        numbers = [half for tag in map(int, numbers) for half in ((tag >> 16, tag & 0xFFFF) if tag >> 16 else (tag,))]
    if code in "fd" and not all(value == 0 or _is_plausible(value) for value in numbers):
        return False
    try:
        packed = struct.pack(f"<{len(numbers)}{code}", *numbers)
    except (struct.error, OverflowError):
        return False
    if code == "f" and any(own.has_single(value) for value in numbers):
        return False
    return not is_text(packed) and not any(own.has_number(str(value)) for value in numbers)


def are_plausible(data: bytes, representation: str) -> bool:
    """Whether an array of floating-point numbers or indices is one: nearly all letters, read as numbers, are not."""
    code = {"OF": "f", "OD": "d"}.get(representation)
    if code is None:
        return re.search(rb"[0-9A-Za-z^]{6,}", data) is None
    size = struct.calcsize(f"<{code}")
    values = struct.unpack(f"<{len(data) // size}{code}", data[: len(data) // size * size])
    return all(value == 0 or math.isnan(value) or _is_plausible(value) for value in values)


def is_text(data: bytes) -> bool:
    """Six and more bytes that are all letters, digits or signs stand in the place of numbers."""
    stripped = data.strip(b"\0")
    return len(stripped) >= _SHORTEST_TEXT and _LETTERS.fullmatch(stripped) is not None


def _is_plausible(value: float) -> bool:
    return math.isfinite(value) and _SMALLEST <= abs(value) <= _LARGEST


@cache
def _allows(multiplicity: str, count: int) -> bool:
    """Whether the dictionary allows so many values (PS3.6, value multiplicity)."""
    low, _, high = multiplicity.partition("-")
    if not high:
        return count in (0, int(low))
    if high.endswith("n"):
        return count % int(high[:-1] or 1) == 0
    return count <= int(high)
