"""What an archive must be to be unpacked: a hostile one is refused whole, never rewritten."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from imaging.dicom.limits import RATIO_FREE_BYTES, Limits
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError

DAMAGED = "the archive is damaged or of an unknown kind"

_BLOCK = 2**16


@dataclass(frozen=True)
class Entry:
    """One file in the table of contents of an archive.

    Attributes
    ----------
    size
        In bytes, as announced.
    problem
        Why an archive that holds it is refused; empty where nothing is wrong with it.
    """

    name: str
    size: int
    problem: str = ""


class Archive(Protocol):
    """An opened archive: its files in order, folders left out."""

    entries: Sequence[Entry]
    packed: int
    """Bytes that it takes packed."""

    def open(self, number: int) -> AbstractContextManager[IO[bytes]]:
        """Read one of the entries, by its place among them."""


def judge(archive: Archive, limits: Limits) -> None:
    """Judge the table of contents as a whole.

    Raises
    ------
    RefusedFileError
        Nothing of the archive is unpacked.
    """
    entries = archive.entries
    if not entries:
        raise RefusedFileError(Reason.ARCHIVE_REFUSED, "the archive is empty")
    if len(entries) > limits.files:
        raise RefusedFileError(Reason.LIMIT_EXCEEDED, "too many members")
    if len({entry.name for entry in entries}) != len(entries):
        raise RefusedFileError(Reason.ARCHIVE_REFUSED, "two members share a name")
    for entry in entries:
        if _escapes(entry.name):
            raise RefusedFileError(Reason.ARCHIVE_REFUSED, "a member's name leads outside the archive")
        if entry.problem:
            raise RefusedFileError(Reason.ARCHIVE_REFUSED, entry.problem)
    if sum(entry.size for entry in entries) > allowed_bytes(archive.packed, limits):
        raise RefusedFileError(Reason.LIMIT_EXCEEDED, "the archive unpacks to too much")


def allowed_bytes(packed: int, limits: Limits) -> int:
    """Bytes that so many packed ones may unpack to."""
    return min(limits.archive_bytes, max(RATIO_FREE_BYTES, int(packed * limits.archive_ratio)))


def copy(archive: Archive, number: int, target: Path, left: int) -> int | None:
    """Unpack one entry; None when it grows past what is left (a size in an archive is only a claim)."""
    written = 0
    with archive.open(number) as source, target.open("xb") as sink:
        while block := source.read(_BLOCK):
            written += len(block)
            if written > left:
                return None
            sink.write(block)
    return written


def _escapes(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return not parts or name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\0" in name
