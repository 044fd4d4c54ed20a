"""What a table may say of an image in the open: numbers and short words in which neither a date nor an ID can stand."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 64

_NUMBER = re.compile(r"[+-]?(\d{1,7})(?:\.\d{1,25})?(?:[eE][+-]?\d{1,3})?")
"""Whole parts of eight digits are dates, of more than that telephone, patient and security numbers."""

_NO_NUMBER = re.compile(r"[+-]?(?:nan|inf(?:inity)?|\d+,\d+)", re.IGNORECASE)
"""What was meant as a number and is none, such as one with a decimal comma: as a word it would never be compared."""

_MOST_DIGITS = 4
_TRIPLE = re.compile(r"\d+[\W_]+\d+[\W_]+\d+")
_MONTH = re.compile(
    r"(?<![^\W\d_])"
    r"(?:jan(?:uary|vier|v)?|feb(?:ruary)?|f[eé]v(?:rier|r)?|mar(?:ch|s)?|apr(?:il)?|avr(?:il)?|may|mai|june?|juin"
    r"|jul(?:y)?|juil(?:let)?|aug(?:ust)?|ao[uû]t|sept?(?:ember|embre)?|oct(?:ober|obre)?|nov(?:ember|embre)?"
    r"|d[eé]c(?:ember|embre)?)"
    r"(?![^\W\d_])",
    re.IGNORECASE,
)


def is_plain_number(text: str) -> bool:
    """Whether a text is one number, small enough to be no date and no number of a person."""
    return _NUMBER.fullmatch(text) is not None and text.isascii()


def is_plain_word(text: str) -> bool:
    """Whether a text is short and holds so few digits that no date, UID or number of a person stands in it.

    A stage, a grade, a range of small numbers or a year pass: `IIIb`, `T2N0M0`, `10-20`, `2023`.
    """
    if _NO_NUMBER.fullmatch(text.strip()) is not None or may_tell_when_or_who(text):
        return False
    return 0 < len(text.strip()) <= LONGEST and text.isprintable()


def may_tell_when_or_who(text: str) -> bool:
    """Whether a date, a UID or a number of a person may stand in a text: by its digits alone, whoever it is about."""
    normal = unicodedata.normalize("NFKC", text)
    digits = sum(unicodedata.category(sign).startswith("N") for sign in normal)
    if digits > _MOST_DIGITS or _TRIPLE.search(normal) is not None:
        return True
    return digits > 0 and _MONTH.search(normal) is not None
