"""What names the person or the visit of one header, so that it can be found again where no rule expects it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from imaging.dicom.values import read_text, read_texts

_KEYWORDS = (
    *("PatientID", "OtherPatientIDs", "PatientName", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName"),
    *("AccessionNumber", "StudyID", "AdmissionID", "PatientTelephoneNumbers", "ReferringPhysicianName"),
    *("PerformingPhysicianName", "OperatorsName", "NameOfPhysiciansReadingStudy", "RequestingPhysician"),
)
_TAGS = {keyword: Tag(keyword) for keyword in _KEYWORDS}
_WORD = re.compile(r"[^\W_]{2,}")
_LONG = 6
_BIRTH_FORMATS = ("%Y%m%d", "%d%m%Y", "%m%d%Y", "%y%m%d", "%d%m%y", "%m%d%y")


@dataclass(frozen=True)
class OwnWords:
    """Words of one person and visit, casefolded.

    Attributes
    ----------
    all
        Every word of two letters or digits and more: a description loses them.
    long
        Those of six and more: a number or a defined term that holds one is blanked. Shorter ones meet by chance.
    """

    all: frozenset[str]
    long: frozenset[str]


def read_own(header: Dataset) -> OwnWords:
    """Collect what names this person or visit; some devices write such a number into SeriesNumber and the like."""
    texts = [text for keyword, tag in _TAGS.items() if tag in header for text in read_texts(header, keyword)]
    found = {word.casefold() for text in texts for word in _WORD.findall(text)}
    # An identifier may be written elsewhere without its separators.
    found |= {joined for text in texts if len(joined := re.sub(r"[\W_]", "", text).casefold()) >= _LONG}
    born = to_date(read_text(header, "PatientBirthDate"))
    if born is not None:
        found |= {born.strftime(pattern) for pattern in _BIRTH_FORMATS}
    return OwnWords(frozenset(found), frozenset(word for word in found if len(word) >= _LONG))


def to_date(text: str) -> date | None:
    """Read a DA value, or one in the form of ACR-NEMA; None for anything else."""
    digits = text.strip().replace(".", "").replace("-", "")
    if len(digits) != 8 or not digits.isascii() or not digits.isdigit():
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
