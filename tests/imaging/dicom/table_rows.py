"""Plants a token of its own in the attribute of each row of PS3.15 Table E.1-1."""

from __future__ import annotations

from datetime import date, timedelta

from pydicom.datadict import DicomDictionary, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

COMMANDS = frozenset({"00001000", "00001001"})
"""Rows of command elements, which are no part of a file's own data set."""


def tag_of(pattern: str) -> BaseTag:
    return BaseTag(int(pattern.replace("50xxxxxx", "50023000").replace("60xx", "6002"), 16))


def vr_of(tag: BaseTag) -> str:
    if tag.group == 0x6002:
        return "OB" if tag.element == 0x3000 else "LO"
    if tag.group == 0x5002:
        return "OB"
    # The dictionary of pydicom is older than the table; a younger attribute arrives as text.
    return dictionary_VR(tag).split(" or ")[0] if int(tag) in DicomDictionary else "LO"


def token_of(number: int, representation: str) -> str:
    if representation in ("DA", "DT"):
        return (date(1931, 1, 1) + timedelta(days=number)).strftime("%Y%m%d")
    if representation == "TM":
        return f"{number % 24:02d}{number // 24 % 60:02d}17.{number:06d}"
    if representation == "UI":
        return f"1.2.826.0.1.{9_100_000 + number}"
    if representation == "AS":
        return f"{100 + number % 800:03d}W"
    if representation in ("DS", "IS"):
        return str(7_300_000 + number)
    return f"TK{number:05d}Q"


def plant_row(number: int, pattern: str) -> tuple[DataElement, str | None]:
    """Give a row's attribute and the token in it; a binary number holds none."""
    tag = tag_of(pattern)
    representation = vr_of(tag)
    token = token_of(number, representation)
    if representation == "SQ":
        item = Dataset()
        item.add_new(0x00081160, "IS", "1")
        item.add_new(0x00080081, "ST", token)
        return DataElement(tag, "SQ", Sequence([item])), token
    if representation in ("OB", "OW", "UN"):
        return DataElement(tag, representation, token.encode() + b"\0" * (len(token) % 2)), token
    if representation in ("US", "UL", "FD", "FL", "SS", "SL"):
        return DataElement(tag, representation, 1), None
    value = token[:8] + "101112" if representation == "DT" else token
    return DataElement(tag, representation, value), token
