"""Erases a subject from a project and certifies it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from imaging.access import Action
from imaging.dicom.epochs import Epochs
from imaging.dicom.headers import Owners, read_owners, read_uids, uids_in
from imaging.dicom.headers_store import unpack_headers
from imaging.dicom.pseudonyms import canonical
from imaging.domain.base import ProjectKey, Record
from imaging.domain.subject import Erasure, Identity
from imaging.errors import StateError
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


def erase_subject(project: Project, subject: str, secrets: Path) -> Certificate:
    """Remove all that is here of a subject, held files too.

    Raises
    ------
    NotFoundError
        There is nothing of this subject.
    StateError
        Files wait in uploads that stopped half-way: nobody knows yet whose they are.
    """
    project.require(Action.ERASE)
    waiting = ", ".join(str(upload.id) for upload in project.uploads.stopped())
    if waiting:
        raise StateError(
            "subject", f"may lie in uploads that stopped half-way; resume or discard them first: {waiting}"
        )
    erased = project.subjects.erase(subject, find_held(project, subject), project.models.learned_from(subject))
    certificate = Certificate(project=project.record.id, at=now(), erased=erased)
    key = _signing_key(secrets)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signature = key.sign(certificate.message())
    return certificate.model_copy(update={"public_key": public.hex(), "signature": signature.hex()})


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


def find_held_of(project: Project, persons: Collection[Identity]) -> dict[str, list[int]]:
    """Give the held files of persons by their pseudonyms, which `erase_subject` takes; each file is opened and read.

    Parameters
    ----------
    persons
        As headers write them; one without an issuer is whoever has this ID, of whatever issuer. A directory of media
        that names no issuer may speak of each of them.
    """
    epochs, found = Epochs(project.secrets.epochs()), dict[str, list[int]]()
    with project.uploads.scratch() as scratch:
        for item in project.quarantine.held():
            owners = _read(project, item.id, scratch, read_owners)
            for issuer, patient_id in sorted(_persons_in(owners or Owners())):
                if any(one.patient_id == patient_id and one.issuer in ("", issuer or one.issuer) for one in persons):
                    # By the pseudonym of the images, where there are any, even where no issuer is told.
                    known = project.subjects.named({patient_id}) if not issuer else set()
                    known |= {item.subject} if item.subject else set()
                    for subject in known or {epochs.newest.subject(issuer, patient_id)}:
                        found.setdefault(subject, []).append(item.id)
    return found


def _persons_in(owners: Owners) -> set[tuple[str, str]]:
    """Give issuer and patient ID of everybody that a file speaks of; no issuer where none is told."""
    told = owners.named | ({owners.stated} if owners.stated else set())
    told |= {("", patient_id) for patient_id in owners.listed - {patient_id for _, patient_id in told}}
    return {(canonical(issuer), canonical(patient_id)) for issuer, patient_id in told}


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
    return named.union(*(epochs.subjects(*person) for person in _persons_in(owners)))


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
