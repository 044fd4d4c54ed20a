"""Cuts a dose grid into its planes: frames at offsets along the normal, one scaling for all (PS3.3 C.8.8.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from pydicom.dataset import Dataset

from imaging.dicom.regular import is_orthonormal
from imaging.dicom.stack import Plane
from imaging.dicom.values import read_number, read_numbers, read_text
from imaging.domain.image import Vector
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from imaging.geometry import normal_of

_OFFSETS = "GridFrameOffsetVector"


def cut_dose(planes: Sequence[Plane]) -> tuple[Plane, ...]:
    """Put the frames of a dose grid in their places.

    Parameters
    ----------
    planes
        One for each frame, all at the place of the first.

    Raises
    ------
    RefusedFileError
        IRREGULAR_GEOMETRY where the header does not say where each frame lies.
    """
    header = planes[0].instance.header
    scaling = read_number(header, "DoseGridScaling")
    scaled = [replace(plane, slope=scaling or 1.0, intercept=0.0) for plane in planes]
    if len(scaled) == 1:
        return tuple(scaled)
    places = _find_places(header, planes[0], len(planes))
    return tuple(replace(plane, position=place) for plane, place in zip(scaled, places, strict=True))


def units_of(header: Dataset) -> str:
    """Gray where the header says so, and what one stored step is; a relative dose has no unit."""
    absolute = read_text(header, "DoseUnits") == "GY" and bool(read_number(header, "DoseGridScaling"))
    return "GY" if absolute else "stored"


def _find_places(header: Dataset, first: Plane, count: int) -> list[Vector]:
    offsets = read_numbers(header, _OFFSETS, count)
    if not offsets or first.position is None or not is_orthonormal(first.orientation or (0.0,) * 6):
        raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, "a dose grid does not say where its frames lie")
    normal = normal_of(first.orientation or ())
    if offsets[0]:
        # PS3.3 C.8.8.3.2 b: z in the patient instead of offsets, for axial planes alone.
        if abs(normal[2]) < 1 - 1e-6 or abs(offsets[0] - first.position[2]) > 1e-2:
            raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, "a dose grid does not say where its frames lie")
        return [(first.position[0], first.position[1], z) for z in offsets]
    places = np.array(first.position) + np.outer(offsets, normal)
    return [(float(x), float(y), float(z)) for x, y, z in places]
