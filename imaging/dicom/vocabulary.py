"""Words that a coded, named or descriptive attribute may keep: terms of the standard, of makers and of radiology."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from functools import cache, lru_cache
from typing import cast

from imaging.dicom.rules import Rules

_Scheme = dict[str, dict[str, tuple[str, list[int]]]]
_Concepts = dict[str, _Scheme]

_WORD = re.compile(r"[^\W_]+(?:\.\d+)?")
_LENGTH = re.compile(r"\d{1,2}(?:\.\d{1,2})?(?:MM|CM)")


@cache
def terms() -> frozenset[str]:
    """Defined terms for code strings (VR CS); `~` stands for a blank."""
    return _split(Rules.TERMS)


@cache
def names() -> frozenset[str]:
    """Makers, reconstruction kernels and methods, whole values of named attributes; `~` stands for a blank."""
    return _split(Rules.NAMES)


@cache
def words() -> frozenset[str]:
    """Words of radiology in English and French that a description may keep."""
    return _split(Rules.WORDS)


def is_term(value: str) -> bool:
    """Whether a code string is a known term."""
    return value.strip().replace(" ", "~") in terms()


def is_name(value: str) -> bool:
    """Whether a text names a known maker, kernel or method."""
    return value.strip().upper().replace(" ", "~") in names()


def clean_text(value: str, own: AbstractSet[str]) -> str:
    """Keep of a text what the vocabulary knows, one blank between words; `own` holds the person's, casefolded.

    A whole value that names a maker, kernel or method stays as it is. A number stays only as a thickness in mm or cm:
    any other could be a part of an identifier or of a date.
    """
    found = _WORD.findall(value)
    if any(word.casefold() in own for word in found):
        found = [word for word in found if word.casefold() not in own]
    elif is_name(value):
        return value.strip()
    return " ".join(word for word in found if word.upper() in words() or _LENGTH.fullmatch(word.upper()))


def find_meaning(value: str, scheme: str) -> str | None:
    """Give the meaning that pydicom's dictionary knows for a code; None for a code that it does not know.

    Where the meaning is not ASCII, such as that of a unit, the code stands for itself: headers name no other letters.
    """
    value, scheme = _newer(value, scheme)
    meaning = _meanings(scheme).get(value)
    return value if meaning is not None and not meaning.isascii() else meaning


def find_keyword(value: str, scheme: str, meaning: str) -> str:
    """Give pydicom's short name for the concept of a code, such as `LeftLung`; empty for a code it does not know.

    Parameters
    ----------
    meaning
        As a file has it; of several short names the one that says the same is chosen. Nothing else of it is kept.
    """
    value, scheme = _newer(value, scheme)
    known = _keywords(scheme).get(value, ())
    said = "".join(_WORD.findall(meaning)).casefold()
    return next((keyword for keyword in known if keyword.casefold() == said), min(known, key=len, default=""))


def _newer(value: str, scheme: str) -> tuple[str, str]:
    """Give the SNOMED CT identifier of what is coded by the older SNOMED RT."""
    if scheme != "SRT":
        return value, scheme
    # Loaded where it is asked for, as the concepts are: most files hold no code, and both take 50 ms to load.
    from pydicom.sr._snomed_dict import mapping

    newer = mapping["SRT"].get(value)
    return (value, scheme) if newer is None else (newer, "SCT")


def _split(rules: Rules) -> frozenset[str]:
    return frozenset(rules.read().split())


def _concepts(scheme: str) -> _Scheme:
    from pydicom.sr._concepts_dict import concepts

    return cast("_Concepts", concepts).get(scheme, {})


@lru_cache
def _meanings(scheme: str) -> dict[str, str]:
    return {code: str(entry[0]) for named in _concepts(scheme).values() for code, entry in named.items()}


@lru_cache
def _keywords(scheme: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for keyword, named in _concepts(scheme).items():
        for code in named:
            found[code] = (*found.get(code, ()), keyword)
    return found
