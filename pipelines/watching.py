"""Takes in what others put into a folder: each subfolder, and all loose files together, become one upload with its job.

What is taken moves into a folder of our own beside it first, and is deleted there once quarantine has it, encrypted and
safe from a power cut, and its job waits. Whoever is killed in between leaves all of it there: the next one goes on.
"""

from __future__ import annotations

import logging
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from imaging.domain.base import UploadKey
from imaging.domain.job import IngestWork
from imaging.errors import InvalidInputError, NotFoundError, StateError
from imaging.locks import is_taken
from imaging.project.project import Project

log = logging.getLogger(__name__)

SOURCE = "watch folder"
TAKEN = ".imaging-taken"
_WHOLE = ".whole"
"""Ends the name of what quarantine has all of: its folder is only to be deleted, its job perhaps to be submitted."""
_LOOSE = ""

_State = frozenset[tuple[str, int, int]]
"""Path, bytes and time of change of each file."""


@dataclass
class Watcher:
    """One folder and the project that it leads to.

    Attributes
    ----------
    quiet
        Seconds for which nothing may change in what is taken: a sender may pause.
    """

    project: Project
    folder: Path
    quiet: float
    _seen: dict[str, tuple[_State, float]] = field(default_factory=dict)
    _left: int = 0

    def open(self) -> Path:
        """Make the folder for what is taken, to be held `exclusive`; go on with what a killed process left there.

        Raises
        ------
        InvalidInputError
            The folder is none, or nothing can be moved in it.
        StateError
            Another process watches it.
        """
        taken = self.folder / TAKEN
        try:
            taken.mkdir(mode=0o700, exist_ok=True)
        except OSError:
            raise InvalidInputError("the folder to watch is absent, or not ours to move files in") from None
        if is_taken(taken):
            raise StateError("folder", "is watched by another process")
        return taken

    def go_on(self) -> None:
        """Finish what an earlier process had taken."""
        for left in sorted((self.folder / TAKEN).iterdir()):
            name, whole, _ = left.name.partition(_WHOLE)
            if not left.is_dir() or not name.isdecimal():
                continue
            upload = UploadKey(int(name))
            if whole:
                self._submit(upload, left)
            elif begun := self._count_begun(upload):
                self._take_in(upload, left, begun)
            elif not self._put_back(left):
                anew = self.project.uploads.create(SOURCE)
                self._take_in(anew, left.rename(left.with_name(str(anew))), 0)

    def look(self) -> None:
        """Take what has not changed for long enough since the looks before."""
        now, groups = time.monotonic(), self._list_groups()
        unfit = 0
        for name, listed in groups.items():
            # A folder is taken whole or not at all; a loose file says nothing of those beside it.
            paths = [path for path in listed if name != _LOOSE or _read_state(self.folder, [path]) is not None]
            state = _read_state(self.folder, paths)
            unfit += len(listed) - len(paths)
            if state is None:
                unfit += 1
                continue
            before, since = self._seen.get(name, (None, now))
            self._seen[name] = (state, since if state == before else now)
            if state and state == before and now - since >= self.quiet:
                self._take(name, paths, state)
        self._seen = {name: seen for name, seen in self._seen.items() if name in groups}
        if unfit != self._left:
            log.warning("%d entries of the watched folder are left: links, special files, or not ours to move", unfit)
        self._left = unfit

    def _list_groups(self) -> dict[str, list[Path]]:
        groups: dict[str, list[Path]] = {}
        for entry in sorted(self.folder.iterdir()):
            # What begins with a dot is ours, or not written to its end.
            if not entry.name.startswith("."):
                inside = entry.is_dir() and not entry.is_symlink()
                groups.setdefault(entry.name if inside else _LOOSE, []).append(entry)
        return groups

    def _take(self, name: str, paths: list[Path], state: _State) -> None:
        upload = self.project.uploads.create(SOURCE)
        place = self.folder / TAKEN / str(upload)
        place.mkdir(mode=0o700)
        for path in paths:
            path.rename(place / path.name)
        del self._seen[name]
        if _read_state(place, list(place.iterdir())) == state or not self._put_back(place):
            self._take_in(upload, place, 0)
        else:
            # Somebody wrote on while it moved.
            self.project.uploads.finish(upload)

    def _count_begun(self, upload: UploadKey) -> int:
        """Tell how many files of a stopped upload quarantine has; none where somebody decided on it meanwhile."""
        try:
            (stopped,) = self.project.uploads.stopped(upload)
        except (NotFoundError, StateError):
            return 0
        return stopped.files

    def _put_back(self, place: Path) -> bool:
        """Have the next looks take what was moved; tells whether there was room for all of it."""
        for path in list(place.iterdir()):
            if not os.path.lexists(self.folder / path.name):
                path.rename(self.folder / path.name)
        with suppress(OSError):
            place.rmdir()
        return not place.exists()

    def _take_in(self, upload: UploadKey, place: Path, begun: int) -> None:
        """Bring into quarantine all but the first files, which are there: they are always taken in one order."""
        files = sorted(path for path in place.rglob("*") if path.is_file())
        with self.project.uploads.arriving(upload):
            for path in files[begun:]:
                with path.open("rb") as stream:
                    self.project.uploads.add(upload, str(path.relative_to(place)), stream)
            whole = place.rename(place.with_name(f"{upload}{_WHOLE}"))
        self._submit(upload, whole)

    def _submit(self, upload: UploadKey, whole: Path) -> None:
        try:
            job = self.project.jobs.submit(IngestWork(upload=upload))
        except (NotFoundError, StateError):
            # It was submitted before, or somebody decided on what stood there stopped.
            log.info("upload %d was taken up already", upload)
        else:
            log.info("upload %d is to be ingested", upload, extra={"job": job.id})
        shutil.rmtree(whole)


def _read_state(base: Path, paths: list[Path]) -> _State | None:
    """Tell what lies there; None where something is no plain file or folder, or is not ours to read or move."""
    state = []
    try:
        for path in _walk(paths):
            found = path.lstat()
            inside = stat.S_ISDIR(found.st_mode)
            if not (inside or stat.S_ISREG(found.st_mode)):
                return None
            if not os.access(path, os.R_OK | os.W_OK | os.X_OK if inside else os.R_OK):
                return None
            if not inside:
                state.append((str(path.relative_to(base)), found.st_size, found.st_mtime_ns))
    except FileNotFoundError:
        # It moves while it is looked at: the next look tells more.
        return frozenset()
    return frozenset(state)


def _walk(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _walk(sorted(path.iterdir()))
