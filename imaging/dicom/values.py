"""Reads single header values at the border; a broken value counts as absent and never raises."""

from __future__ import annotations

import math
import struct
from functools import cache

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

_TEXTS = frozenset(("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "SH", "TM", "UI"))
_ESCAPE = b"\x1b"
_WHOLE_NUMBERS = {"US": ("H", 2), "SS": ("h", 2), "UL": ("L", 4), "SL": ("l", 4)}
"""How each is packed, and how many bytes it takes."""


@cache
def _find_tag(keyword: str) -> BaseTag | None:
    tag = tag_for_keyword(keyword)
    return None if tag is None else Tag(tag)


def convert(header: Dataset, tag: BaseTag) -> DataElement | None:
    """Give one element; None where pydicom cannot convert its value, so that nobody can judge it."""
    try:
        return header[tag]
    # It raises whatever the value's converter raises.
    except Exception:
        return None


def read_values(header: Dataset, keyword: str) -> tuple[object, ...]:
    """All values of one attribute, in order; empty when absent, empty or broken."""
    tag = _find_tag(keyword)
    if tag is None or tag not in header:
        return ()
    raw: object = header.get_item(tag)
    plain = _read_plain(raw) if isinstance(raw, RawDataElement) else None
    if plain is not None:
        return plain
    try:
        value = header[tag].value
    # pydicom raises whatever the value's converter raises, and its message quotes the value
    except Exception:
        return ()
    if value is None:
        return ()
    return tuple(value) if isinstance(value, (MultiValue, Sequence, list, tuple)) else (value,)


def _read_plain(raw: RawDataElement) -> tuple[object, ...] | None:
    """Read ASCII texts and whole numbers; None for all else.

    pydicom would convert the element for good, and it could not be written again as the bytes that it is.
    """
    data = raw.value
    if not data:
        return None
    if raw.VR in _TEXTS and data.isascii() and _ESCAPE not in data:
        return tuple(data.decode("ascii").rstrip(" \0").split("\\"))
    kind = _WHOLE_NUMBERS.get(raw.VR or "")
    if kind is None or len(data) % kind[1]:
        return None
    return struct.unpack(f"{'<' if raw.is_little_endian else '>'}{len(data) // kind[1]}{kind[0]}", data)


def read_text(header: Dataset, keyword: str) -> str:
    """First value as text without DICOM padding."""
    values = read_values(header, keyword)
    return str(values[0]).strip(" \0") if values else ""


def read_texts(header: Dataset, keyword: str) -> tuple[str, ...]:
    """All values as text without DICOM padding."""
    return tuple(str(value).strip(" \0") for value in read_values(header, keyword))


def read_numbers(header: Dataset, keyword: str, count: int | None = None) -> tuple[float, ...]:
    """All values as finite numbers; empty unless every one is, and unless there are `count` of them."""
    numbers: list[float] = []
    for value in read_values(header, keyword):
        number = _to_number(value)
        if number is None:
            return ()
        numbers.append(number)
    return tuple(numbers) if count is None or len(numbers) == count else ()


def read_number(header: Dataset, keyword: str) -> float | None:
    """First value as a finite number."""
    numbers = read_numbers(header, keyword)
    return numbers[0] if numbers else None


def read_integer(header: Dataset, keyword: str, default: int) -> int:
    """First value as an integer; `default` when absent, broken or fractional."""
    number = read_number(header, keyword)
    return default if number is None or number != int(number) else int(number)


def read_items(header: Dataset, keyword: str) -> tuple[Dataset, ...]:
    """Items of a sequence; empty when absent or broken."""
    return tuple(item for item in read_values(header, keyword) if isinstance(item, Dataset))


def read_item(header: Dataset, keyword: str) -> Dataset:
    """First item of a sequence; an empty data set when there is none."""
    items = read_items(header, keyword)
    return items[0] if items else Dataset()


def _to_number(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
