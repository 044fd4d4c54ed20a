"""Erases a subject from a project and certifies it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from imaging.access import Action
from imaging.dicom.epochs import Epochs
from imaging.dicom.headers import read_owners
from imaging.dicom.pseudonyms import canonical
from imaging.domain.base import ProjectKey, Record
from imaging.domain.subject import Erasure
from imaging.errors import StateError
from imaging.project.project import Project
from imaging.store.database import now
from imaging.store.keys import create_key_file

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
    held = find_held(project, subject)
    erased = project.subjects.erase(subject, held)
    certificate = Certificate(project=project.record.id, at=now(), erased=erased)
    key = _signing_key(secrets)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signature = key.sign(certificate.message())
    return certificate.model_copy(update={"public_key": public.hex(), "signature": signature.hex()})


def find_held(project: Project, subject: str) -> list[int]:
    """Give the held files of a subject; those that do not say whose they are are opened and read.

    One that names nobody is nobody's. A directory that lists the subject goes as a whole.
    """
    epochs = Epochs(project.secrets.epochs())
    found = []
    with project.uploads.scratch() as scratch:
        for item in project.uploads.held():
            if item.subject:
                whose = {item.subject}
            elif (path := project.uploads.open_held(item.id, scratch)) is not None:
                owners = read_owners(path)
                whose = project.subjects.named({canonical(patient_id) for patient_id in owners.listed})
                whose |= epochs.subjects(*owners.stated) if owners.stated else set()
                path.unlink()
            else:
                continue
            if subject in whose:
                found.append(item.id)
    return found


def _signing_key(secrets: Path) -> Ed25519PrivateKey:
    path = secrets / _KEY_NAME
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        create_key_file(path, key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text("ascii")))
