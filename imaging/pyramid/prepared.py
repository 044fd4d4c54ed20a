"""Where prepared images lie: a cache beside the images, each entry whole or not there, held while it is read.

An entry is a folder named by the digest of all that decides its voxels; its manifest lies beside it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from imaging.domain.base import ImageKey
from imaging.errors import VerificationError
from imaging.pyramid.manifest import Difference, Manifest, load_manifest, verify
from imaging.pyramid.publish import staging_folder

FOLDER, GROUP, FACTS = "prepared", "image.ome.zarr", "prepared.json"
_SHOWN = 40
"""Characters of a digest in a name."""


@dataclass(frozen=True)
class Entry:
    """One prepared image; `used` orders entries by when they were last opened."""

    path: Path
    bytes: int
    used: float


def prepared_root(project: Path) -> Path:
    """The folder of all prepared images of a project, which no route serves."""
    return project / FOLDER


def entry_path(project: Path, image: ImageKey, digest: str) -> Path:
    """Where an image lies that was prepared by what the digest stands for."""
    return prepared_root(project) / str(image) / digest[:_SHOWN]


def manifest_of(entry: Path) -> Path:
    """Where the manifest of an entry lies."""
    return entry.with_name(f"{entry.name}.json")


def hold(entry: Path) -> int | None:
    """Keep an entry from being evicted; gives what `release` takes, None where there is no such entry."""
    try:
        handle = os.open(entry, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    fcntl.flock(handle, fcntl.LOCK_SH)
    # Evicted between opening and locking, the folder has lost its name.
    if not _is_at(handle, entry):
        os.close(handle)
        return None
    with suppress(OSError):
        os.utime(entry)
    return handle


def release(handle: int) -> None:
    """Let go of a held entry."""
    os.close(handle)


def remove_prepared(project: Path, image: ImageKey) -> None:
    """Remove all that was prepared of an image."""
    shutil.rmtree(prepared_root(project) / str(image), ignore_errors=True)


def list_entries(project: Path) -> list[Entry]:
    """List what is prepared, the longest unused first."""
    found = []
    for path in _entries(project):
        with suppress(FileNotFoundError):
            size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            found.append(Entry(path, size, path.stat().st_mtime))
    return sorted(found, key=lambda entry: (entry.used, entry.path))


def evict(project: Path, keep: int) -> list[Entry]:
    """Remove the longest unused entries until at most so many bytes are left; one that is held stays."""
    entries = list_entries(project)
    total, gone = sum(entry.bytes for entry in entries), []
    for entry in entries:
        if total > keep and _evict(project, entry.path):
            total -= entry.bytes
            gone.append(entry)
    return gone


def verify_prepared(project: Path) -> Iterator[tuple[Manifest, list[Difference]]]:
    """Read every byte of every entry against its manifest; paths are relative to the project's folder."""
    for path in _entries(project):
        handle = hold(path)
        if handle is None:
            continue
        try:
            manifest = load_manifest(manifest_of(path))
            found = [(path / one.path, one.problem) for one in verify(path, manifest)]
        except VerificationError:
            manifest, found = Manifest(files=()), [(manifest_of(path), "missing")]
        finally:
            release(handle)
        yield manifest, [Difference(path=one.relative_to(project).as_posix(), problem=why) for one, why in found]


def _entries(project: Path) -> list[Path]:
    return sorted(path for path in prepared_root(project).glob("[0-9]*/*") if path.is_dir())


def _evict(project: Path, entry: Path) -> bool:
    try:
        handle = os.open(entry, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A rename first: a reader sees the whole entry or none.
        aside = staging_folder(prepared_root(project))
        aside.parent.mkdir(parents=True, exist_ok=True)
        entry.rename(aside)
        manifest_of(entry).unlink(missing_ok=True)
        shutil.rmtree(aside, ignore_errors=True)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


def _is_at(handle: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(handle)
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)
