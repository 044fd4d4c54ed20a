"""Zip archives."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO

from imaging.dicom.archives import Entry

BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, ValueError, RuntimeError)
"""What reading a damaged one raises."""

_STARTS = (b"PK\x03\x04", b"PK\x05\x06")


def is_zip(start: bytes) -> bool:
    """Whether a file that begins with these bytes is a zip archive."""
    return start[:4] in _STARTS


class ZipArchive:
    """The members of a zip archive; see `Archive`."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._members = [member for member in archive.infolist() if not member.is_dir()]
        overlap = _overlap(self._members)
        self.packed = sum(member.compress_size for member in self._members)
        self.entries: Sequence[Entry] = [
            Entry(
                member.filename,
                member.file_size,
                _find_member_problem(member) or ("members overlap" if overlap else ""),
            )
            for member in self._members
        ]

    def open(self, number: int) -> AbstractContextManager[IO[bytes]]:
        """Read one of the entries."""
        return self._archive.open(self._members[number])


@contextmanager
def open_zip(path: Path) -> Iterator[ZipArchive]:
    """Open a zip archive."""
    with zipfile.ZipFile(path) as archive:
        yield ZipArchive(archive)


def _find_member_problem(member: zipfile.ZipInfo) -> str:
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a member is a symbolic link"
    return "a member is encrypted" if member.flag_bits & 0x1 else ""


def _overlap(members: Sequence[zipfile.ZipInfo]) -> bool:
    spans = sorted((member.header_offset, member.header_offset + 30 + member.compress_size) for member in members)
    return any(end > start for (_, end), (start, _) in pairwise(spans))
