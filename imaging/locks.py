"""Folders that one process or many hold: the kernel's locks, which die with their process and leave no file behind."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Give a fresh private folder that is removed afterwards, come what may.

    What a killed process left is removed by the next who asks: the kernel's lock on a folder dies with its process.
    """
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as held:
        with exclusive(parent):
            _remove_abandoned(parent)
            folder = Path(tempfile.mkdtemp(dir=parent))
            # First, for a folder that cannot be locked; at the end whoever sweeps meanwhile removes the same.
            held.callback(shutil.rmtree, folder, ignore_errors=True)
            held.enter_context(exclusive(folder))
        yield folder


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.iterdir():
        try:
            lock = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Let one writer at a time change a folder, across processes; leaves no file behind."""
    with _locked(folder, fcntl.LOCK_EX):
        yield


@contextmanager
def exclusive_or_not(folder: Path) -> Iterator[bool]:
    """Take a folder as `exclusive` does without waiting for it; gives whether it could be taken."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def is_taken(folder: Path) -> bool:
    """Whether a process that lives has taken a folder by `exclusive`."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


@contextmanager
def unchanging(folder: Path) -> Iterator[None]:
    """Read a folder while nobody changes it who holds it `exclusive`; one that is not there needs no holding."""
    if not folder.is_dir():
        yield
        return
    with _locked(folder, fcntl.LOCK_SH):
        yield


@contextmanager
def _locked(folder: Path, mode: int) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, mode)
        yield
    finally:
        os.close(handle)
