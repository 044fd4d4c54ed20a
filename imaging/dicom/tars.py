"""Tar archives, plain or packed by gzip or bzip2.

An archive that ends early or goes on after its end is damaged: `tarfile` would pass over the rest without a word.
"""

from __future__ import annotations

import bz2
import gzip
import io
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from imaging.dicom.archives import DAMAGED, Entry, allowed_bytes
from imaging.dicom.limits import Limits
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError

_Stream = IO[bytes] | gzip.GzipFile
_Packing = Callable[[Path], _Stream]

BROKEN = (tarfile.TarError, zlib.error, EOFError, OSError, ValueError)
"""What reading a damaged one raises."""

_BLOCK = tarfile.BLOCKSIZE
_READ = 2**16
_LONGEST_HEADERS = 64 * 2**20
"""Bytes of names and extended headers of a whole archive, which are held in memory."""


def find_packing(path: Path, start: bytes) -> _Packing | None:
    """Give what opens a tar archive for reading as if it were not packed; None for any other file.

    Parameters
    ----------
    start
        The first 512 bytes of the file.
    """
    for magic, opened in ((b"\x1f\x8b", _open_gzip), (b"BZh", _open_bzip2), (b"", _open_plain)):
        if start.startswith(magic):
            return opened if _begins_tar(opened, path) else None
    return None


@contextmanager
def open_tar(path: Path, packing: _Packing, limits: Limits) -> Iterator[TarArchive]:
    """Open a tar archive and read its table of contents, which lies between the files.

    Raises
    ------
    RefusedFileError
        It is damaged, or reading it costs more than allowed.
    """
    packed = path.stat().st_size
    with packing(path) as stream:
        bounded = _Bounded(stream, allowed_bytes(packed, limits))
        # Over the bytes of the archive as read, so that nothing is read but through the bounds.
        with tarfile.open(fileobj=bounded, mode="r:", encoding="utf-8", errors="surrogateescape") as archive:
            yield TarArchive(archive, bounded, packed, limits.files)


class TarArchive:
    """The members of a tar archive; see `Archive`."""

    def __init__(self, archive: tarfile.TarFile, stream: _Bounded, packed: int, most: int) -> None:
        self._archive = archive
        self._members: list[tarfile.TarInfo] = []
        self.packed = packed
        count = 0
        while (member := archive.next()) is not None:
            count += 1
            if member.size < 0:
                raise RefusedFileError(Reason.ARCHIVE_REFUSED, DAMAGED)
            # Folders count too: each is held in memory.
            if count > most:
                raise RefusedFileError(Reason.LIMIT_EXCEEDED, "too many members")
            if not member.isdir():
                self._members.append(member)
        stream.require_end(archive.offset)
        self.entries: Sequence[Entry] = [
            Entry(str(PurePosixPath(member.name)), member.size, _find_member_problem(member))
            for member in self._members
        ]

    def open(self, number: int) -> AbstractContextManager[IO[bytes]]:
        """Read one of the entries."""
        opened = self._archive.extractfile(self._members[number])
        if opened is None:
            raise tarfile.ReadError
        return opened


class _Bounded(io.RawIOBase):
    """A stream that gives as many bytes as are allowed, and never many at once.

    `tarfile` reads names and extended headers into memory at the length that they claim.
    """

    def __init__(self, stream: _Stream, allowed: int) -> None:
        self._stream = stream
        self._allowed = allowed
        self._headers = 0
        self._listed = False

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes."""
        if not self._listed and size != _BLOCK:
            self._headers += size
            if size < 0 or self._headers > _LONGEST_HEADERS:
                raise RefusedFileError(Reason.LIMIT_EXCEEDED, "the headers of the archive are too long")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; on the way there a packed stream is unpacked."""
        if whence != io.SEEK_SET or not 0 <= offset <= self._allowed:
            raise RefusedFileError(Reason.LIMIT_EXCEEDED, "the archive unpacks to too much")
        return self._stream.seek(offset)

    def tell(self) -> int:
        """Where it stands, in unpacked bytes."""
        return self._stream.tell()

    def require_end(self, offset: int) -> None:
        """Refuse unless the table of contents ends here: a block of zeros, and nothing but zeros behind it."""
        self.seek(offset)
        block = self._stream.read(_BLOCK)
        ended = len(block) == _BLOCK
        while block and ended:
            ended = not any(block)
            if self.tell() > self._allowed:
                raise RefusedFileError(Reason.LIMIT_EXCEEDED, "the archive unpacks to too much")
            block = self._stream.read(_READ)
        if not ended:
            raise RefusedFileError(Reason.ARCHIVE_REFUSED, DAMAGED)
        self._listed = True


def _begins_tar(opened: _Packing, path: Path) -> bool:
    try:
        with opened(path) as stream:
            # The checksum of a header tells: old archives have no magic bytes.
            tarfile.TarInfo.frombuf(stream.read(_BLOCK), "utf-8", "surrogateescape")
    except BROKEN:
        return False
    return True


def _find_member_problem(member: tarfile.TarInfo) -> str:
    if member.issym():
        return "a member is a symbolic link"
    # A sparse file grows to what it claims out of nothing.
    return "" if member.isreg() and not member.issparse() else "a member is no regular file"


def _open_plain(path: Path) -> IO[bytes]:
    return path.open("rb")


def _open_gzip(path: Path) -> gzip.GzipFile:
    return gzip.open(path, "rb")


def _open_bzip2(path: Path) -> IO[bytes]:
    return bz2.open(path, "rb")
