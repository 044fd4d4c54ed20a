"""Every coordinate conversion, pure: voxel (z, y, x) ↔ LPS mm, plane names, WKT of a plane, lengths and areas.

z grows along the cross product of the row and column cosines of (0020,0037); y is the DICOM row, x the column.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from imaging.domain.image import Axis
from imaging.errors import InvalidInputError

Matrix = NDArray[np.float64]

_PATIENT_DIRECTIONS = {"axial": (0.0, 0.0, 1.0), "coronal": (0.0, 1.0, 0.0), "sagittal": (1.0, 0.0, 0.0)}
_AXES = (Axis.Z, Axis.Y, Axis.X)
_VOXELS_AT_ONCE = 1 << 20
# GEOS (shapely 2.1) recurses into nested collections until the stack is gone, and the process with it.
_COLLECTION = re.compile("COLLECTION", re.IGNORECASE)


def normal_of(orientation: Sequence[float]) -> Matrix:
    """Give the direction in which z grows.

    Parameters
    ----------
    orientation : 6 values
        Row cosines, then column cosines (0020,0037).

    Returns
    -------
    (3,), float64, LPS, unit length

    References
    ----------
    PS3.3 C.7.6.2.1.1
    """
    normal = np.cross(np.asarray(orientation[:3], float), np.asarray(orientation[3:6], float))
    length = float(np.linalg.norm(normal))
    if not np.isfinite(length) or length < 1e-6:
        raise InvalidInputError("row and column cosines do not span a plane")
    return normal / length


def affine_lps(
    *, orientation: Sequence[float], pixel_spacing: Sequence[float], first: ArrayLike, step: ArrayLike
) -> Matrix:
    """Build the matrix that maps a voxel centre (z, y, x, 1) to LPS mm.

    Parameters
    ----------
    orientation : 6 values
        Row cosines, then column cosines (0020,0037).
    pixel_spacing : (row spacing, column spacing), mm
        (0028,0030): the distance between rows (y) comes first.
    first : (3,), LPS mm
        Centre of voxel (0, 0, 0), (0020,0032) of the first plane.
    step : (3,), LPS mm
        From one plane to the next.

    Returns
    -------
    (4, 4), float64

    References
    ----------
    PS3.3 C.7.6.2.1.1, equation C.7.6.2.1-1
    """
    affine = np.eye(4)
    affine[:3, 0] = np.asarray(step, float)
    affine[:3, 1] = np.asarray(orientation[3:6], float) * float(pixel_spacing[0])
    affine[:3, 2] = np.asarray(orientation[:3], float) * float(pixel_spacing[1])
    affine[:3, 3] = np.asarray(first, float)
    return affine


def voxel_to_world(affine: ArrayLike, points: ArrayLike) -> Matrix:
    """Map voxel coordinates to LPS mm; (n, 3) zyx → (n, 3) xyz."""
    matrix = np.asarray(affine, float)
    world: Matrix = np.asarray(points, float) @ matrix[:3, :3].T + matrix[:3, 3]
    return world


def world_to_voxel(affine: ArrayLike, points: ArrayLike) -> Matrix:
    """Map LPS mm to (fractional) voxel coordinates; (n, 3) xyz → (n, 3) zyx."""
    matrix = np.asarray(affine, float)
    return np.asarray(np.linalg.solve(matrix[:3, :3], (np.asarray(points, float) - matrix[:3, 3]).T).T, float)


def spacing_mm(affine: ArrayLike) -> tuple[float, float, float]:
    """Give the distance between voxel centres along (z, y, x), mm."""
    lengths = np.linalg.norm(np.asarray(affine, float)[:3, :3], axis=0)
    return float(lengths[0]), float(lengths[1]), float(lengths[2])


def plane_axis(affine: ArrayLike, name: str) -> Axis:
    """Name the voxel axis that a plane holds fixed.

    `axial`, `coronal` and `sagittal` are the axes nearest to S, A and L. The three names always give three
    different axes: the assignment with the largest sum of cosines wins, so that a volume at 45° is not shown twice.
    """
    if name in ("z", "y", "x"):
        return Axis(name)
    if name not in _PATIENT_DIRECTIONS:
        raise InvalidInputError("a plane is one of axial, coronal, sagittal, z, y, x")
    return _assign_planes(np.asarray(affine, float))[name]


def _assign_planes(affine: Matrix) -> dict[str, Axis]:
    columns = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    names = tuple(_PATIENT_DIRECTIONS)
    nearness = np.abs(np.array([_PATIENT_DIRECTIONS[name] for name in names]) @ columns)
    orders = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
    best = max(orders, key=lambda order: round(sum(float(nearness[row, order[row]]) for row in range(3)), 9))
    return {name: _AXES[best[row]] for row, name in enumerate(names)}


def parse_wkt(wkt: str) -> BaseGeometry:
    """Read a WKT; raise InvalidInputError for anything that is none, and for collections, which no drawing is."""
    if _COLLECTION.search(wkt):
        raise InvalidInputError("a drawing is no collection")
    try:
        geometry: BaseGeometry = shapely.from_wkt(wkt)
    except (ShapelyError, TypeError, ValueError) as error:
        raise InvalidInputError("this is not a WKT geometry") from error
    return geometry


def format_wkt(geometry: BaseGeometry) -> str:
    """Write a WKT with the fewest digits that read back to the same doubles."""
    return str(shapely.to_wkt(geometry, rounding_precision=-1, trim=True))


def flip_wkt_y(wkt: str, height: float) -> str:
    """Turn a plane's WKT between top-left and lower-left origin; its own inverse.

    Exact for integers and half-integers: y → height − y is then computed without rounding.
    """
    return format_wkt(shapely.transform(parse_wkt(wkt), lambda points: _flip_y(points, height)))


def _flip_y(points: Matrix, height: float) -> Matrix:
    flipped = points.copy()
    flipped[:, 1] = height - points[:, 1]
    return flipped


def wkt_to_mask(wkt: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Say which voxels of a plane a polygon holds.

    Parameters
    ----------
    wkt
        Top-left origin, y down, pixels of the plane.
    shape : (rows, columns)

    Returns
    -------
    (rows, columns), bool
        True where the voxel's centre (column + 0.5, row + 0.5) lies inside; lines and points hold none.
    """
    mask = np.zeros(shape, bool)
    mark_polygon(mask, wkt)
    return mask


def mark_polygon(mask: NDArray[np.bool_], wkt: str, *, start: tuple[int, int] = (0, 0)) -> None:
    """Add the voxels that a polygon holds to the mask of a plane, or of a window of it that starts at a voxel.

    Parameters
    ----------
    mask : (rows, columns)
    wkt
        As for `wkt_to_mask`, in pixels of the plane.
    start : (row, column)
        Of the plane, where the window begins.
    """
    geometry = parse_wkt(wkt)
    if geometry.is_empty or geometry.area == 0:
        return
    left, top, right, bottom = geometry.bounds
    rows = _reach(top, bottom, start[0], mask.shape[0])
    columns = _reach(left, right, start[1], mask.shape[1])
    if not rows or not columns:
        return
    x = np.arange(columns.start, columns.stop) + start[1] + 0.5
    shapely.prepare(geometry)
    # Some rows at a time: the coordinates of every voxel of a mammogram would take fifty times the mask's memory.
    strip = max(1, _VOXELS_AT_ONCE // len(x))
    for first in rows[::strip]:
        last = min(first + strip, rows.stop)
        y = np.arange(first, last) + start[0] + 0.5
        mask[first:last, columns.start : columns.stop] |= shapely.contains_xy(geometry, x, y[:, np.newaxis])


def _reach(low: float, high: float, start: int, extent: int) -> range:
    return range(max(0, int(np.floor(low - 0.5)) - start), min(extent, int(np.ceil(high + 0.5)) - start))


@dataclass(frozen=True)
class Measure:
    """Size of a drawing; the mm values are None where the plane is not calibrated.

    `length_*` is the length of a line or the perimeter of a polygon.
    """

    area_px: float
    length_px: float
    area_mm2: float | None
    length_mm: float | None


def area_and_length(wkt: str, spacing: tuple[float, float] | None) -> Measure:
    """Measure a drawing in pixels and, with a spacing (row mm, column mm), in mm; exact for unequal spacings."""
    geometry = parse_wkt(wkt)
    if spacing is None:
        return Measure(float(geometry.area), float(geometry.length), None, None)
    row_mm, column_mm = spacing
    scaled = shapely.transform(geometry, lambda points: points * np.array([column_mm, row_mm]))
    return Measure(float(geometry.area), float(geometry.length), float(scaled.area), float(scaled.length))
