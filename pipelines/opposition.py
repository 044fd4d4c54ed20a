"""Persons who object: which files of an upload are theirs, whatever is wrong with the files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from imaging.dicom.epochs import Epochs, marks_in
from imaging.dicom.owners import Owners, read_owners
from imaging.dicom.pseudonyms import canonical
from imaging.domain.outcome import Reason
from imaging.domain.upload import FileToHold
from imaging.errors import RefusedFileError

_OBJECTS = "this person objects to the use"

Person = tuple[str, str]
"""Issuer and patient ID, as a header has them."""


class Objections:
    """Objections as the files of one upload meet them.

    Parameters
    ----------
    opposed
        Pseudonyms of who objects, and marks of who does under a certain issuer.
    persons
        All whom files of the upload name: one that lists an ID without its issuer goes with those that tell it.
    """

    def __init__(self, epochs: Epochs, opposed: Collection[str], persons: Iterable[Person]) -> None:
        self._epochs = epochs
        self._opposed = opposed
        self._marks = marks_in(opposed)
        self._persons = frozenset(person for person in persons if self._objects(*person))
        self._ids = frozenset(canonical(patient_id) for _, patient_id in self._persons)

    def isdisjoint(self, persons: Iterable[Person]) -> bool:
        """Whether none of these objects."""
        return self._persons.isdisjoint(persons)

    @property
    def error(self) -> RefusedFileError:
        """What a file of theirs is refused with."""
        return RefusedFileError(Reason.SUBJECT_OPPOSED, _OBJECTS)

    def refuse(self, file: FileToHold, owners: Owners) -> FileToHold:
        """Refuse a file for the objection where it is theirs, and else for what it was refused already."""
        listed = frozenset(map(canonical, owners.listed))
        if self.isdisjoint(owners.persons) and self._ids.isdisjoint(listed):
            return file
        stated = owners.stated
        subject = self._epochs.of(*stated).subject(*stated) if stated in self._persons and stated is not None else ""
        return _without_bytes(replace(file, subject=subject))

    def _objects(self, issuer: str, patient_id: str) -> bool:
        if not canonical(patient_id):
            return False
        # An objection that names no issuer holds for this ID of every issuer, and each under every key.
        known = self._epochs.subjects(issuer, patient_id) | self._epochs.subjects("", patient_id)
        if not known.isdisjoint(self._opposed):
            return True
        # A file without an issuer, as an ID beside the person's own, is of whoever of that ID objects.
        return not canonical(issuer) and not self._marks.isdisjoint(self._epochs.without_issuer(patient_id))


def whose(file: FileToHold) -> Owners:
    """Read whose a refused file is; nobody's where there are no bytes to keep."""
    return Owners() if file.path is None or not file.path.is_file() else read_owners(file.path)


def refuse_archives(refused: Sequence[FileToHold]) -> list[FileToHold]:
    """Keep no archive, such as one that is held for a broken member, of which other members are theirs."""
    above: set[str] = set()
    for file in refused:
        name = file.name if file.reason is Reason.SUBJECT_OPPOSED else ""
        while (name := name.rpartition("/")[0]) and name not in above:
            above.add(name)
    return [_without_bytes(file) if file.path and _kept_name(file) in above else file for file in refused]


def _without_bytes(file: FileToHold) -> FileToHold:
    return replace(file, path=None, reason=Reason.SUBJECT_OPPOSED, detail=_OBJECTS)


def _kept_name(file: FileToHold) -> str:
    """Give the name of what is kept: the file's own, or that of the archive which is kept for its member."""
    path, name = f"/{file.path}", file.name
    while name and not path.endswith(f"/{name.lstrip('/')}"):
        name = name.rpartition("/")[0]
    return name
