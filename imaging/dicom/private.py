"""Private attributes that the standard lists as safe: by creator, group and low byte, never by absolute tag."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from contextlib import suppress
from functools import cache

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from imaging.dicom.rules import Rules

_NO_CREATOR, _LAST_CREATOR, _FIRST_PRIVATE = 0x000F, 0x00FF, 0x1000


@cache
def _read_safe() -> Mapping[tuple[str, int, int], str]:
    """Give the value representation of each safe private attribute by creator, group and low byte (PS3.15 E.3.10)."""
    return {
        (line["creator"], int(line["group"], 16), int(line["element"], 16)): line["vr"]
        for line in csv.DictReader(Rules.SAFE_PRIVATE.read().splitlines())
    }


@cache
def _groups() -> frozenset[int]:
    return frozenset(group for _, group, _ in _read_safe())


def read_creators(header: Dataset) -> dict[int, str]:
    """Give who reserved the private blocks of a data set, by tag; blocks are reserved per data set (PS3.5 7.8.1)."""
    creators: dict[int, str] = {}
    groups = _groups()
    for tag in tuple(header.keys()):
        number = int(tag)
        if _NO_CREATOR < number & 0xFFFF <= _LAST_CREATOR and number >> 16 in groups:
            # A creator that cannot be read owns nothing that is safe.
            with suppress(Exception):
                # What comes before the name is no padding, and pydicom's dictionary knows it by the name alone.
                creators[number] = str(header[tag].value).rstrip(" \0")
    return creators


def find_safe(creators: Mapping[int, str], tag: BaseTag) -> tuple[BaseTag, str] | None:
    """Tell where the creator of a safe private attribute stands and its VR; None for every other attribute.

    Parameters
    ----------
    creators
        Of the data set that holds the attribute.
    """
    group, element = int(tag) >> 16, int(tag) & 0xFFFF
    reserved = (group << 16) | (element >> 8)
    if element < _FIRST_PRIVATE or reserved not in creators:
        return None
    representation = _read_safe().get((creators[reserved], group, element & 0xFF))
    return None if representation is None else (BaseTag(reserved), representation)
