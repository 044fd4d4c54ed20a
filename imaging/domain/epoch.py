"""The keys of a project in the order of their making."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class RotationPolicy(Enum):
    """What a new key means for the persons who are here already: they keep theirs, or nothing joins old and new."""

    LINK = "link"
    BREAK = "break"


@dataclass(frozen=True)
class KeyEpoch:
    """One secret, from its making on.

    Attributes
    ----------
    number
        From 1.
    policy
        With which it was made; the first breaks, for nothing is before it.
    secret : 32 bytes
        Pseudonyms are derived from it.
    """

    number: int
    policy: RotationPolicy
    secret: bytes = field(repr=False)
