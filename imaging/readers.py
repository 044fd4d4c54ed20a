"""Readers of foreign files, found by their entry points: group `imaging.readers` names a class without arguments."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from imaging.contracts import Reader

READERS = "imaging.readers"
_START_BYTES = 16


def find_reader(path: Path) -> Reader | None:
    """Give the reader that recognises a file by its first bytes; OSError when it cannot be read."""
    with path.open("rb") as stream:
        start = stream.read(_START_BYTES)
    return next((reader for reader in _load_readers() if reader.recognises(start)), None)


@cache
def _load_readers() -> tuple[Reader, ...]:
    return tuple(point.load()() for point in entry_points(group=READERS))
