"""Codes of public schemes: the meaning comes from the dictionary, and a value that is no code of its scheme goes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from imaging.dicom.own import OwnWords, join_words
from imaging.dicom.values import read_text
from imaging.dicom.vocabulary import find_meaning

_TIMES = (
    *("0123456789", "1234067895", "2340178956", "3401289567", "4012395678"),
    *("5987604321", "6598710432", "7659821043", "8765932104", "9876543210"),
)
_SHIFTS = (
    "0123456789",
    "1576283094",
    "5803796142",
    "8916043527",
    "9453126870",
    "4286573901",
    "2793806415",
    "7046913258",
)


def _is_snomed(value: str) -> bool:
    """A SNOMED CT identifier ends in a check digit of Verhoeff's dihedral scheme (SCTID, 6 to 18 digits)."""
    if not re.fullmatch(r"[1-9]\d{5,17}", value):
        return False
    check = 0
    for place, digit in enumerate(reversed(value)):
        check = int(_TIMES[check][int(_SHIFTS[place % 8][int(digit)])])
    return check == 0


def _like(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


_VERSION = re.compile(r"\d{1,2}(?:\.\d{1,2})?")
_CODE_VALUES = frozenset(map(Tag, ("CodeValue", "LongCodeValue", "URNCodeValue")))

_SHAPES: Mapping[str, Callable[[str], bool]] = {
    "SCT": _is_snomed,
    "DCM": _like(r"1[0-3]\d{4}"),
    "SRT": _like(r"[A-Z][0-9A-F]?-[0-9A-F]{4,5}"),
    "LN": _like(r"\d{4,5}-\d"),
    "RADLEX": _like(r"RID\d{1,5}"),
    "NCIt": _like(r"C\d{4,6}"),
    # Leads of an electrocardiogram (SCP-ECG 5.6.3).
    "SCPECG": _like(r"5\.6\.3-9-\d{1,3}"),
}


def write_code(source: Dataset, result: Dataset, own: OwnWords) -> None:
    """Keep a code of a public scheme with the meaning that the scheme gives it (PS3.3 8.8); drop any other.

    Parameters
    ----------
    own
        What names the person; a code value among it is no code.
    """
    if "CodeValue" not in source or "CodingSchemeDesignator" not in source:
        return
    value, scheme = read_text(source, "CodeValue"), read_text(source, "CodingSchemeDesignator")
    meaning = find_meaning(value, scheme)
    shaped = scheme in _SHAPES and _SHAPES[scheme](value) and not _names(value, own)
    if meaning is None and not shaped:
        return
    result.CodeValue = value
    result.CodingSchemeDesignator = scheme
    if _VERSION.fullmatch(version := read_text(source, "CodingSchemeVersion")):
        result.CodingSchemeVersion = version
    # A code must say something to who reads: one that the dictionary does not know says itself.
    result.CodeMeaning = value if meaning is None else meaning


def lost_code(source: Dataset, result: Dataset) -> bool:
    """Whether an item was a code, and its code went: what else stands in it says nothing alone."""
    return not _CODE_VALUES.isdisjoint(source.keys()) and "CodeValue" not in result


def give_code() -> Dataset:
    """Give the item that stands for a code that went where there must be one."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "PSEUDONYMISED", "99IWS", "PSEUDONYMISED"
    return item


def _names(value: str, own: OwnWords) -> bool:
    digits = "".join(sign for sign in value if sign.isdigit())
    return value.casefold() in own.all or join_words(value) in own.all or own.has_number(digits)
