"""Planes that form no regular grid, brought onto one: linear in physical space, plane by plane."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.domain.image import ImageAttributes, Rescale
from imaging.errors import InvalidInputError
from imaging.geometry import Matrix, normal_of
from imaging.pyramid.layout import Slab, Stored

VERSION = 1
"""Raised when the same source gives other voxels."""

_GAP = 1.5
_SAME = 1e-3
"""Planes and pixels nearer than this share of a step lie at one place."""
_EVEN = 0.01
_REAL = {"rescale": Rescale(), "padding": None, "bits_stored": 32}
_MOST_TIMES = 20
"""So many times the planes of the source the regular image may have."""
_BLOCK = 16
_AIR_HU = -1024.0

ReadPlanes = Callable[[Slab], Stored]
"""Gives the stored values (z, y, x) of some planes of the source."""


@dataclass(frozen=True, eq=False)
class RegularGrid:
    """Where the voxels of the regular image lie.

    Attributes
    ----------
    affine : (4, 4)
        Voxel centre (z, y, x, 1) to LPS mm.
    shape : (z, y, x)
    below : (z,)
        The plane of the source at or below each new plane.
    share : (z,), 0..1
        Of the plane above it.
    shift : (z, 2)
        What is added to a new row and column to give those of the source, in its pixels.
    across_gaps
        New planes that lie where planes of the source are missing.
    """

    affine: Matrix
    shape: tuple[int, int, int]
    below: NDArray[np.intp]
    share: Matrix
    shift: Matrix
    across_gaps: tuple[int, ...]

    @property
    def interpolated(self) -> tuple[int, ...]:
        """New planes that lie between two of the source."""
        return tuple(int(plane) for plane in np.flatnonzero(self.share))


def plan_grid(attributes: ImageAttributes, plane: tuple[int, int]) -> RegularGrid:
    """Choose the grid: rows and columns as they are, planes at right angles to them, at their usual distance.

    It begins with the first plane and is as wide as all planes together reach.

    Parameters
    ----------
    plane : (y, x)
        Voxels of one plane of the source.
    """
    positions = np.asarray(attributes.positions_lps, float)
    if not attributes.placed or len(positions) < 2 or None in attributes.spacing_mm:
        raise InvalidInputError("nothing says where in the patient the planes of this image lie")
    affine = np.asarray(attributes.affine_lps, float)
    rows, columns = affine[:3, 1], affine[:3, 2]
    normal = normal_of([*columns, *rows])
    along, down, across = np.linalg.solve(np.stack([normal, rows, columns], axis=1), (positions - positions[0]).T)
    steps = np.diff(along)
    step, gaps = _usual_step(steps)
    if along[-1] / step > _MOST_TIMES * len(positions):
        raise InvalidInputError("far more planes would be made up than there are")
    heights = np.arange(int(np.floor(along[-1] / step + _SAME)) + 1) * step
    below = np.clip(np.searchsorted(along, heights + _SAME * step, side="right") - 1, 0, len(along) - 2)
    share = (heights - along[below]) / steps[below]
    share[np.abs(share) * steps[below] < _SAME * step] = 0.0
    onto_next = np.abs(share - 1.0) * steps[below] < _SAME * step
    below, share = np.where(onto_next, below + 1, below), np.where(onto_next, 0.0, share)
    above = np.minimum(below + 1, len(along) - 1)
    drift = np.stack([down, across], axis=1)
    place = drift[below] + share[:, None] * (drift[above] - drift[below])
    first = np.floor(drift.min(axis=0) + _SAME)
    last = np.ceil(drift.max(axis=0) - _SAME)
    height, width = (int(count + end - start) for count, end, start in zip(plane, last, first, strict=True))
    return RegularGrid(
        affine=_affine(positions[0], normal * step, (rows, columns), first),
        shape=(len(heights), height, width),
        below=below,
        share=share,
        shift=_snap(first - place),
        across_gaps=tuple(int(new) for new in np.flatnonzero((share > 0) & np.append(gaps, False)[below])),
    )


def regular_attributes(attributes: ImageAttributes, grid: RegularGrid) -> ImageAttributes:
    """Give what is known of the regular image; headers, frame of reference and profile are the source's alone."""
    positions = (grid.affine @ np.array([[z, 0.0, 0.0, 1.0] for z in range(grid.shape[0])]).T).T[:, :3]
    step, rows, columns = (float(length) for length in np.linalg.norm(grid.affine[:3, :3], axis=0))
    return attributes.model_copy(
        update={
            "affine_lps": tuple(tuple(float(value) for value in row) for row in grid.affine),
            "positions_lps": tuple(tuple(float(value) for value in position) for position in positions),
            "spacing_mm": (step, rows, columns),
            "regular": True,
            "irregularities": (),
            **({} if has_one_rescale(attributes) else _REAL),
            "frame_of_reference": "",
            "profile_hash": "",
        }
    )


class Interpolator:
    """Computes the planes of the regular image from those of the source."""

    def __init__(self, attributes: ImageAttributes, grid: RegularGrid, read: ReadPlanes, dtype: np.dtype[Any]) -> None:
        self._attributes = attributes
        self._grid = grid
        self._read = read
        self._dtype = dtype
        self._fill = _fill(attributes, dtype)

    def __call__(self, slab: Slab) -> Stored:
        """Give the stored values (z, y, x) of one slab of the regular image, a few planes at a time."""
        result = np.empty((slab.stop - slab.start, *self._grid.shape[1:]), self._dtype)
        for start in range(slab.start, slab.stop, _BLOCK):
            planes = range(start, min(start + _BLOCK, slab.stop))
            first, last = int(self._grid.below[planes[0]]), int(self._grid.below[planes[-1]]) + 1
            last = min(last, len(self._attributes.positions_lps) - 1)
            source = self._read(Slab(0, first, last + 1, slab.t, slab.c))
            for plane in planes:
                result[plane - slab.start] = self._plane(plane, source, first)
        return result

    def take(self, slab: Slab) -> Callable[[], Stored]:
        """Give what computes one slab elsewhere, from the image at the same path."""
        return partial(self, slab)

    def _plane(self, plane: int, source: Stored, first: int) -> Stored:
        below, share = int(self._grid.below[plane]), float(self._grid.share[plane])
        total = np.zeros(self._grid.shape[1:], np.float64)
        weight = np.zeros(self._grid.shape[1:], np.float64)
        for index, part in ((below, 1.0 - share), (below + 1, share)):
            if part:
                self._add(source[index - first], index, part, self._grid.shift[plane], (total, weight))
        # At a border a voxel takes what lies in reach, as long as that is half of what it should see.
        seen = weight >= 0.5 - _SAME
        values = np.divide(total, weight, out=np.full_like(total, self._fill), where=seen)
        if self._dtype.kind == "f":
            return values.astype(self._dtype)
        limits = np.iinfo(self._dtype)
        return np.clip(np.rint(values), limits.min, limits.max).astype(self._dtype)

    def _add(self, stored: Stored, index: int, part: float, shift: Matrix, sums: tuple[Matrix, Matrix]) -> None:
        """Add one plane of the source, moved by less than its pixels too, to the sums and to their weights."""
        padding = self._attributes.padding
        valid = (
            np.ones(stored.shape, bool) if padding is None else ~((stored >= padding.low) & (stored <= padding.high))
        )
        values = _restore(stored, index, self._attributes) * valid
        whole = np.floor(shift).astype(int)
        (row, column), (top, left) = shift - whole, whole
        corners = ((0, 0, (1 - row) * (1 - column)), (0, 1, (1 - row) * column), (1, 0, row * (1 - column)))
        for down, across, share in (*corners, (1, 1, row * column)):
            if share * part:
                to_rows, from_rows = _overlap(top + down, sums[0].shape[0], stored.shape[0])
                to_columns, from_columns = _overlap(left + across, sums[0].shape[1], stored.shape[1])
                sums[0][to_rows, to_columns] += share * part * values[from_rows, from_columns]
                sums[1][to_rows, to_columns] += share * part * valid[from_rows, from_columns]


def _usual_step(steps: Matrix) -> tuple[float, NDArray[np.bool_]]:
    """Give the distance of the new planes, mm, and tell which steps of the source are gaps."""
    usual = float(np.sort(steps)[(len(steps) - 1) // 2])
    gaps = np.asarray(steps >= _GAP * usual)
    within = steps[~gaps]
    mean = float(within.mean())
    # Where they are even, rounded positions must not add up over hundreds of planes.
    return (mean if np.abs(within - mean).max() <= _EVEN * mean else usual), gaps


def _affine(origin: Matrix, step: Matrix, plane: tuple[Matrix, Matrix], first: Matrix) -> Matrix:
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = step, *plane
    affine[:3, 3] = origin + plane[0] * first[0] + plane[1] * first[1]
    return affine


def _snap(shift: Matrix) -> Matrix:
    whole = np.rint(shift)
    return np.asarray(np.where(np.abs(shift - whole) < _SAME, whole, shift))


def _overlap(shift: int, length: int, source: int) -> tuple[slice, slice]:
    """Give the new and the old places along one axis where new place + shift is an old one."""
    start, stop = max(0, -shift), min(length, source - shift)
    return slice(start, max(start, stop)), slice(start + shift, max(start, stop) + shift)


def has_one_rescale(attributes: ImageAttributes) -> bool:
    """Whether one slope and intercept hold for all planes; else the regular image stores real values, float32."""
    return len(attributes.rescale.slope) == len(attributes.rescale.intercept) == 1


def _restore(stored: Stored, index: int, attributes: ImageAttributes) -> Matrix:
    """Give the values of one plane as they are stored in the regular image."""
    values = stored.astype(np.float64)
    if has_one_rescale(attributes):
        return values
    slope, intercept = (
        numbers[index if len(numbers) > 1 else 0]
        for numbers in (attributes.rescale.slope, attributes.rescale.intercept)
    )
    return np.asarray(values * slope + intercept)


def _fill(attributes: ImageAttributes, dtype: np.dtype[Any]) -> float:
    """Choose what stands where the source has no voxel: its padding, air in a CT, else nothing."""
    one = has_one_rescale(attributes)
    if attributes.padding is not None and one:
        return float(attributes.padding.low)
    if attributes.units != "HU":
        return 0.0
    if not one:
        return _AIR_HU
    if dtype.kind not in "iu":
        return 0.0
    limits = np.iinfo(dtype)
    stored = round((_AIR_HU - attributes.rescale.intercept[0]) / attributes.rescale.slope[0])
    return float(np.clip(stored, limits.min, limits.max))
