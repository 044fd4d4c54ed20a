"""Spreadsheets: archives or compound files by how they begin, which nothing here reads as tables."""

from __future__ import annotations

from imaging.dicom.zips import is_zip

_ENDINGS = (".xlsx", ".xlsm", ".xlsb", ".xltx", ".xls", ".ods", ".ots")
_COMPOUND_FILE = bytes.fromhex("d0cf11e0a1b11ae1")
"""Old ones, and new ones with a password."""


def is_spreadsheet(name: str, start: bytes) -> bool:
    """Whether a file of this name that begins with these bytes is a spreadsheet: neither alone tells it."""
    return name.lower().endswith(_ENDINGS) and (is_zip(start) or start.startswith(_COMPOUND_FILE))
