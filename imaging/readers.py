"""Readers of foreign files, found by their entry points: group `imaging.readers` names a class without arguments."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from imaging.contracts import Reader

READERS = "imaging.readers"
_START_BYTES = 16
_PREAMBLE, _PREFIX = 128, b"DICM"
"""A DICOM file may begin as a TIFF file does (PS3.10 7.1)."""


def find_reader(path: Path) -> Reader | None:
    """Give the reader that recognises a file by its first bytes; OSError when it cannot be read."""
    with path.open("rb") as stream:
        start = stream.read(_PREAMBLE + len(_PREFIX))
    if start[_PREAMBLE:] == _PREFIX:
        return None
    return next((reader for reader in _load_readers() if reader.recognises(start[:_START_BYTES])), None)


@cache
def _load_readers() -> tuple[Reader, ...]:
    return tuple(point.load()() for point in entry_points(group=READERS))
