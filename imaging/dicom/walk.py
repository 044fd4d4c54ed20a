"""Finds the files of an upload: folders, single files, members of zip archives; guards against hostile ones."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath

from imaging.dicom.limits import RATIO_FREE_BYTES, Limits
from imaging.domain.outcome import Reason
from imaging.errors import InvalidInputError

_ZIP_START = b"PK\x03\x04"
_ZIP_EMPTY = b"PK\x05\x06"
_BLOCK = 2**20


@dataclass(frozen=True)
class Found:
    """One file to ingest; `name` as typed or found, with `archive.zip/member` for a member."""

    path: Path
    name: str


@dataclass(frozen=True)
class Refusal:
    """One file that is not even opened.

    `path` is where the bytes to keep lie: for a refused archive the archive, for members that could not be unpacked
    their archive, named once for all of them. It is None where there is nothing to keep, as for a link.
    """

    name: str
    reason: Reason
    detail: str = ""
    path: Path | None = None


def require_paths(paths: Sequence[Path]) -> None:
    """Refuse where a path does not exist, and say which by its place: a message holds no path."""
    for number, path in enumerate(paths, 1):
        if not path.exists():
            place = f" {_ordinal(number)}" if len(paths) > 1 else ""
            raise InvalidInputError(f"the{place} path does not exist")


def find_files(paths: Sequence[Path], limits: Limits, scratch: Path) -> Iterator[Found | Refusal]:
    """List every file exactly once, in a stable order.

    Parameters
    ----------
    paths
        Files and folders; a folder is walked to its leaves, hidden files too. Symbolic links are refused.
    limits
        Checked while unpacking, not after.
    scratch
        An empty folder of this upload; archive members are unpacked into it.

    Raises
    ------
    InvalidInputError
        A path does not exist.
    """
    count = 0
    for path in paths:
        for found in _walk(path, str(path), limits.folder_depth):
            for item in _open_archive(found, limits, scratch) if isinstance(found, Found) else (found,):
                count += 1
                if count <= limits.files:
                    yield item
                else:
                    yield Refusal(item.name, Reason.LIMIT_EXCEEDED, "too many files in one upload", item.path)


def _ordinal(number: int) -> str:
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _walk(path: Path, name: str, depth: int) -> Iterator[Found | Refusal]:
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        raise InvalidInputError("a path does not exist or cannot be read") from error
    if stat.S_ISLNK(mode):
        yield Refusal(name, Reason.ARCHIVE_REFUSED, "symbolic links are not followed")
    elif stat.S_ISDIR(mode):
        yield from _walk_folder(path, name, depth)
    elif stat.S_ISREG(mode):
        yield Found(path, name)
    else:
        yield Refusal(name, Reason.NOT_DICOM, "not a regular file")


def _walk_folder(path: Path, name: str, depth: int) -> Iterator[Found | Refusal]:
    if depth <= 0:
        yield from _refuse_folder(path, name)
        return
    try:
        children = sorted(os.listdir(path))
    except OSError:
        yield Refusal(name, Reason.UNREADABLE, "the folder cannot be listed")
        return
    for child in children:
        yield from _walk(path / child, f"{name}/{child}", depth - 1)


def _refuse_folder(folder: Path, name: str) -> Iterator[Refusal]:
    """Refuse every file below one by one, so that each is kept."""
    for place, _, children in os.walk(folder):
        for child in sorted(children):
            path = Path(place, child)
            kept = path if stat.S_ISREG(path.lstat().st_mode) else None
            found = f"{name}/{path.relative_to(folder).as_posix()}"
            yield Refusal(found, Reason.LIMIT_EXCEEDED, "folders are nested too deep", kept)


def _open_archive(found: Found, limits: Limits, scratch: Path) -> Iterator[Found | Refusal]:
    try:
        with found.path.open("rb") as stream:
            start = stream.read(4)
    except OSError:
        yield Refusal(found.name, Reason.UNREADABLE, "the file cannot be opened")
        return
    if start not in (_ZIP_START, _ZIP_EMPTY):
        yield found
        return
    try:
        with zipfile.ZipFile(found.path) as archive:
            members = [entry for entry in archive.infolist() if not entry.is_dir()]
            problem = _find_problem(members, limits)
            if problem is not None:
                yield Refusal(found.name, *problem, found.path)
                return
            yield from _unpack(archive, members, found, limits, scratch)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError):
        problem = (Reason.ARCHIVE_REFUSED, "the archive is damaged or of an unknown kind")
        yield Refusal(found.name, *problem, found.path)


def _find_problem(members: Sequence[zipfile.ZipInfo], limits: Limits) -> tuple[Reason, str] | None:
    """Judge the table of contents as a whole: a hostile archive is refused whole, never rewritten."""
    if not members:
        return Reason.ARCHIVE_REFUSED, "the archive is empty"
    if len(members) > limits.files:
        return Reason.LIMIT_EXCEEDED, "too many members"
    if len({member.filename for member in members}) != len(members):
        return Reason.ARCHIVE_REFUSED, "two members share a name"
    problem = next((found for member in members if (found := _find_member_problem(member))), None)
    if problem is not None:
        return Reason.ARCHIVE_REFUSED, problem
    if _overlap(members):
        return Reason.ARCHIVE_REFUSED, "members overlap"
    unpacked = sum(member.file_size for member in members)
    if unpacked > _allowed_bytes(sum(member.compress_size for member in members), limits):
        return Reason.LIMIT_EXCEEDED, "the archive unpacks to too much"
    return None


def _find_member_problem(member: zipfile.ZipInfo) -> str | None:
    if _escapes(member.filename):
        return "a member's name leads outside the archive"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a member is a symbolic link"
    if member.flag_bits & 0x1:
        return "a member is encrypted"
    return None


def _allowed_bytes(packed: int, limits: Limits) -> int:
    return min(limits.archive_bytes, max(RATIO_FREE_BYTES, int(packed * limits.archive_ratio)))


def _escapes(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return not parts or name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\0" in name


def _overlap(members: Sequence[zipfile.ZipInfo]) -> bool:
    spans = sorted((member.header_offset, member.header_offset + 30 + member.compress_size) for member in members)
    return any(end > start for (_, end), (start, _) in pairwise(spans))


def _unpack(
    archive: zipfile.ZipFile, members: Sequence[zipfile.ZipInfo], found: Found, limits: Limits, scratch: Path
) -> Iterator[Found | Refusal]:
    scratch.mkdir(parents=True, exist_ok=True)
    left = _allowed_bytes(sum(member.compress_size for member in members), limits)
    folder = scratch / f"{sum(1 for _ in scratch.iterdir()):06d}"
    folder.mkdir()
    kept: Path | None = found.path
    for number, member in enumerate(members):
        name = f"{found.name}/{member.filename}"
        target = folder / f"{number:08d}"
        try:
            written = _copy(archive, member, target, left)
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, ValueError, RuntimeError):
            problem = (Reason.UNREADABLE, "the member cannot be unpacked")
        else:
            if written is not None:
                left -= written
                yield Found(target, name)
                continue
            problem = (Reason.LIMIT_EXCEEDED, "the member is larger than announced")
        target.unlink(missing_ok=True)
        # One copy of the archive is enough for all of its members that are refused.
        yield Refusal(name, *problem, kept)
        kept = None


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, left: int) -> int | None:
    """Unpack one member; None when it grows past what is left (a size in a zip header is only a claim)."""
    written = 0
    with archive.open(member) as source, target.open("xb") as sink:
        while block := source.read(_BLOCK):
            written += len(block)
            if written > left:
                return None
            sink.write(block)
    return written
