"""Staging and publication: an image or a segmentation appears whole or not at all."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from imaging.errors import ImagingError, VerificationError
from imaging.locks import exclusive
from imaging.pyramid.objects import OBJECTS, find_places, remove_objects

log = logging.getLogger(__name__)

STAGING = ".staging"
REMOVED = ".removed"
"""What is no longer part of anything and has objects in a store that are still to be removed."""

_AT_A_TIME = 8
_EXCHANGE = 2
_AT_FDCWD = -100


def staging_folder(images: Path) -> Path:
    """Name a fresh folder to write in, on the same file system as the images."""
    return images / STAGING / uuid.uuid4().hex


def publish(staging: Path, final: Path) -> None:
    """Make everything in a staging folder durable, then let it appear under its final name in one step.

    A folder that already stands there is replaced in one step as well, and then removed.
    """
    put_in_place(staging, final)
    discard(staging, staging.parent.parent)


def put_in_place(staging: Path, final: Path) -> None:
    """As `publish`; what stood there before lies in the staging folder then, for the caller to `discard`."""
    sync_tree(staging)
    final.parent.mkdir(parents=True, exist_ok=True)
    if final.exists():
        _exchange(staging, final)
    else:
        staging.rename(final)
    sync(final.parent)


def discard(folder: Path, images: Path) -> None:
    """Remove a folder that is no longer part of anything, the objects first that its arrays have in a store.

    A store that does not let go of them now keeps nobody waiting: the folder, which alone knows where they lie, waits
    in `.removed` for the next who holds the staging area alone, or erases a subject.
    """
    if next(folder.rglob(OBJECTS), None) is None:
        shutil.rmtree(folder, ignore_errors=True)
        return
    waiting = images / REMOVED / uuid.uuid4().hex
    waiting.parent.mkdir(exist_ok=True)
    # Whoever else removes it was quicker.
    with suppress(FileNotFoundError):
        folder.rename(waiting)
        sync(waiting.parent)
        try:
            _remove(waiting)
        except ImagingError as error:
            log.warning("objects of what was removed are still in the store: %s", error)


def withdraw(group: Path) -> None:
    """Take away the group of an image that is deleted, in one step and once nobody writes into it any more.

    Whoever comes to write into it then finds none, instead of making its folder anew.
    """
    images = group.parent
    with staging_area(images), suppress(FileNotFoundError):
        with exclusive(group):
            staging = staging_folder(images)
            group.rename(staging)
        discard(staging, images)


def empty_removed(images: Path) -> None:
    """Remove for good what `discard` could not; UnavailableError where the store still does not let go of it."""
    damaged: VerificationError | None = None
    for waiting in sorted((images / REMOVED).glob("*")):
        try:
            _remove(waiting)
        except VerificationError as error:
            damaged = error
    if damaged is not None:
        raise damaged


def _remove(folder: Path) -> None:
    # Somebody may remove it at the same time, and be done.
    with suppress(FileNotFoundError):
        for place in find_places(folder):
            remove_objects(place)
    shutil.rmtree(folder, ignore_errors=True)


def sync_tree(folder: Path) -> None:
    """Flush every file and folder below, and the folder itself, to disk."""
    folders: list[Path] = []
    files: list[Path] = []
    for place, _, names in os.walk(folder, topdown=False):
        folders.append(Path(place))
        files += (Path(place, name) for name in names)
    # A disk takes several at a time; files before the folders that name them.
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        list(pool.map(sync, files))
    for below in folders:
        sync(below)


def sync(path: Path) -> None:
    """Flush one file or folder to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def staging_area(images: Path, sweep: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the staging area of one project while writing into it.

    Whoever enters while nobody else holds it first removes what a killed process left: staging folders, and by `sweep`
    whatever else the caller knows to be half-made. The lock is the kernel's, so it dies with its process.
    """
    area = images / STAGING
    area.mkdir(parents=True, exist_ok=True)
    lock = os.open(area, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(lock, fcntl.LOCK_SH)
        else:
            for left in area.iterdir():
                discard(left, images)
            with suppress(ImagingError):
                empty_removed(images)
            if sweep is not None:
                sweep()
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield
    finally:
        os.close(lock)


def _exchange(one: Path, other: Path) -> None:
    """Swap two folders; in one step where the system can (Linux `renameat2`), else in three quick ones."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is not None:
        if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE) == 0:
            return
        if ctypes.get_errno() not in (errno.EINVAL, errno.ENOSYS):
            raise OSError(ctypes.get_errno(), "cannot replace a published folder")
    aside = one.with_name(f"{one.name}.old")
    other.rename(aside)
    one.rename(other)
    aside.rename(one)
