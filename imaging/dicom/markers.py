"""Says in the header what was done to it, one code for each option that really ran (PS3.15 E.1.1, CID 7050)."""

from __future__ import annotations

from collections.abc import Collection
from copy import copy
from enum import Enum
from functools import lru_cache

from pydicom.charset import default_encoding
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_sequence
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import UID

from imaging.dicom.codecs import EXPLICIT
from imaging.dicom.confidentiality import EDITION
from imaging.dicom.profile import BUILT_IN, Profile
from imaging.dicom.pseudonyms import is_registered
from imaging.dicom.values import read_items, read_text
from imaging.dicom.vocabulary import find_meaning

IMPLEMENTATION_UID = "2.25.143837415104018166046466148146138271453"
_IMPLEMENTATION_NAME = "IWS_2"
_NO_CAP = 130
_CODES_TAG = Tag(0x00120064)
_BASIC = "113100"
_CODES = {
    "graphics": "113103",
    "structured_content": "113104",
    "descriptors": "113105",
    "characteristics": "113108",
    "device": "113109",
    "uids": "113110",
    "safe_private": "113111",
    "institution": "113112",
}
_DATE_CODES = {"full": "113106", "modified": "113107"}
_TEMPORAL = {"full": "UNMODIFIED", "modified": "MODIFIED", "removed": "REMOVED"}


class Cleaned(Enum):
    """What was taken out of the pixels of a file, by its code."""

    TEXT = "113101"
    """Text was looked for in every frame and none is left."""
    FACE = "113102"
    """The face was taken out of the volume."""


def mark(result: Dataset, profile: Profile, *, cleaned: Collection[Cleaned] = ()) -> None:
    """Write the markers of de-identification into a pseudonymised header."""
    codes = [_BASIC, *(code for option, code in _CODES.items() if getattr(profile, option))]
    if profile.dates in _DATE_CODES:
        codes.append(_DATE_CODES[profile.dates])
    codes += [what.value for what in cleaned]
    if Cleaned.TEXT in cleaned:
        result.BurnedInAnnotation = "NO"
    if Cleaned.FACE in cleaned:
        result.RecognizableVisualFeatures = "NO"
    result.PatientIdentityRemoved = "YES"
    result.DeidentificationMethod = f"{_name(profile)}, PS3.15 {EDITION}"
    implicit, little = result.original_encoding
    sequence = _encode_codes(tuple(sorted(codes)), implicit is not False, little is not False)
    result[sequence.tag] = sequence
    result.LongitudinalTemporalInformationModified = _TEMPORAL[profile.dates]


def read_cleaned(header: Dataset) -> frozenset[Cleaned]:
    """Tell what a pseudonymised header says was taken out of its pixels."""
    codes = _read_codes(header)
    return frozenset(what for what in Cleaned if what.value in codes)


def read_profile(header: Dataset) -> Profile:
    """Give the options that a pseudonymised header says ran, for an image whose profile nobody recorded.

    The markers say nothing of birth date and age cap. The birth date is judged by what is left of it, or where there is
    none, by the built-in profile that the markers name; there is no cap that could be relied on.
    """
    codes = _read_codes(header)
    told: dict[str, object] = {option: code in codes for option, code in _CODES.items()}
    told["faces"] = "removed" if Cleaned.FACE.value in codes else "kept"
    told["dates"] = next((dates for dates, code in _DATE_CODES.items() if code in codes), "removed")
    born = read_text(header, "PatientBirthDate")
    if born:
        told["birth_date"] = "year" if born.endswith("0701") else "moved"
    else:
        named = (one for one in map(Profile.built_in, BUILT_IN) if _is_named(header, one))
        told["birth_date"] = next((one.birth_date for one in named), "removed")
    return Profile.model_validate({**told, "name": "unrecorded", "age_cap_years": _NO_CAP})


def rebuild_meta(header: Dataset, result: Dataset) -> FileMetaDataset:
    """Write the file meta anew: the original's names stations and programs (PS3.10 7.1)."""
    original = getattr(header, "file_meta", FileMetaDataset())
    syntax = read_text(original, "TransferSyntaxUID")
    shared = _share_meta(read_text(result, "SOPClassUID"), syntax if is_registered(syntax) else EXPLICIT)
    # Elements are changed in place: each file has its own.
    meta = FileMetaDataset({tag: copy(element) for tag, element in shared.items()})
    meta.MediaStorageSOPInstanceUID = UID(read_text(result, "SOPInstanceUID"))
    return meta


@lru_cache(maxsize=64)
def _share_meta(sop_class: str, syntax: str) -> FileMetaDataset:
    """Give what the files of one kind share."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.TransferSyntaxUID = UID(syntax)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    meta.ImplementationVersionName = _IMPLEMENTATION_NAME
    return meta


def _name(profile: Profile) -> str:
    return f"Imaging Workspace {profile.name} {profile.version}"


def _is_named(header: Dataset, profile: Profile) -> bool:
    return read_text(header, "DeidentificationMethod").split(",")[0] == _name(profile)


def _read_codes(header: Dataset) -> frozenset[str]:
    return frozenset(read_text(item, "CodeValue") for item in read_items(header, "DeidentificationMethodCodeSequence"))


@lru_cache(maxsize=64)
def _encode_codes(codes: tuple[str, ...], implicit: bool, little: bool) -> RawDataElement:
    """Encode the sequence of codes once: it is the same in every file of a run."""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = implicit, little
    write_sequence(buffer, DataElement(_CODES_TAG, "SQ", Sequence([_item(code) for code in codes])), [default_encoding])
    data = buffer.getvalue()
    return RawDataElement(_CODES_TAG, "SQ", len(data), data, 0, implicit, little)


def _item(code: str) -> Dataset:
    item = Dataset()
    item.CodeValue = code
    item.CodingSchemeDesignator = "DCM"
    item.CodeMeaning = find_meaning(code, "DCM") or ""
    return item
