"""Solid shapes in millimetres: signed distances on a voxel grid, and how much of each voxel they fill."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]
Point = tuple[float, float, float]


@dataclass(frozen=True)
class Grid:
    """Voxel centres of a (z, y, x) volume in mm, centred on 0; x grows to the left, y backwards, z upwards.

    Attributes
    ----------
    shape, spacing : (z, y, x)
        Voxels and mm.
    """

    shape: tuple[int, int, int]
    spacing: Point

    @property
    def axes(self) -> tuple[Field, Field, Field]:
        """The z, y and x coordinates in mm, shaped to broadcast against each other."""
        z, y, x = (
            (np.arange(count, dtype=np.float64) - (count - 1) / 2) * step
            for count, step in zip(self.shape, self.spacing, strict=True)
        )
        return z[:, None, None], y[None, :, None], x[None, None, :]

    def coverage(self, distance: Field) -> Field:
        """Turn signed distances (mm, negative inside) into the filled fraction of each voxel, 0 to 1."""
        softness = min(self.spacing)
        return np.clip(0.5 - distance / softness, 0.0, 1.0)


def ellipsoid(grid: Grid, centre: Point, radii: Point) -> Field:
    """Approximate the signed distance (mm) to an ellipsoid; `centre` and `radii` are (z, y, x)."""
    scaled = sum(((axis - middle) / radius) ** 2 for axis, middle, radius in zip(grid.axes, centre, radii, strict=True))
    return np.asarray((np.sqrt(scaled) - 1.0) * min(radii), dtype=np.float64)


def column(grid: Grid, centre: tuple[float, float], radii: tuple[float, float], *, power: float = 2.0) -> Field:
    """Approximate the signed distance (mm) to an endless upright column; `centre` and `radii` are (y, x)."""
    _, y, x = grid.axes
    scaled = np.abs((y - centre[0]) / radii[0]) ** power + np.abs((x - centre[1]) / radii[1]) ** power
    flat = (scaled ** (1.0 / power) - 1.0) * min(radii)
    return np.broadcast_to(flat, grid.shape)


@dataclass(frozen=True)
class Tube:
    """A straight piece of a vessel from `start` to `end` (z, y, x mm), tapering between two radii (mm)."""

    start: Point
    end: Point
    start_radius: float
    end_radius: float


def add_tube(grid: Grid, distance: Field, tube: Tube) -> None:
    """Lower `distance` in place wherever the tube is nearer than what it held."""
    start, end = np.asarray(tube.start), np.asarray(tube.end)
    reach = max(tube.start_radius, tube.end_radius) + 2 * max(grid.spacing)
    half = np.asarray([(count - 1) / 2 for count in grid.shape])
    low = np.floor((np.minimum(start, end) - reach) / grid.spacing + half).astype(int).clip(0)
    high = np.ceil((np.maximum(start, end) + reach) / grid.spacing + half).astype(int) + 1
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True) if b > a)
    if len(box) < 3:
        return
    z, y, x = grid.axes
    points = np.stack(np.broadcast_arrays(z[box[0]], y[:, box[1]], x[:, :, box[2]]), axis=-1)
    if points.size == 0:
        return
    along = end - start
    place = np.clip(((points - start) @ along) / max(float(along @ along), 1e-9), 0.0, 1.0)
    nearest = start + place[..., None] * along
    radius = tube.start_radius + place * (tube.end_radius - tube.start_radius)
    piece = np.sqrt(((points - nearest) ** 2).sum(axis=-1)) - radius
    distance[box] = np.minimum(distance[box], piece)
