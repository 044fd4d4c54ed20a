"""What the standard says of each attribute: Table E.1-1 of PS3.15 and the attribute's type in its object (PS3.3).

The table is data: `rules/confidentiality_2026c.csv` has one line for each of its rows but one, the row for all private
attributes, which `private` handles. Its basic actions are those of edition 2026c. The option columns are those of
2025-01 and, for rows that are younger, of 2025b; the column `options_from` says which. One row has no known options.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from imaging.dicom.rules import Rules

EDITION = "2026c"
_NOT_OPTIONS = frozenset({"tag", "keyword", "basic", "options_from"})
_CURVES, _OVERLAYS = 0x5000, 0x6000
REQUIRED, REQUIRED_MAY_BE_EMPTY, OPTIONAL = 1, 2, 3


@dataclass(frozen=True)
class Row:
    """One row of Table E.1-1.

    Attributes
    ----------
    basic
        Action codes of the Basic Profile: X remove, Z empty, D dummy, U new UID; several where the attribute's type
        decides.
    options
        K (keep) or C (clean) per option that says something about this attribute.
    """

    keyword: str
    basic: str
    options: Mapping[str, str]


@cache
def read_table() -> Mapping[str, Row]:
    """Give all rows by tag, eight hex digits; `50xxxxxx`, `60xx3000` and `60xx4000` stand for repeating groups."""
    lines = csv.DictReader(Rules.CONFIDENTIALITY.read().splitlines())
    return {
        line["tag"]: Row(
            line["keyword"],
            line["basic"],
            {name: value for name, value in line.items() if value and name not in _NOT_OPTIONS},
        )
        for line in lines
    }


def find_row(tag: int) -> Row | None:
    """Look up one attribute, those of repeating groups too (PS3.5 7.6)."""
    group = tag >> 16
    if group & 0xFF01 == _CURVES:
        return read_table()["50xxxxxx"]
    if group & 0xFF01 == _OVERLAYS:
        return read_table().get(f"60xx{tag & 0xFFFF:04x}")
    return read_table().get(f"{tag:08x}")


def find_type(sop_class: str, tag: int, *, nested: bool) -> int:
    """Give the strictest type that an attribute has in an object: 1, 2 or 3; conditional types count as full ones.

    Inside sequences the object does not matter: an item that holds an attribute holds it for the same macro.
    """
    types = _nested_types() if nested else _object_types(sop_class)
    return types.get(tag, OPTIONAL)


def choose_basic(codes: str, attribute_type: int) -> str:
    """Resolve combined codes by the attribute's type (PS3.15 E.3): X where optional, Z or D where it must be there."""
    allowed = codes.replace("*", "").split("/")
    if "U" in allowed:
        return "U"
    wanted = {REQUIRED: "DZX", REQUIRED_MAY_BE_EMPTY: "ZDX", OPTIONAL: "XZD"}[attribute_type]
    return next(code for code in wanted if code in allowed)


@cache
def _types() -> Mapping[str, Mapping[str, object]]:
    loaded: Mapping[str, Mapping[str, object]] = json.loads(Rules.ATTRIBUTE_TYPES.read())
    return loaded


@cache
def _object_types(sop_class: str) -> Mapping[int, int]:
    types = _types()
    modules = types["iods"].get(str(types["sop_classes"].get(sop_class)), [])
    found: dict[int, int] = {}
    assert isinstance(modules, list)
    for module in modules:
        for tag, strictness in _unpack(types["modules"][module]).items():
            found[tag] = min(strictness, found.get(tag, OPTIONAL))
    return found


@cache
def _nested_types() -> Mapping[int, int]:
    return _unpack(_types()["nested"])


def _unpack(by_type: object) -> dict[int, int]:
    assert isinstance(by_type, dict)
    return {int(tag, 16): int(strictness) for strictness, tags in by_type.items() for tag in tags.split()}
