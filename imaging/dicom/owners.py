"""Tells whose a file is, even when it is damaged."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pydicom.dataset import Dataset
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag

from imaging.dicom.beginning import LONGEST_META, is_dicom
from imaging.dicom.codecs import BIG_ENDIAN
from imaging.dicom.deflate import deflated_meta, inflate_beginning
from imaging.dicom.headers import containing
from imaging.dicom.items import has_more_items
from imaging.dicom.limits import Limits
from imaging.dicom.traces import find_persons
from imaging.dicom.values import read_items, read_text, read_texts
from imaging.errors import RefusedFileError

_ISSUER = 0x00100021
_OWNERS = (0x00041220, 0x00100020, _ISSUER)
_OTHERS = (0x00100020, _ISSUER, 0x00101000, 0x00101002)
_SERIES = 0x0020000E
_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
_POINTERS = (*_UIDS, "ReferencedSOPInstanceUIDInFile")
_LONGEST_BEGINNING = 16 * 2**20
"""As far as a damaged file is searched for its person."""

_MOST_ELEMENTS = 10_000
"""More than any header has before its person; a file that was never written to its end goes on with zeros."""


@dataclass(frozen=True)
class Owners:
    """Whose a file is.

    Attributes
    ----------
    stated
        Issuer and patient ID.
    listed
        Patient IDs of any issuer: in the records of a directory of media, where damage may have taken the issuer, or
        beside the person's own (`others_in`).
    named
        Issuer and patient ID where they stand together: in such records, in a damaged file, beside the person's own.
    pointed
        UIDs of the studies, series and instances that its records point to: many name no patient.
    """

    stated: tuple[str, str] | None = None
    listed: frozenset[str] = frozenset()
    named: frozenset[tuple[str, str]] = frozenset()
    pointed: frozenset[str] = frozenset()

    @property
    def persons(self) -> frozenset[tuple[str, str]]:
        """Issuer and patient ID of all whom the file names, in whatever way; no issuer where it may be any."""
        stated = set() if self.stated is None else {self.stated}
        told = {patient_id for _, patient_id in self.named | stated}
        return self.named | stated | {("", patient_id) for patient_id in self.listed - told}


def read_owners(path: Path) -> Owners:
    """Read whose this file is, even when it is damaged; nobody's when nothing says.

    The records of a DICOMDIR seldom name an issuer (PS3.3 F.5.1). Where a data set cannot be parsed as far as the
    person, any patient ID in its beginning counts.
    """
    try:
        with containing(), path.open("rb") as stream:
            start, size = stream.read(LONGEST_META), os.fstat(stream.fileno()).st_size
            if not is_dicom(start, size):
                # Forced, pydicom walks through gigabytes of zeros.
                return _parse_owners(BytesIO(start))
            deflated = deflated_meta(path, start) is not None
            beginning = BytesIO(inflate_beginning(path, _LONGEST_BEGINNING)) if deflated else stream
            size = len(beginning.getvalue()) if isinstance(beginning, BytesIO) else size
            size = min(size, _LONGEST_BEGINNING)
            many = has_more_items(beginning, size, Limits().items, swapped=BIG_ENDIAN.encode() in start)
            owners = Owners() if many else _parse_owners(beginning)
            if owners.stated or owners.listed:
                return _add_others(owners, beginning)
            beginning.seek(0)
            return replace(_trace_owners(beginning.read(_LONGEST_BEGINNING)), pointed=owners.pointed)
    except RefusedFileError:
        return Owners()


def _parse_owners(stream: BinaryIO) -> Owners:
    nearing = _Nearing()
    stream.seek(0)
    try:
        with containing():
            header = read_partial(stream, stop_when=nearing, force=True, specific_tags=[*_OWNERS])
    except RefusedFileError:
        return Owners()
    stated = read_text(header, "IssuerOfPatientID"), read_text(header, "PatientID")
    records = read_items(header, "DirectoryRecordSequence")
    persons = {(read_text(record, "IssuerOfPatientID"), read_text(record, "PatientID")) for record in records}
    listed = {patient_id for _, patient_id in persons} | (set() if nearing.passed else {stated[1]})
    pointed = {read_text(record, name) for record in records for name in _POINTERS}
    return Owners(stated if stated[1] else None, frozenset(listed - {""}), _named(persons), frozenset(pointed - {""}))


def _add_others(owners: Owners, stream: BinaryIO) -> Owners:
    """Add by what other IDs the person is known, where the file is sound so far."""
    stream.seek(0)
    try:
        with containing():
            stop = _Nearing(_OTHERS[-1])
            others = others_in(read_partial(stream, stop_when=stop, force=True, specific_tags=[*_OTHERS]))
    except RefusedFileError:
        return owners
    listed = owners.listed | {patient_id for issuer, patient_id in others if not issuer}
    return replace(owners, listed=listed, named=owners.named | _named(others))


def _trace_owners(beginning: bytes) -> Owners:
    persons = find_persons(beginning)
    return Owners(listed=frozenset(patient_id for _, patient_id in persons), named=_named(persons))


def _named(persons: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    return frozenset(person for person in persons if all(person))


def read_uids(path: Path) -> frozenset[str]:
    """Read by which UIDs directories of media may point to a file: its study, its series and itself."""
    try:
        with containing(), path.open("rb") as stream:
            header = read_partial(stream, stop_when=lambda tag, _, __: int(tag) > _SERIES, force=True)
            return uids_in(header)
    except RefusedFileError:
        return frozenset()


def others_in(header: Dataset) -> frozenset[tuple[str, str]]:
    """Give issuer, where one is told, and ID by which the person is known elsewhere (PS3.3 C.7.1.1, C.2.3).

    Values of PatientID after the first count too, though there should be none.
    """
    issuer = read_text(header, "IssuerOfPatientID")
    told = {(issuer, patient_id) for patient_id in read_texts(header, "PatientID")[1:]}
    told |= {("", patient_id) for patient_id in read_texts(header, "OtherPatientIDs")}
    items = read_items(header, "OtherPatientIDsSequence")
    told |= {(read_text(item, "IssuerOfPatientID"), read_text(item, "PatientID")) for item in items}
    return frozenset(person for person in told if person[1])


def owner_of(header: Dataset) -> tuple[str, str, str, str]:
    """Give issuer, patient ID, study and series as a header states them."""
    issuer, patient_id, study, series = (
        read_text(header, name) for name in ("IssuerOfPatientID", "PatientID", "StudyInstanceUID", "SeriesInstanceUID")
    )
    return issuer, patient_id, study, series


def uids_in(header: Dataset) -> frozenset[str]:
    """Give the UIDs of study, series and instance that a header has."""
    return frozenset(read_text(header, name) for name in _UIDS) - {""}


class _Nearing:
    """Stops pydicom behind an attribute; `passed` says whether it came so far, or the file ended before."""

    def __init__(self, last: int = _ISSUER) -> None:
        self.passed = False
        self._last = last
        self._left = _MOST_ELEMENTS

    def __call__(self, tag: BaseTag, _vr: str | None, _length: int) -> bool:
        self._left -= 1
        self.passed = self.passed or int(tag) > self._last
        return self.passed or self._left < 0
