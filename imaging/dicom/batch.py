"""Pseudonymises a whole folder without a workspace: parallel, in flat memory, resumable, one outcome per file."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from imaging.dicom.copying import PARTIAL, Assignment, Made, Order, pseudonyms_of
from imaging.dicom.limits import Limits
from imaging.dicom.pseudonymise import Tally
from imaging.dicom.walk import find_files
from imaging.dicom.workers import copy_all
from imaging.domain.outcome import Held, Reason
from imaging.errors import InvalidInputError, StateError
from imaging.locks import scratch_folder

_FINISHED = ".written"
_ORDER = "order"
_WRITTEN_BEFORE = "an earlier run wrote another file of this UID, or this one under another profile"
_CANNOT_WRITE = "the output cannot be written: no space, or no permission"

Looked = Callable[[int], None]


@dataclass
class Batch:
    """The outcome of a run; `files` = `written` + `duplicates` + the number of `quarantined`.

    `others` are copies in the output folder that this run did not make: of other files, or under another key.
    """

    files: int = 0
    others: int = 0
    written: int = 0
    duplicates: int = 0
    quarantined: list[Held] = field(default_factory=list)
    pairs: dict[str, str] = field(default_factory=dict)
    tally: Tally = field(default_factory=Counter)

    @property
    def reasons(self) -> Counter[str]:
        """How many files were held for each reason."""
        return Counter(held.reason.value for held in self.quarantined)


def pseudonymise_folder(source: Path, target: Path, order: Order, looked: Looked) -> Batch:
    """Write a pseudonymised copy of every DICOM file below a path.

    The copies lie under `subject/study/series/instance.dcm`, all of them pseudonyms. The same key gives the same bytes
    over runs, numbers of workers and orders of files. A second run does only what the first did not finish.

    Parameters
    ----------
    looked
        Takes the number of files that are finished.

    Raises
    ------
    InvalidInputError
        No file, or the two paths lie inside each other, or the target cannot be written, or the profile removes faces.
    StateError
        Another run writes into the target, or one under another key or profile was cut off there.
    """
    check_places(source, target)
    if order.profile.faces == "removed":
        raise InvalidInputError("faces are taken out of whole volumes, by an ingest; the profile must keep them here")
    place = _find_scratch()
    _make_folder(target)
    with _alone(target), scratch_folder(place) as scratch:
        found = find_files([source], Limits(), scratch)
        ledger = _open_ledger(target, order)
        finished = False
        try:
            for name, made in copy_all(found, Assignment(order, target, ledger.done)):
                ledger.settle(name, made)
                looked(ledger.batch.files)
            finished = True
        except OSError as error:
            raise InvalidInputError(_CANNOT_WRITE) from error
        finally:
            ledger.close(finished=finished)
    if not ledger.batch.files:
        raise InvalidInputError("there is no file to pseudonymise")
    return ledger.batch


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Let one run at a time write into a folder; the kernel's lock dies with its process."""
    handle = os.open(target, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise StateError("output folder", "another run writes into it") from None
    finally:
        os.close(handle)


def _find_scratch() -> Path:
    """Make the folder in which archives are unpacked: the same for all runs, so that each removes what one left."""
    folder = Path(tempfile.gettempdir()) / f"imaging-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        raise InvalidInputError("the folder for temporary files cannot be made") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        # Whoever can look into it sees unpacked originals.
        raise InvalidInputError("the folder for temporary files is not this user's alone; set TMPDIR to another place")
    return folder


def _open_ledger(target: Path, order: Order) -> _Ledger:
    try:
        return _Ledger(target, pseudonyms_of(order.secret).identifier("order", order.profile.hash))
    except OSError:
        raise InvalidInputError(_CANNOT_WRITE) from None


class _Ledger:
    """Moves finished files to their places and remembers them, so that a run that was cut off can go on."""

    def __init__(self, target: Path, made_by: str) -> None:
        self.batch = Batch()
        self._target = target
        self._taken: dict[str, tuple[str, str]] = {}
        self._torn: set[str] = set()
        self._places: set[Path] = set()
        finished = target / _FINISHED
        lines = finished.read_text(encoding="ascii").splitlines() if finished.is_file() else []
        rows = [line.split("\t") for line in lines]
        if rows and rows[0] != [_ORDER, made_by]:
            other = "under another key or profile" if rows[0][0] == _ORDER else "of another version"
            raise StateError("output folder", f"a run {other} was cut off in it; empty it first")
        shutil.rmtree(target / PARTIAL, ignore_errors=True)
        (target / PARTIAL).mkdir(parents=True, mode=0o700)
        self.done = {row[0]: (row[1], row[2]) for row in rows if len(row) == 3}
        self._finished = finished.open("a", encoding="ascii")
        if not rows:
            self._finished.write(f"{_ORDER}\t{made_by}\n")
            self._finished.flush()

    def settle(self, name: str, made: Made) -> None:
        """Give one file its outcome."""
        self.batch.files += 1
        self.batch.tally.update(made.tally)
        self.batch.pairs.update(made.pairs)
        if made.refusal is not None:
            self.batch.quarantined.append(Held(name=name, reason=made.refusal[0], detail=made.refusal[1]))
        elif made.place in self._taken and self._taken[made.place][0] == made.content:
            self.batch.duplicates += 1
            self._drop(made.partial)
        elif made.place in self._taken or made.place in self._torn:
            self._tear(name, made)
        elif made.partial is not None and self._differs(made):
            self._drop(made.partial)
            self.batch.quarantined.append(Held(name=name, reason=Reason.UID_CONFLICT, detail=_WRITTEN_BEFORE))
        else:
            self._keep(name, made)

    def close(self, *, finished: bool) -> None:
        """Leave nothing but the copies behind; after a cut-off run the list of what is done stays too."""
        self._finished.close()
        shutil.rmtree(self._target / PARTIAL, ignore_errors=True)
        if finished:
            (self._target / _FINISHED).unlink(missing_ok=True)
            self.batch.others = max(0, sum(1 for _ in self._target.rglob("*.dcm")) - self.batch.written)

    def _keep(self, name: str, made: Made) -> None:
        if made.partial is not None:
            final = self._target / made.place
            self._make_place(final.parent)
            made.partial.replace(final)
            self._finished.write(f"{made.digest}\t{made.place}\t{made.content}\n")
            self._finished.flush()
        self._taken[made.place] = (made.content, name)
        self.batch.written += 1

    def _make_place(self, folder: Path) -> None:
        if folder in self._places:
            return
        if not folder.resolve().is_relative_to(self._target.resolve()):
            raise InvalidInputError("the output folder holds a link that leads out of it")
        folder.mkdir(parents=True, exist_ok=True)
        self._places.add(folder)

    def _differs(self, made: Made) -> bool:
        """Whether an earlier run wrote another file to this place; it is left as it is."""
        place = self._target / made.place
        if not place.is_file():
            return False
        with place.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() != made.content

    def _tear(self, name: str, made: Made) -> None:
        """Two files of one UID differ: neither can be believed, whichever came first."""
        self._drop(made.partial)
        names = [name]
        if made.place in self._taken:
            names.insert(0, self._taken.pop(made.place)[1])
            (self._target / made.place).unlink(missing_ok=True)
            self.batch.written -= 1
            self._torn.add(made.place)
        detail = "another file has the same UID and other content"
        self.batch.quarantined.extend(Held(name=one, reason=Reason.UID_CONFLICT, detail=detail) for one in names)

    def _drop(self, partial: Path | None) -> None:
        if partial is not None:
            partial.unlink(missing_ok=True)


def check_places(source: Path, target: Path) -> None:
    """Raise InvalidInputError where there is no input, or one of the two paths lies inside the other."""
    if not source.exists():
        raise InvalidInputError("the input does not exist")
    inner, outer = target.resolve(), source.resolve()
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise InvalidInputError("input and output lie inside each other")


def _make_folder(target: Path) -> None:
    try:
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        raise InvalidInputError("the output folder cannot be made") from None
