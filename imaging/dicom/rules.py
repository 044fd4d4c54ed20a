"""The rules of pseudonymisation that are data; everything read here counts in the hash of a profile."""

from __future__ import annotations

import hashlib
from enum import Enum
from functools import cache
from importlib.resources import files

FOLDER = files("imaging.dicom") / "rules"


class Rules(Enum):
    """The rule files; in this order they make the digest."""

    CONFIDENTIALITY = "confidentiality_2026c.csv"
    ATTRIBUTE_TYPES = "attribute_types.json"
    SAFE_PRIVATE = "safe_private.csv"
    TERMS = "terms.txt"
    NAMES = "names.txt"
    WORDS = "words.txt"

    def read(self) -> str:
        """Give the text of the file."""
        return (FOLDER / self.value).read_text(encoding="utf-8")


@cache
def digest_rules() -> str:
    """Give SHA-256 over all rule files, hex: an image made under other rules can be told apart."""
    digest = hashlib.sha256()
    for rules in Rules:
        digest.update((FOLDER / rules.value).read_bytes())
    return digest.hexdigest()
