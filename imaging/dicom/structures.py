"""Reads structure sets (PS3.3 A.19): contours in the patient, by region of interest."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.dicom.headers import read_any
from imaging.dicom.instance import Document
from imaging.dicom.kinds import is_structure_set
from imaging.dicom.naming import name_regions
from imaging.dicom.profile import Profile
from imaging.dicom.values import read_integer, read_items, read_numbers, read_text
from imaging.dicom.walk import Found
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError


class ContourKind(Enum):
    """What the points of a contour are (PS3.3 C.8.8.6.3)."""

    POINT = "POINT"
    LINE = "OPEN_PLANAR"
    OUTLINE = "CLOSED_PLANAR"
    COMBINED = "CLOSEDPLANAR_XOR"


@dataclass(frozen=True, eq=False)
class Contour:
    """One contour of a region.

    Attributes
    ----------
    region
        The number of the region of interest.
    points : (points, 3), float64
        LPS mm.
    """

    region: int
    kind: ContourKind
    points: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StructureSet:
    """One file of contours.

    `series` and `frames_of_reference` are the original UIDs of what they were drawn on.
    """

    names: dict[int, str]
    contours: tuple[Contour, ...]
    series: tuple[str, ...]
    frames_of_reference: tuple[str, ...]

    def name(self, region: int) -> str:
        """What a region is called; its number where nothing names it."""
        return self.names.get(region, f"region {region}")


def read_structure_set(found: Found, profile: Profile) -> StructureSet:
    """Read all contours of a structure set.

    Parameters
    ----------
    profile
        Says which words of the regions' names may stay.

    Raises
    ------
    RefusedFileError
        NOT_DICOM and the like for a file that cannot be read; UNSUPPORTED_SYNTAX for one that is no structure set;
        IRREGULAR_GEOMETRY for contours that are no points, or of a kind that lies on no plane.
    """
    parsed = read_any(found)
    if not isinstance(parsed, Document) or not is_structure_set(parsed.sop_class):
        raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "no structure set")
    header = parsed.header
    contours = [
        _read_contour(read_integer(region, "ReferencedROINumber", 0), item)
        for region in read_items(header, "ROIContourSequence")
        for item in read_items(region, "ContourSequence")
    ]
    frames = [read_text(item, "FrameOfReferenceUID") for item in _frames(header)]
    return StructureSet(name_regions(header, profile), tuple(contours), _series(header), tuple(filter(None, frames)))


def _read_contour(region: int, item: Dataset) -> Contour:
    numbers = read_numbers(item, "ContourData")
    if not numbers or len(numbers) % 3:
        raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, "a contour has points without three coordinates")
    try:
        kind = ContourKind(read_text(item, "ContourGeometricType"))
    except ValueError:
        raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, "a contour is of a kind that lies on no plane") from None
    return Contour(region, kind, np.asarray(numbers, np.float64).reshape(-1, 3))


def _frames(header: Dataset) -> tuple[Dataset, ...]:
    return read_items(header, "ReferencedFrameOfReferenceSequence")


def _series(header: Dataset) -> tuple[str, ...]:
    found = [
        read_text(series, "SeriesInstanceUID")
        for frame in _frames(header)
        for study in read_items(frame, "RTReferencedStudySequence")
        for series in read_items(study, "RTReferencedSeriesSequence")
    ]
    return tuple(uid for uid in dict.fromkeys(found) if uid)
