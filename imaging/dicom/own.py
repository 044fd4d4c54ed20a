"""What names the person or the visit of one header, so that it can be found again where no rule expects it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cached_property

import numpy as np
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from imaging.dicom.values import read_items, read_text, read_texts

_KEYWORDS = (
    *("PatientID", "OtherPatientIDs", "PatientName", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName"),
    *("AccessionNumber", "StudyID", "AdmissionID", "PatientTelephoneNumbers", "ReferringPhysicianName"),
    *("PerformingPhysicianName", "OperatorsName", "NameOfPhysiciansReadingStudy", "RequestingPhysician"),
)
_TAGS = {keyword: Tag(keyword) for keyword in _KEYWORDS}
_WORD = re.compile(r"[^\W_]{2,}")
_LONG = 6
_NUMBER = 5
_DECIMALS = 7
_LARGEST_POWER = 40
_DIGITS = re.compile(r"\d+")
_BIRTH_FORMATS = ("%Y%m%d", "%d%m%Y", "%m%d%Y", "%y%m%d", "%d%m%y", "%m%d%y")


@dataclass(frozen=True)
class OwnWords:
    """Words of one person and visit, casefolded.

    Attributes
    ----------
    all
        Every word of two letters or digits and more: a description loses them.
    long
        Those of six and more: a defined term that holds one is blanked. Shorter ones meet by chance.
    digits
        Numbers of five digits and more, without leading zeros: a number that is one of them is blanked.
    """

    all: frozenset[str]
    long: frozenset[str]
    digits: frozenset[str]

    def has_number(self, text: str) -> bool:
        """Whether the digits of a number are those of an identifier or birth date, however they are written."""
        whole, _, rest = _without_exponent(text).lstrip("+-").partition(".")
        # Decimals are long by measurement: only those as long as an identifier that does not arise by chance count.
        return whole.lstrip("0") in self.digits or (len(rest) >= _DECIMALS and rest.lstrip("0") in self.digits)

    def appear_in(self, text: str) -> bool:
        """Whether a text of somebody's own names the person: by a long word, a number, or two words of any length."""
        words = {word.casefold() for word in (*_WORD.findall(text), *_WORD.findall(_without_accents(text)))}
        joined = join_words(text)
        return (
            not words.isdisjoint(self.long)
            or len(words & self.all) > 1
            or any(word in joined for word in self.long)
            or any(run.lstrip("0") in self.digits for run in _DIGITS.findall(text))
        )

    def has_single(self, value: float) -> bool:
        """Whether a number of single precision is what an identifier becomes in it."""
        return value in self._singles

    @cached_property
    def _singles(self) -> frozenset[float]:
        return frozenset(float(np.float32(digits)) for digits in self.digits if len(digits) <= _LARGEST_POWER - 2)


def read_own(header: Dataset) -> OwnWords:
    """Collect what names this person or visit; some devices write such a number into SeriesNumber and the like."""
    texts = [text for keyword, tag in _TAGS.items() if tag in header for text in read_texts(header, keyword)]
    for item in read_items(header, "OtherPatientIDsSequence"):
        texts.extend(read_texts(item, "PatientID"))
    return collect_own(texts, born=to_date(read_text(header, "PatientBirthDate")))


def collect_own(texts: Iterable[str], *, born: date | None = None) -> OwnWords:
    """Collect the words of texts that name a person, such as a patient ID, and how the day of birth is written."""
    texts = list(texts)
    texts += [_without_accents(text) for text in texts]
    found = {word.casefold() for text in texts for word in _WORD.findall(text)}
    # An identifier may be written elsewhere without its separators.
    found |= {joined for text in texts if len(joined := join_words(text)) >= _LONG}
    if born is not None:
        found |= {born.strftime(pattern) for pattern in _BIRTH_FORMATS}
    runs = {run.lstrip("0") for word in found for run in _DIGITS.findall(word)}
    long = frozenset(word for word in found if len(word) >= _LONG)
    return OwnWords(frozenset(found), long, frozenset(run for run in runs if len(run) >= _NUMBER))


def merge_own(owns: Iterable[OwnWords]) -> OwnWords:
    """Give the words of several persons together: what names none of these names nobody of them."""
    known = list(owns)
    nothing = frozenset[str]()
    return OwnWords(
        nothing.union(*(own.all for own in known)),
        nothing.union(*(own.long for own in known)),
        nothing.union(*(own.digits for own in known)),
    )


def _without_exponent(text: str) -> str:
    """Write a number such as 1.25E4 out; anything else, and what is far from any identifier, is given back."""
    mantissa, sign, exponent = text.lower().partition("e")
    if not sign:
        return text
    try:
        power = int(exponent)
        return f"{Decimal(mantissa).scaleb(power):f}" if abs(power) <= _LARGEST_POWER else mantissa
    except (ValueError, InvalidOperation):
        return mantissa


def words_in(value: object) -> list[str]:
    """Every word of a value, casefolded, but numbers whole: the digits behind a decimal point name nobody."""
    texts = [str(one).strip(" +-").casefold() for one in (value if isinstance(value, list) else [value])]
    return [word for text in texts for word in ([text.split(".")[0]] if text[:1].isdigit() else _WORD.findall(text))]


def join_words(text: str) -> str:
    """Give a text without its separators, casefolded."""
    return re.sub(r"[\W_]", "", text).casefold()


def _without_accents(text: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))


def to_date(text: str) -> date | None:
    """Read a DA value, or one in the form of ACR-NEMA; None for anything else."""
    digits = text.strip().replace(".", "").replace("-", "")
    if len(digits) != 8 or not digits.isascii() or not digits.isdigit():
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
