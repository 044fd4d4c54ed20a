"""Reads the image regions of a structured report (PS3.3 A.35, PS3.16 TID 1500), and nothing else of it.

A report tells who observed whom in words of its own. Of all that stays: shapes, what a code of the standard calls them,
and numbers with the codes of what they are and of their unit. Texts, names of persons, dates and UIDs of its own are
not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.dataset import Dataset

from imaging.dicom.headers import read_any
from imaging.dicom.instance import Document
from imaging.dicom.kinds import is_report
from imaging.dicom.markings import FrameOf, MarkedImages, Marking, find_series, read_frames_of, read_shape
from imaging.dicom.naming import name_concept
from imaging.dicom.own import OwnWords, read_own
from imaging.dicom.values import read_item, read_items, read_number, read_numbers, read_text
from imaging.dicom.vocabulary import find_meaning
from imaging.dicom.walk import Found
from imaging.domain.annotation import Measurement
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError

_FINDING, _DERIVATION = ("121071", "DCM"), ("121401", "DCM")
_AXES = {"SCOORD": 2, "SCOORD3D": 3}
_EVIDENCE = ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence")


@dataclass(frozen=True, eq=False)
class _Place:
    """A content item and the codes of what it is about: the finding of its group, and what it is itself a part of.

    `numbers` are the measurement that it is the place of, or all that stand beside it.
    """

    item: Dataset
    about: Dataset | None = None
    within: Dataset | None = None
    numbers: tuple[Dataset, ...] = ()


def read_findings(found: Found) -> MarkedImages:
    """Read the regions that a report draws on images.

    Raises
    ------
    RefusedFileError
        NOT_DICOM and the like for a file that cannot be read; UNSUPPORTED_SYNTAX for one that is no report; NO_PIXELS
        for a report without a region; IRREGULAR_GEOMETRY for a region that makes no sense or names no image.
    """
    parsed = read_any(found)
    if not isinstance(parsed, Document) or not is_report(parsed.sop_class):
        raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "no report")
    header = parsed.header
    regions = list(_find_regions(header))
    if not any(_frames(place.item, header) or _frame_of_reference(place.item) for place in regions):
        raise RefusedFileError(Reason.NO_PIXELS, "no pixel data")
    names = _Names(read_own(header))
    markings = tuple(_read_region(place, header, names) for place in regions)
    evidence = [series for keyword in _EVIDENCE for study in read_items(header, keyword) for series in _series(study)]
    references = dict.fromkeys(_frame_of_reference(place.item) for place in regions)
    return MarkedImages(
        markings, find_series(evidence, "ReferencedSOPSequence", markings), tuple(filter(None, references))
    )


class _Names:
    """Names what a region shows; a code that the dictionary does not know is told apart by a number."""

    def __init__(self, own: OwnWords) -> None:
        self._own = own
        self._unknown: dict[tuple[str, str], str] = {}

    def name(self, code: Dataset) -> str:
        known = name_concept(code, self._own)
        key = (read_text(code, "CodeValue"), read_text(code, "CodingSchemeDesignator"))
        return known or self._unknown.setdefault(key, f"finding {len(self._unknown) + 1}")

    def measurement(self, item: Dataset) -> Measurement | None:
        """Give a number whose meaning and unit are codes of the dictionary, and that is none of the person's own."""
        name = name_concept(_concept(item), self._own)
        measured = read_item(item, "MeasuredValueSequence")
        unit = read_item(measured, "MeasurementUnitsCodeSequence")
        value, symbol = read_number(measured, "NumericValue"), read_text(unit, "CodeValue")
        known = read_text(unit, "CodingSchemeDesignator") == "UCUM" and find_meaning(symbol, "UCUM") is not None
        if not name or value is None or not known or self._own.has_number(read_text(measured, "NumericValue")):
            return None
        derivation = _find_code(read_items(item, "ContentSequence"), _DERIVATION)
        how = "" if derivation is None else name_concept(derivation, self._own).lower()
        return Measurement(name=f"{name}, {how}" if how else name, value=value, unit=symbol)


def _find_regions(header: Dataset) -> Iterator[_Place]:
    """Walk the tree in its order; not by calls of its own depth, which a hostile file chooses."""
    waiting = [_Place(header)]
    while waiting:
        place = waiting.pop()
        if _kind(place.item) in _AXES:
            yield place
        inner = read_items(place.item, "ContentSequence")
        about = _find_code(inner, _FINDING) or place.about
        within = _meaning(place.item) or place.within
        measured = _kind(place.item) == "NUM"
        numbers = (place.item,) if measured else tuple(child for child in inner if _kind(child) == "NUM")
        waiting += [_Place(child, about, within, numbers) for child in reversed(inner)]


def _read_region(place: _Place, root: Dataset, names: _Names) -> Marking:
    axes = _AXES[_kind(place.item)]
    shape, points = read_shape(place.item, axes=axes)
    frames = _frames(place.item, root) if axes == 2 else ()
    if axes == 2 and not frames:
        raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, "a region names no image")
    code = place.about or place.within or _concept(place.item)
    measured = tuple(filter(None, (names.measurement(number) for number in place.numbers)))
    return Marking(shape, points, frames, names.name(code) if "CodeValue" in code else "", measured)


def _find_code(items: tuple[Dataset, ...], concept: tuple[str, str]) -> Dataset | None:
    """Give the code that the first of some items states for a concept."""
    for item in items:
        named = _concept(item)
        if (
            _kind(item) == "CODE"
            and (read_text(named, "CodeValue"), read_text(named, "CodingSchemeDesignator")) == concept
        ):
            return read_item(item, "ConceptCodeSequence")
    return None


def _meaning(item: Dataset) -> Dataset | None:
    """Give what is measured, or what was found where detection by computer puts regions below the finding itself."""
    sequence = {"NUM": "ConceptNameCodeSequence", "CODE": "ConceptCodeSequence"}.get(_kind(item))
    return read_item(item, sequence) if sequence else None


def _frames(region: Dataset, root: Dataset) -> tuple[FrameOf, ...]:
    """Give what a region was selected from: an item within it, or one that it points to (PS3.3 C.17.3.2.5)."""
    children = [_follow(item, root) for item in read_items(region, "ContentSequence")]
    images = [item for item in children if _kind(item) == "IMAGE"]
    return tuple(read_frames_of(one for item in images for one in read_items(item, "ReferencedSOPSequence")))


def _follow(item: Dataset, root: Dataset) -> Dataset:
    path = read_numbers(item, "ReferencedContentItemIdentifier")
    if not path:
        return item
    for number in path[1:]:
        inner = read_items(root, "ContentSequence")
        if not 1 <= number <= len(inner):
            return Dataset()
        root = inner[int(number) - 1]
    return root


def _kind(item: Dataset) -> str:
    return read_text(item, "ValueType")


def _concept(item: Dataset) -> Dataset:
    return read_item(item, "ConceptNameCodeSequence")


def _frame_of_reference(region: Dataset) -> str:
    return read_text(region, "ReferencedFrameOfReferenceUID") if _kind(region) == "SCOORD3D" else ""


def _series(study: Dataset) -> tuple[Dataset, ...]:
    return read_items(study, "ReferencedSeriesSequence")
