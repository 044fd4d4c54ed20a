"""Converts single values: what has the form of its kind stays to the letter, anything else goes."""

from __future__ import annotations

import re
from collections.abc import Callable

from pydicom.dataelem import DataElement
from pydicom.multival import MultiValue

from imaging.dicom.numbers import is_decimal
from imaging.dicom.vocabulary import is_term

Convert = Callable[[object], object | None]

_TIME = re.compile(r"(?:[01]\d|2[0-3])(?:[0-5]\d(?:(?:[0-5]\d|60)(?:\.\d{1,6})?)?)?")
_AGE = re.compile(r"(\d{3})([DWMY])")
_DUMMIES: dict[str, object] = {
    **dict.fromkeys(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"), "PSEUDONYMISED"),
    **dict.fromkeys(("DS", "IS"), "0"),
    **dict.fromkeys(("US", "SS", "UL", "SL", "SV", "UV", "AT"), 0),
    **dict.fromkeys(("FL", "FD"), 0.0),
    **dict.fromkeys(("OB", "OW", "UN"), b"\0\0"),
    **dict.fromkeys(("OF", "OL"), b"\0" * 4),
    **dict.fromkeys(("OD", "OV"), b"\0" * 8),
    "AS": "000D",
    "DA": "19000101",
    "DT": "19000101000000",
    "TM": "000000",
    "UI": "2.25.0",
    "UR": "urn:pseudonymised",
}


TEXTS = frozenset({"LO", "LT", "SH", "ST", "UC", "UT"})
_UNSPECIFIED = {"RescaleType": "US", "ModalityLUTType": "US"}
"""Where the standard has a term for what is not told (PS3.3 C.11.1.1.2)."""


def fill_text(keyword: str, representation: str) -> object:
    """Give the text that stands where none of the original may stay, and one must be."""
    return _UNSPECIFIED.get(keyword) or give_dummy(representation)


def give_dummy(representation: str) -> object:
    """Give the value that stands for a removed one where there must be one (PS3.15 E.3, code D)."""
    return _DUMMIES.get(representation, "")


def each(element: DataElement, convert: Convert) -> object | None:
    """Convert every value; one that does not pass takes the whole element with it."""
    values = values_of(element)
    converted = [convert(value) for value in values]
    if any(value is None for value in converted):
        return None
    return converted[0] if len(converted) == 1 else converted


def values_of(element: DataElement) -> list[object]:
    """All values of an element as a list."""
    return list(element.value) if isinstance(element.value, (MultiValue, list, tuple)) else [element.value]


def is_time(text: str) -> bool:
    """Whether a text is a time of day, to the hour or finer (PS3.5 6.2, TM without its old colons)."""
    return _TIME.fullmatch(text) is not None


def keep_number(value: object) -> object | None:
    """Keep a number; a decimal or integer string keeps its letters."""
    if isinstance(value, str) or hasattr(value, "original_string"):
        text = str(getattr(value, "original_string", value)).strip(" \0")
        return text if is_decimal(text) else None
    return value if isinstance(value, (int, float)) else None


def keep_time(value: object) -> str | None:
    """Keep a time of day."""
    text = str(value).strip(" \0").replace(":", "")
    return text if is_time(text) else None


def keep_terms(element: DataElement) -> object | None:
    """Keep known terms; in a multi-valued element an unknown one becomes OTHER, since places have meanings."""
    texts = [str(value or "").strip(" \0") for value in values_of(element)]
    kept = [text if text == "" or is_term(text) else "OTHER" for text in texts]
    if len(kept) == 1:
        return kept[0] if kept[0] == texts[0] else ""
    return kept


def cap_age(value: object, cap: int) -> str | None:
    """Keep an age; above the cap it becomes the cap plus one."""
    found = _AGE.fullmatch(str(value).strip())
    if found is None:
        return None
    return f"{cap + 1:03d}Y" if found[2] == "Y" and int(found[1]) > cap else found[0]


def years_of(age: str) -> int | None:
    """Give an age (VR AS) in years when it is told in years."""
    found = _AGE.fullmatch(age.zfill(4))
    return int(found[1]) if found and found[2] == "Y" else None
