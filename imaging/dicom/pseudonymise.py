"""Rewrites a header for research: keyed, default-deny, recursive, pure (PS3.15 Annex E)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.uid import UID

from imaging.dicom.profile import Action, Profile, find_action
from imaging.dicom.pseudonyms import Pseudonyms, is_registered
from imaging.dicom.quiet import silence_pydicom
from imaging.dicom.values import read_text, read_texts
from imaging.dicom.vocabulary import SCHEMES, find_meaning, is_name, is_term

IMPLEMENTATION_UID = "2.25.143837415104018166046466148146138271453"
_IMPLEMENTATION_NAME = "IWS_1"
_DEPTH = 16
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_TIME = re.compile(r"\d{2,6}(\.\d{1,6})?")
_AGE = re.compile(r"(\d{3})([DWMY])")
_MOMENT = re.compile(r"(\d{8})(\d{0,6}(?:\.\d{1,6})?)(?:[+-]\d{4})?")
_CODE = re.compile(r"[0-9A-Za-z.\-]{1,16}")
_TOKEN = re.compile(r"[^\W_]{6,}")
_OWN = ("PatientID", "OtherPatientIDs", "PatientName", "PatientBirthDate", "AccessionNumber", "StudyID")
_AS_THEY_ARE = frozenset({Action.NUMBER, Action.TIME, Action.TERM, Action.NAME})
_OPTIONS = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    ("113108", "Retain Patient Characteristics Option"),
)


def pseudonymise(header: Dataset, profile: Profile, pseudonyms: Pseudonyms) -> Dataset:
    """Give a new header that holds no direct identifier; the input is left as it is.

    Dates (DA and DT, nested ones too) move by one number of whole days per subject; times of day stay. UIDs become
    keyed ones, the standard's own stay. Private, unknown and free-text attributes, overlays and pixels are gone.

    Raises
    ------
    InvalidInputError
        The header has no patient ID: there is no subject to speak of.

    References
    ----------
    PS3.15 E.1.1, E.3.6; PS3.3 C.12.1.1.7
    """
    silence_pydicom()
    subject = pseudonyms.subject(read_text(header, "IssuerOfPatientID"), read_text(header, "PatientID"))
    worker = _Rewriter(profile, pseudonyms, subject, own=_read_own_tokens(header))
    result = worker.rewrite(header, 0)
    if worker.is_old(header):
        result.PatientBirthDate = ""
    _mark(result, profile)
    result.file_meta = _rebuild_meta(header, result)
    return result


class _Rewriter:
    """The rules of one profile applied to one subject."""

    def __init__(self, profile: Profile, pseudonyms: Pseudonyms, subject: str, *, own: frozenset[str]) -> None:
        self._profile = profile
        self._pseudonyms = pseudonyms
        self._own = own
        self._shift = timedelta(days=pseudonyms.days(subject))
        self._writers: dict[Action, Callable[[DataElement], object]] = {
            Action.BLANK: lambda _: "",
            Action.NUMBER: lambda element: _each(element, _keep_number),
            Action.TIME: lambda element: _each(element, _keep_time),
            Action.DATE: lambda element: _each(element, self._move),
            Action.AGE: lambda element: _each(element, self._cap_age),
            Action.TERM: _keep_terms,
            Action.NAME: lambda element: _each(element, lambda value: str(value) if is_name(str(value)) else None),
            Action.UID: lambda element: _each(element, lambda value: pseudonyms.uid(str(value))),
            Action.SUBJECT: lambda _: subject,
            Action.IDENTIFIER: lambda element: _each(
                element, lambda value: pseudonyms.identifier(element.keyword, str(value))
            ),
        }

    def rewrite(self, source: Dataset, depth: int) -> Dataset:
        """Rewrite one data set and what lies below it."""
        result = Dataset()
        for tag in sorted(source.keys()):
            action = find_action(int(tag))
            if action not in self._writers and action is not Action.DESCEND:
                continue
            try:
                element = source[tag]
            # A value that pydicom cannot convert is one that nobody can judge: it goes.
            except Exception:
                continue
            self._write(result, element, action, depth)
        _write_code(source, result)
        return result

    def is_old(self, header: Dataset) -> bool:
        """Whether a birth date, even moved, would show an age above the cap."""
        stated = _AGE.fullmatch(read_text(header, "PatientAge"))
        if stated and stated[2] == "Y" and int(stated[1]) > self._profile.age_cap_years:
            return True
        born = _to_date(read_text(header, "PatientBirthDate"))
        days = [_to_date(read_text(header, name)) for name in ("StudyDate", "SeriesDate", "AcquisitionDate")]
        seen = max((day for day in days if day is not None), default=None)
        return born is not None and seen is not None and (seen - born).days > (self._profile.age_cap_years + 1) * 365.25

    def _write(self, result: Dataset, element: DataElement, action: Action, depth: int) -> None:
        tag = element.tag
        if action is Action.DESCEND:
            if element.VR == "SQ" and depth < _DEPTH:
                items = [self.rewrite(item, depth + 1) for item in element.value or ()]
                result.add(DataElement(tag, "SQ", Sequence(items)))
            return
        representation = dictionary_VR(tag)
        if representation == "US or SS":
            representation = element.VR if element.VR in ("US", "SS") else "US"
        empty = element.value is None or element.value == ""
        value = "" if empty and action is not Action.SUBJECT else self._writers[action](element)
        if value is not None:
            blank = action in _AS_THEY_ARE and self._own.intersection(_texts(value))
            result.add(DataElement(tag, representation, "" if blank else value))

    def _move(self, value: object) -> str | None:
        """Shift the day of a DA or DT; the time of day stays, an offset from UTC goes."""
        found = _MOMENT.fullmatch(str(value).strip().replace("-", "").replace("/", "") if value else "")
        day = _to_date(found[1]) if found else None
        if found is None or day is None:
            return None
        try:
            return (day + self._shift).strftime("%Y%m%d") + found[2]
        except (OverflowError, ValueError):
            return None

    def _cap_age(self, value: object) -> str | None:
        found = _AGE.fullmatch(str(value).strip())
        if found is None:
            return None
        cap = self._profile.age_cap_years
        return f"{cap + 1:03d}Y" if found[2] == "Y" and int(found[1]) > cap else found[0]


def _read_own_tokens(header: Dataset) -> frozenset[str]:
    """What names this person or visit: some devices write such a number into SeriesNumber and the like."""
    texts = (text for keyword in _OWN for text in read_texts(header, keyword))
    return frozenset(token.casefold() for text in texts for token in _TOKEN.findall(text))


def _texts(value: object) -> list[str]:
    """Every word of a text, but numbers whole: the digits behind a decimal point name nobody."""
    texts = [str(one).strip(" +-").casefold() for one in (value if isinstance(value, list) else [value])]
    return [word for text in texts for word in ([text.split(".")[0]] if text[:1].isdigit() else _TOKEN.findall(text))]


def _each(element: DataElement, convert: Callable[[object], object | None]) -> object | None:
    """Convert every value; one that does not pass takes the whole element with it."""
    values = list(element.value) if isinstance(element.value, (MultiValue, list, tuple)) else [element.value]
    converted = [convert(value) for value in values]
    if any(value is None for value in converted):
        return None
    return converted[0] if len(converted) == 1 else converted


def _keep_number(value: object) -> object | None:
    if isinstance(value, str) or hasattr(value, "original_string"):
        text = str(getattr(value, "original_string", value)).strip(" \0")
        return text if _NUMBER.fullmatch(text) or text == "" else None
    return value if isinstance(value, (int, float)) else None


def _keep_time(value: object) -> str | None:
    text = str(value).strip(" \0").replace(":", "")
    return text if _TIME.fullmatch(text) else None


def _keep_terms(element: DataElement) -> object | None:
    """Keep known terms; in a multi-valued element an unknown one becomes OTHER, since places have meanings."""
    values = list(element.value) if isinstance(element.value, (MultiValue, list, tuple)) else [element.value]
    texts = [str(value or "").strip(" \0") for value in values]
    kept = [text if text == "" or is_term(text) else "OTHER" for text in texts]
    if len(kept) == 1:
        return kept[0] if kept[0] == texts[0] else ""
    return kept


def _write_code(source: Dataset, result: Dataset) -> None:
    """Keep a code of a public scheme; its meaning comes from the dictionary, never from the file (PS3.3 8.8)."""
    if "CodeValue" not in source or "CodingSchemeDesignator" not in source:
        return
    value, scheme = read_text(source, "CodeValue"), read_text(source, "CodingSchemeDesignator")
    meaning = find_meaning(value, scheme)
    if meaning is None and (scheme not in SCHEMES or not _CODE.fullmatch(value)):
        return
    result.CodeValue = value
    result.CodingSchemeDesignator = scheme
    if meaning is not None:
        result.CodeMeaning = meaning


def _mark(result: Dataset, profile: Profile) -> None:
    result.PatientIdentityRemoved = "YES"
    result.DeidentificationMethod = f"Imaging Workspace profile {profile.name} {profile.version}"
    items = []
    for value, meaning in _OPTIONS:
        item = Dataset()
        item.CodeValue = value
        item.CodingSchemeDesignator = "DCM"
        item.CodeMeaning = meaning
        items.append(item)
    result.DeidentificationMethodCodeSequence = Sequence(items)
    result.LongitudinalTemporalInformationModified = "MODIFIED"


def _rebuild_meta(header: Dataset, result: Dataset) -> FileMetaDataset:
    """Write the file meta anew: the original's names stations and programs (PS3.10 7.1)."""
    meta = FileMetaDataset()
    original = getattr(header, "file_meta", FileMetaDataset())
    syntax = read_text(original, "TransferSyntaxUID")
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = UID(result.get("SOPClassUID", ""))
    meta.MediaStorageSOPInstanceUID = UID(result.get("SOPInstanceUID", ""))
    meta.TransferSyntaxUID = UID(syntax if is_registered(syntax) else "1.2.840.10008.1.2.1")
    meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    meta.ImplementationVersionName = _IMPLEMENTATION_NAME
    return meta


def _to_date(text: str) -> date | None:
    digits = text.strip().replace(".", "").replace("-", "")
    if len(digits) != 8 or not digits.isdigit():
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
