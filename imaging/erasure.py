"""Erases a subject from a project and certifies it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from imaging.access import Action
from imaging.dicom.epochs import Epochs
from imaging.dicom.headers_store import unpack_headers
from imaging.dicom.owners import Owners, read_owners, read_uids, uids_in
from imaging.dicom.pseudonyms import canonical
from imaging.domain.base import ProjectKey, Record
from imaging.domain.subject import Erasure, Identity
from imaging.errors import NotFoundError, StateError
from imaging.project.project import Project
from imaging.pyramid.beside import read_headers
from imaging.store.database import now
from imaging.store.keys import create_key_file

T = TypeVar("T")

_KEY_NAME = "signing.key"


class Certificate(Record):
    """What was erased, when and where, signed over its own JSON without the last two fields (Ed25519, RFC 8032)."""

    project: ProjectKey
    at: datetime
    erased: Erasure
    public_key: str = ""
    signature: str = ""

    def message(self) -> bytes:
        """Give the bytes that are signed."""
        return self.model_dump_json(exclude={"public_key", "signature"}).encode()


def require_subject(project: Project, subject: str) -> None:
    """Make sure that there is something to erase, before anybody is asked whether to: refuses as `erase_subject`."""
    _require_settled(project, subject)
    if not project.subjects.is_known(subject) and not find_held(project, subject):
        raise NotFoundError("subject")


def erase_subject(project: Project, subject: str, secrets: Path) -> Certificate:
    """Remove all that is here of a subject, held files too.

    Raises
    ------
    NotFoundError
        There is nothing of this subject.
    StateError
        Files wait in uploads that stopped half-way: nobody knows yet whose they are.
    """
    _require_settled(project, subject)
    erased = project.subjects.erase(subject, find_held(project, subject), project.models.learned_from(subject))
    certificate = Certificate(project=project.record.id, at=now(), erased=erased)
    key = _signing_key(secrets)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signature = key.sign(certificate.message())
    return certificate.model_copy(update={"public_key": public.hex(), "signature": signature.hex()})


def _require_settled(project: Project, subject: str) -> None:
    project.require(Action.ERASE)
    waiting = ", ".join(str(upload.id) for upload in project.uploads.stopped(young=True))
    if waiting:
        problem = "may lie in uploads that stopped half-way; resume or discard them first"
        if not project.subjects.is_known(subject):
            problem = f"nothing else here is of this pseudonym, is it typed right? It {problem}"
        raise StateError("subject", f"{problem}: {waiting}")


def find_held(project: Project, subject: str) -> list[int]:
    """Give the held files of a subject; those that do not say whose they are are opened and read.

    One that names nobody is nobody's. A directory that lists the subject, or points to a file of it, goes as a whole.
    """
    epochs, held = Epochs(project.secrets.epochs()), project.quarantine.held()
    with project.uploads.scratch() as scratch:
        owners = {
            item.id: _read(project, item.id, scratch, read_owners) or Owners() for item in held if not item.subject
        }
        found = [item.id for item in held if subject in (_whose(project, epochs, owners.get(item.id)) | {item.subject})]
        pointing = {key: one.pointed for key, one in owners.items() if one.pointed and key not in found}
        if pointing:
            own = _uids_of(project, subject)
            own.update(*(_read(project, key, scratch, read_uids) or () for key in found))
            found += [key for key, uids in pointing.items() if any(own & {uid, *epochs.uids(uid)} for uid in uids)]
    return found


@dataclass(frozen=True)
class HeldFiles:
    """Held files of persons who object.

    Attributes
    ----------
    theirs
        By the pseudonym under which `erase_subject` takes them.
    perhaps
        Such as list the ID of one of them without an issuer, while the objection names one: it may be another's.
    """

    theirs: Mapping[str, Sequence[int]]
    perhaps: Sequence[int]


def find_held_of(project: Project, persons: Collection[Identity]) -> HeldFiles:
    """Find the held files of persons; each is opened and read.

    Parameters
    ----------
    persons
        As headers write them; one without an issuer is whoever has this ID, of whatever issuer.
    """
    epochs, theirs, perhaps = Epochs(project.secrets.epochs()), dict[str, list[int]](), list[int]()
    with project.uploads.scratch() as scratch:
        for item in project.quarantine.held():
            owners = _read(project, item.id, scratch, read_owners) or Owners()
            named = {(canonical(issuer), canonical(patient_id)) for issuer, patient_id in owners.persons}
            found = {person for person in named if any(_is_meant(one, *person) for one in persons)}
            found -= {("", patient_id) for issuer, patient_id in found if issuer}
            for subject in {item.subject} if found and item.subject else _subjects(project, epochs, found):
                theirs.setdefault(subject, []).append(item.id)
            listed = {canonical(patient_id) for patient_id in owners.listed}
            if not found and any(one.patient_id in listed for one in persons):
                perhaps.append(item.id)
    return HeldFiles(theirs, perhaps)


def _is_meant(one: Identity, issuer: str, patient_id: str) -> bool:
    return one.patient_id == patient_id and one.issuer in ("", issuer)


def _subjects(project: Project, epochs: Epochs, persons: Collection[tuple[str, str]]) -> set[str]:
    """Give the pseudonyms of persons: where no issuer is told, of all who are known by this ID."""
    known = project.subjects.named({patient_id for issuer, patient_id in persons if not issuer})
    return known or {epochs.newest.subject(*person) for person in persons}


def _read(project: Project, key: int, scratch: Path, read: Callable[[Path], T]) -> T | None:
    """Read a held file; None where its bytes were not kept."""
    path = project.quarantine.open(key, scratch)
    if path is None:
        return None
    try:
        return read(path)
    finally:
        path.unlink()


def _whose(project: Project, epochs: Epochs, owners: Owners | None) -> set[str]:
    if owners is None:
        return set()
    named = project.subjects.named({canonical(patient_id) for patient_id in owners.listed})
    return named.union(*(epochs.subjects(*person) for person in owners.persons))


def _uids_of(project: Project, subject: str) -> set[str]:
    """Give the UIDs of all images of a subject, as their headers have them; pictures have none."""
    own: set[str] = set()
    for image in project.images.catalogue():
        if image.subject == subject and image.attributes.profile_hash:
            for header in unpack_headers(read_headers(project.images.path(image.id))):
                own |= uids_in(header)
    return own


def _signing_key(secrets: Path) -> Ed25519PrivateKey:
    path = secrets / _KEY_NAME
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        create_key_file(path, key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text("ascii")))
