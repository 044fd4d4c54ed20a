"""Readers of foreign files, found by their entry points.

Groups `imaging.readers` (pictures) and `imaging.volume_readers` name classes without arguments.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from imaging.contracts import Reader, VolumeReader

READERS, VOLUME_READERS = "imaging.readers", "imaging.volume_readers"
_START_BYTES = 16
_PREAMBLE, _PREFIX = 128, b"DICM"
"""A DICOM file may begin as a TIFF file does (PS3.10 7.1)."""


def find_reader(path: Path) -> Reader | None:
    """Give the reader that recognises a picture by its first bytes; OSError when it cannot be read."""
    start = _read_start(path)
    if _is_dicom(start):
        return None
    return next((reader for reader in _load_readers() if reader.recognises(start[:_START_BYTES])), None)


def find_volume_reader(path: Path) -> VolumeReader | None:
    """Give the reader that recognises a volume by how it begins; OSError when it cannot be read."""
    if _is_dicom(_read_start(path)):
        return None
    return next((reader for reader in _load_volume_readers() if reader.recognises(path)), None)


def name_volume_reader(name: str) -> VolumeReader:
    """Give the reader of one format of volumes by the name of its entry point."""
    (point,) = entry_points(group=VOLUME_READERS, name=name)
    reader: VolumeReader = point.load()()
    return reader


def _read_start(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_PREAMBLE + len(_PREFIX))


def _is_dicom(start: bytes) -> bool:
    return start[_PREAMBLE:] == _PREFIX


@cache
def _load_readers() -> tuple[Reader, ...]:
    return tuple(point.load()() for point in entry_points(group=READERS))


@cache
def _load_volume_readers() -> tuple[VolumeReader, ...]:
    return tuple(point.load()() for point in entry_points(group=VOLUME_READERS))
