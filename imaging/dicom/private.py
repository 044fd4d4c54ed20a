"""Private attributes that the standard lists as safe: by creator, group and low byte, never by absolute tag."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from imaging.dicom.rules import Rules

_FIRST_PRIVATE = 0x1000


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


def find_safe(header: Dataset, tag: BaseTag) -> tuple[BaseTag, str] | None:
    """Tell where the creator of a safe private attribute stands and its VR; None for every other attribute.

    Parameters
    ----------
    header
        The data set that holds the attribute; blocks are reserved per data set (PS3.5 7.8.1).
    """
    if tag.group not in _groups() or tag.element < _FIRST_PRIVATE:
        return None
    reserved = BaseTag((tag.group << 16) | (tag.element >> 8))
    if reserved not in header:
        return None
    try:
        creator = str(header[reserved].value).strip(" \0")
    # A creator that cannot be read owns nothing that is safe.
    except Exception:
        return None
    representation = _read_safe().get((creator, tag.group, tag.element & 0xFF))
    return None if representation is None else (reserved, representation)
