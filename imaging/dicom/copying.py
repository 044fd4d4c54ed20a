"""Writes the pseudonymised copy of one file, without a workspace."""

from __future__ import annotations

import errno
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from pydicom.dataset import Dataset

from imaging.dicom.headers import read_any
from imaging.dicom.instance import Instance
from imaging.dicom.profile import Profile
from imaging.dicom.pseudonymise import Tally
from imaging.dicom.pseudonyms import Pseudonyms
from imaging.dicom.rewrite import rewrite
from imaging.dicom.screen import screen
from imaging.dicom.values import read_text
from imaging.dicom.walk import Found
from imaging.domain.outcome import Reason
from imaging.errors import InvalidInputError, RefusedFileError
from imaging.text import load_detector

PARTIAL = ".partial"
"""Folder of the output in which copies lie until they are whole."""

_OUR_FAULT = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EIO})
_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")


@dataclass(frozen=True)
class Order:
    """How to pseudonymise.

    Attributes
    ----------
    secret : 32 bytes
    workers
        Processes at work.
    mapped
        Whether to collect old and new identifiers.
    """

    secret: bytes
    profile: Profile
    workers: int
    mapped: bool = False


@dataclass(frozen=True)
class Assignment:
    """What a worker needs to know besides the file; `done` is what an earlier run finished."""

    order: Order
    target: Path
    done: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Made:
    """What became of one file.

    Attributes
    ----------
    digest
        Keyed digest of the source.
    place, content
        Path below the output folder, and SHA-256 of what lies there; empty when the file was refused.
    partial
        Where the new file waits to be moved to its place; None when an earlier run wrote it already.
    """

    digest: str = ""
    place: str = ""
    content: str = ""
    partial: Path | None = None
    refusal: tuple[Reason, str] | None = None
    pairs: tuple[tuple[str, str], ...] = ()
    tally: Tally = field(default_factory=Counter)


def pseudonymise_one(number: int, found: Found, assignment: Assignment) -> Made:
    """Rewrite one file into the folder of partial files; never raises for what a file holds."""
    pseudonyms = pseudonyms_of(assignment.order.secret)
    partial = assignment.target / PARTIAL / f"{number:09d}"
    try:
        digest = pseudonyms.digest(found.path)
        if digest in assignment.done and not assignment.order.mapped:
            place, content = assignment.done[digest]
            if (assignment.target / place).is_file():
                return Made(digest, place, content)
        arrived = read_any(found)
        if isinstance(arrived, Instance):
            screen(arrived, load_detector())
        tally: Tally = Counter()
        with partial.open("xb") as sink:
            header = rewrite(arrived, sink, profile=assignment.order.profile, pseudonyms=pseudonyms, tally=tally)
        with partial.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        pairs = tuple(_pairs(arrived.header, pseudonyms)) if assignment.order.mapped else ()
        return Made(digest, _place(header), content, partial, None, pairs, tally)
    except (RefusedFileError, InvalidInputError, OSError) as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in _OUR_FAULT:
            raise
        return Made(refusal=_refusal(error))


@lru_cache(maxsize=4)
def pseudonyms_of(secret: bytes) -> Pseudonyms:
    """Derive the keys of a secret once per process."""
    return Pseudonyms(secret)


def _refusal(error: Exception) -> tuple[Reason, str]:
    if isinstance(error, RefusedFileError):
        return error.reason, error.detail
    if isinstance(error, InvalidInputError):
        return Reason.EMPTY_PATIENT_ID, "no patient ID, so no subject"
    return Reason.UNREADABLE, "the file cannot be read"


def _place(header: Dataset) -> str:
    names = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    return "/".join(read_text(header, name) for name in names) + ".dcm"


def _pairs(header: Dataset, pseudonyms: Pseudonyms) -> Iterator[tuple[str, str]]:
    patient = read_text(header, "PatientID")
    yield patient, pseudonyms.subject(read_text(header, "IssuerOfPatientID"), patient)
    for name in _UIDS:
        uid = read_text(header, name)
        if uid:
            yield uid, pseudonyms.uid(uid)
