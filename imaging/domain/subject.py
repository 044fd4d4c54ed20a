"""Who a subject is, and what became of one: the only records that name a person."""

from __future__ import annotations

from imaging.domain.base import ImageKey, ModelKey, Record


class Identity(Record):
    """The original identity of a subject; it never leaves the sealed mapping but by re-identification."""

    issuer: str
    patient_id: str


class Erasure(Record):
    """What was removed of one subject.

    Attributes
    ----------
    subject
        The pseudonym.
    held
        Quarantined files.
    models
        Those that learned from this subject, and stay: weights may remember what they were trained on. Of
        `unknown_models` nothing says what they learned from.
    mapping
        Whether the way back to the person was there and is now destroyed.
    """

    subject: str
    images: tuple[ImageKey, ...]
    held: tuple[int, ...]
    mapping: bool
    models: tuple[ModelKey, ...] = ()
    unknown_models: tuple[ModelKey, ...] = ()
