"""Judges whether planes form a regular grid; says what is wrong when they do not, never bends them into one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.stack import Plane
from imaging.dicom.values import read_number
from imaging.domain.image import Irregularity
from imaging.geometry import Matrix, normal_of

SAME_PLACE_MM = 1e-3
"""Planes nearer than this along the normal lie at one place."""

_SPACING_TOLERANCE = 0.01
_SPACING_FLOOR_MM = 0.002
_TILT_TANGENT = 1.75e-3
_DRIFT_FLOOR_MM = 0.01


def heights(planes: Sequence[Plane]) -> Matrix:
    """Give the place of each plane along the normal of the first; (n,), mm."""
    normal = normal_of(planes[0].orientation or ())
    return np.array([plane.position for plane in planes], float) @ normal


def number_places(planes: Sequence[Plane]) -> list[int]:
    """Give each plane the rank of its place along the normal, equal places sharing one."""
    along = heights(planes)
    ranks = [0] * len(planes)
    rank, last = -1, -np.inf
    for index in np.argsort(along, kind="stable"):
        if along[index] - last > SAME_PLACE_MM:
            rank += 1
            last = float(along[index])
        ranks[int(index)] = rank
    return ranks


def find_irregularities(planes: Sequence[Plane]) -> tuple[Irregularity, ...]:
    """Judge planes that are already sorted along the normal and lie at different places; the gravest comes first.

    Tilt is judged by the drift across the normal; a gap is a step of at least one and a half usual ones, or of
    as many times the distance that the header states where there are two planes. Gaps aside, steps that differ are
    uneven.
    """
    if len(planes) < 2:
        return ()
    positions = np.array([plane.position for plane in planes], float)
    normal = normal_of(planes[0].orientation or ())
    steps = np.diff(heights(planes))
    drift = positions - positions[0] - np.outer((positions - positions[0]) @ normal, normal)
    across = float(np.max(np.linalg.norm(drift, axis=1)))
    gaps = _gaps(planes, steps)
    within = steps[~gaps]
    mean = float(np.mean(within)) if len(within) else 0.0
    uneven = len(within) > 0 and float(np.max(np.abs(within - mean))) > max(
        _SPACING_FLOOR_MM, _SPACING_TOLERANCE * mean
    )
    found = {
        Irregularity.TILT: across > _DRIFT_FLOOR_MM and across > _TILT_TANGENT * float(np.sum(steps)),
        Irregularity.GAP: bool(gaps.any()),
        Irregularity.UNEVEN: uneven,
    }
    return tuple(problem for problem, there in found.items() if there)


def same_places(times: Sequence[Sequence[Plane]]) -> bool:
    """Whether the planes of every time point lie where those of the first do."""
    first = np.array([plane.position for plane in times[0]], float)
    others = (np.array([plane.position for plane in planes], float) for planes in times[1:])
    return all(first.shape == other.shape and bool(np.abs(first - other).max() <= SAME_PLACE_MM) for other in others)


def split_at_gaps(planes: Sequence[Plane]) -> list[tuple[Plane, ...]]:
    """Part planes that are sorted along the normal where some are missing between them."""
    ends = [*(np.flatnonzero(_gaps(planes, np.diff(heights(planes)))) + 1).tolist(), len(planes)]
    return [tuple(planes[start:end]) for start, end in zip([0, *ends], ends, strict=False)]


def _gaps(planes: Sequence[Plane], steps: Matrix) -> NDArray[np.bool_]:
    """Tell which steps are at least one and a half usual ones."""
    usual = float(np.sort(steps)[(len(steps) - 1) // 2])
    if len(steps) == 1:
        # A single step is usual by itself: what the header says of it decides (0018,0088; some devices sign it).
        stated = abs(read_number(planes[0].instance.header, "SpacingBetweenSlices") or 0.0)
        usual = stated if 0 < stated < usual else usual
    return np.asarray(steps >= 1.5 * usual)


def angle_between(first: Sequence[float], second: Sequence[float]) -> float:
    """Give the angle between the normals of two orientations, degrees, 0..90."""
    cosine = abs(float(normal_of(first) @ normal_of(second)))
    return float(np.degrees(np.arccos(min(1.0, cosine))))


def is_orthonormal(orientation: Sequence[float]) -> bool:
    """Whether row and column cosines are unit vectors at right angles, within 0.001."""
    row, column = np.array(orientation[:3], float), np.array(orientation[3:6], float)
    lengths = abs(np.linalg.norm(row) - 1), abs(np.linalg.norm(column) - 1)
    return bool(max(lengths) < 1e-3 and abs(row @ column) < 1e-3)


def same_orientation(first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether two orientations differ by rounding only."""
    return all(abs(one - other) <= 5e-4 for one, other in zip(first, second, strict=True))
