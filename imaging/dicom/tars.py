"""Tar archives, plain or packed by gzip or bzip2.

An archive that ends early or goes on after its end is damaged: `tarfile` would pass over the rest without a word.
"""

from __future__ import annotations

import bz2
import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
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
_LONGEST_HEADER, _LONGEST_HEADERS = 2**13, 64 * 2**20
"""Bytes of one name or extended header, and of all longer than a block."""
_EXTENDED = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE)
_NAMES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_RECORD = re.compile(rb"([1-9][0-9]{0,4}) ([^=\n]+)=")
_DIGITS = re.compile(rb"[0-9]{256}")
_NO_FILE = "a member is no regular file"
"""Nor is a sparse one: it grows to what it claims out of nothing."""
_BZIP2_END = 0x177245385090


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
    if packing is _open_bzip2 and not _ends_bzip2(path):
        raise RefusedFileError(Reason.ARCHIVE_REFUSED, DAMAGED)
    with packing(path) as stream, ExitStack() as opened:
        bounded = _Bounded(stream, allowed_bytes(packed, limits))
        try:
            # Over the bytes of the archive as read, so that nothing is read but through the bounds.
            archive = opened.enter_context(
                tarfile.open(fileobj=bounded, mode="r:", encoding="utf-8", errors="surrogateescape")
            )
            table = TarArchive(archive, bounded, packed, limits.files)
        except RefusedFileError:
            raise
        # Of some damage `tarfile` raises whatever reading past the end of a list raises.
        except Exception as error:
            raise RefusedFileError(Reason.ARCHIVE_REFUSED, DAMAGED) from error
        yield table


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
    """A stream that gives as many bytes as are allowed, and of headers only what `tarfile` reads in bounds.

    `tarfile` holds names and extended headers in memory at the length that they claim, and searches them in ways that
    take hours for a megabyte made for it.
    """

    def __init__(self, stream: _Stream, allowed: int) -> None:
        self._stream = stream
        self._allowed = allowed
        self._headers = 0
        self._listed = False
        self._extended: bytes | None = None
        """The kind of the extended header of which the content comes next."""

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes."""
        if self._listed:
            return self._stream.read(size)
        if not 0 <= size <= _LONGEST_HEADER or self.tell() > self._allowed:
            raise _refuse_headers()
        self._headers += size if size > _BLOCK else 0
        if self._headers > _LONGEST_HEADERS:
            raise _refuse_headers()
        data = self._stream.read(size)
        kind, self._extended = self._extended, None
        if kind is not None:
            _check_extended(kind, data)
        elif size == _BLOCK:
            self._extended = _check_header(data)
        return data

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


def _check_header(block: bytes) -> bytes | None:
    """Judge a header before its content is read; gives its kind where the content is a header too."""
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        # The end, or damage: `require_end` tells them apart.
        return None
    if header.size < 0:
        raise RefusedFileError(Reason.ARCHIVE_REFUSED, DAMAGED)
    if header.type == tarfile.GNUTYPE_SPARSE:
        raise RefusedFileError(Reason.ARCHIVE_REFUSED, _NO_FILE)
    return header.type if header.type in (*_EXTENDED, *_NAMES) else None


def _check_extended(kind: bytes, data: bytes) -> None:
    """Judge the content of an extended header: records one after the other, each as long as it says (POSIX pax)."""
    if kind in _NAMES:
        return
    # What holds for the whole archive is copied for each member.
    if (kind == tarfile.XGLTYPE and len(data) > _BLOCK) or _DIGITS.search(data):
        raise _refuse_headers()
    records, place = data.rstrip(b"\0"), 0
    while place < len(records):
        found = _RECORD.match(records, place)
        end = place + int(found[1]) if found else 0
        if found is None or end <= found.end() or records[end - 1 : end] != b"\n":
            raise RefusedFileError(Reason.ARCHIVE_REFUSED, DAMAGED)
        if found[2].startswith(b"GNU.sparse"):
            raise RefusedFileError(Reason.ARCHIVE_REFUSED, _NO_FILE)
        place = end


def _refuse_headers() -> RefusedFileError:
    return RefusedFileError(Reason.LIMIT_EXCEEDED, "the headers of the archive are too long")


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
    return "" if member.isreg() and not member.issparse() else _NO_FILE


def _ends_bzip2(path: Path) -> bool:
    """Whether a file ends as bzip2 does, at any bit: what stands behind, the library passes over without a word."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 11))
        end = int.from_bytes(stream.read(), "big")
    return any((end >> shift >> 32) & (2**48 - 1) == _BZIP2_END for shift in range(8))


def _open_plain(path: Path) -> IO[bytes]:
    return path.open("rb")


def _open_gzip(path: Path) -> gzip.GzipFile:
    return gzip.open(path, "rb")


def _open_bzip2(path: Path) -> IO[bytes]:
    return bz2.open(path, "rb")
