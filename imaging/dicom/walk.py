"""Finds the files of an upload: folders, single files, members of archives; guards against hostile ones."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imaging.dicom import tars, zips
from imaging.dicom.archives import DAMAGED, Archive, allowed_bytes, copy, judge
from imaging.dicom.limits import Limits
from imaging.dicom.spreadsheets import is_spreadsheet
from imaging.domain.outcome import Reason
from imaging.errors import InvalidInputError, RefusedFileError

_BROKEN = (*zips.BROKEN, *tars.BROKEN)
_START = 512


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
            start = stream.read(_START)
        packing = tars.find_packing(found.path, start)
    except OSError:
        yield Refusal(found.name, Reason.UNREADABLE, "the file cannot be opened")
        return
    if is_spreadsheet(found.name, start):
        # Whoever sent it knows nothing of what it is packed of.
        yield found
        return
    try:
        if zips.is_zip(start):
            with zips.open_zip(found.path) as archive:
                yield from _unpack(archive, found, limits, scratch)
        elif packing is not None:
            with tars.open_tar(found.path, packing, limits) as archive:
                yield from _unpack(archive, found, limits, scratch)
        else:
            yield found
    except RefusedFileError as refusal:
        yield Refusal(found.name, refusal.reason, refusal.detail, found.path)
    except _BROKEN:
        yield Refusal(found.name, Reason.ARCHIVE_REFUSED, DAMAGED, found.path)


def _unpack(archive: Archive, found: Found, limits: Limits, scratch: Path) -> Iterator[Found | Refusal]:
    judge(archive, limits)
    scratch.mkdir(parents=True, exist_ok=True)
    left = allowed_bytes(archive.packed, limits)
    folder = scratch / f"{sum(1 for _ in scratch.iterdir()):06d}"
    folder.mkdir()
    kept: Path | None = found.path
    for number, entry in enumerate(archive.entries):
        name = f"{found.name}/{entry.name}"
        target = folder / f"{number:08d}"
        try:
            written = copy(archive, number, target, left)
        except _BROKEN:
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
