"""Tells by SOP class what a file is and whether its pixels may carry burned-in text (PS3.4 B.5, PS3.6 A)."""

from __future__ import annotations

from imaging.domain.outcome import Reason

_STORAGE = "1.2.840.10008.5.1.4.1.1."

MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"
_ENHANCED = frozenset(
    _STORAGE + tail for tail in ("2.1", "2.2", "4.1", "4.3", "4.4", "13.1.1", "13.1.2", "128.1", "130")
)
"""Enhanced CT, MR, PET and X-ray volumes: geometry per frame in functional groups (PS3.3 C.7.6.16)."""

_DOSE = _STORAGE + "481.2"
_TOMOSYNTHESIS = _STORAGE + "13.1.3"
_MAMMOGRAPHY = frozenset(_STORAGE + tail for tail in ("1.2", "1.2.1"))
_CROSS_SECTIONAL = _ENHANCED | {_DOSE} | {_STORAGE + tail for tail in ("2", "4", "128")}
_SECONDARY_CAPTURE = frozenset(_STORAGE + tail for tail in ("7", "7.1", "7.2", "7.3", "7.4"))
_ULTRASOUND = frozenset(_STORAGE + tail for tail in ("3", "3.1", "6", "6.1", "6.2"))
_REPORTS = frozenset(_STORAGE + tail for tail in ("88.22", "88.33", "88.34", "88.50", "88.65", "88.69"))
_PRESENTATIONS = frozenset(_STORAGE + tail for tail in ("11.1", "11.2", "11.3"))
_DOCUMENT_PREFIX = _STORAGE + "104."
_VISIBLE_LIGHT_PREFIX = _STORAGE + "77.1."
_SEGMENTATION = frozenset(_STORAGE + tail for tail in ("66.4", "66.7"))
SEGMENTS_ALONE = "a segmentation by itself is no image"
_NOT_A_GRID = {
    **dict.fromkeys(_SEGMENTATION, SEGMENTS_ALONE),
    _STORAGE + "30": "parametric maps are not read yet",
    _STORAGE + "77.1.6": "whole-slide images are not read yet",
}


def is_segmentation(sop_class: str) -> bool:
    """Whether a file of this class says which voxels of another are what: SEG, as binary, fractional or label map."""
    return sop_class in _SEGMENTATION


def is_structure_set(sop_class: str) -> bool:
    """Whether a file of this class holds contours on the planes of another (RTSTRUCT)."""
    return sop_class == _STORAGE + "481.3"


def is_dose(sop_class: str) -> bool:
    """Whether the frames of a file are the planes of a dose grid (RTDOSE)."""
    return sop_class == _DOSE


def has_functional_groups(sop_class: str) -> bool:
    """Whether files of this class say of each frame where it lies."""
    return sop_class in _ENHANCED or sop_class == _TOMOSYNTHESIS


def is_breast(sop_class: str) -> bool:
    """Whether frames of this class lie behind each other in a breast, also where none says where."""
    return sop_class == _TOMOSYNTHESIS or sop_class in _MAMMOGRAPHY


def is_one_volume(sop_class: str) -> bool:
    """Whether a file of several frames is a volume by itself, whatever else is in its series."""
    return is_dose(sop_class) or is_breast(sop_class)


def is_report(sop_class: str) -> bool:
    """Whether a file of this class may say what regions of images show (SR): enhanced, comprehensive, of detection."""
    return sop_class in _REPORTS


def is_presentation(sop_class: str) -> bool:
    """Whether a file of this class says how images were shown, and what was drawn on them (PR)."""
    return sop_class in _PRESENTATIONS


def is_cross_sectional(sop_class: str) -> bool:
    """Whether images of this class have a place in the patient: without one they are not usable as planes."""
    return sop_class in _CROSS_SECTIONAL


def is_secondary_capture(sop_class: str) -> bool:
    """Whether anything at all may have been captured: BurnedInAnnotation = NO is not believed here."""
    return sop_class in _SECONDARY_CAPTURE


def is_screen_like(sop_class: str) -> bool:
    """Whether devices of this class usually write text into the pixels."""
    return sop_class in _ULTRASOUND or sop_class.startswith(_VISIBLE_LIGHT_PREFIX)


def refuse_kind(sop_class: str) -> tuple[Reason, str] | None:
    """Why files of this class never become an image, whatever they hold."""
    refusal = refuse_rewriting(sop_class)
    if refusal is not None:
        return refusal
    if sop_class in _NOT_A_GRID:
        return Reason.IRREGULAR_GEOMETRY, _NOT_A_GRID[sop_class]
    return None


def refuse_rewriting(sop_class: str) -> tuple[Reason, str] | None:
    """Why not even the header of such a file is rewritten: it names other files, or wraps a document."""
    if sop_class == MEDIA_DIRECTORY:
        return Reason.NO_PIXELS, "a media directory"
    if sop_class.startswith(_DOCUMENT_PREFIX):
        return Reason.EMBEDDED_DOCUMENT, "an embedded document"
    return None
