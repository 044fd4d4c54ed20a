"""A chest-like CT volume: lungs with vessels and nodules inside a body with ribs, spine, heart and couch.

Nodules have the Hounsfield units of vessels, muscle and heart, so no threshold finds them:
only their shape and place do.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from imaging.testing.shapes import Field, Grid, Point, Tube, add_tube, column, ellipsoid

AIR, LUNG, FAT, SOFT, BLOOD, LIVER, MARROW, BONE = -1000.0, -860.0, -100.0, 45.0, 42.0, 58.0, 190.0, 620.0


@dataclass(frozen=True)
class ChestPlan:
    """What differs from one chest to the next.

    Attributes
    ----------
    shape, spacing : (z, y, x)
        Voxels and mm.
    body : (y, x)
        Half the depth and half the width of the trunk, mm.
    nodules
        How many are wanted.
    radii
        Smallest and largest nodule radius, mm.
    noise
        Standard deviation, HU.
    offset
        Calibration error of the scanner, HU.
    """

    seed: int
    shape: tuple[int, int, int] = (32, 96, 96)
    spacing: Point = (5.5, 3.2, 3.2)
    body: tuple[float, float] = (100.0, 138.0)
    nodules: int = 5
    radii: tuple[float, float] = (7.5, 14.0)
    noise: float = 20.0
    offset: float = 0.0


@dataclass(frozen=True)
class Nodule:
    """One planted nodule: its centre (z, y, x mm on the grid), radius (mm), HU and voxels."""

    centre: Point
    radius: float
    hounsfield: float
    voxels: int


@dataclass(frozen=True)
class Chest:
    """A finished chest.

    Attributes
    ----------
    hounsfield : (z, y, x), float64, HU
    nodule_mask : (z, y, x), bool
    """

    hounsfield: Field
    nodule_mask: NDArray[np.bool_]
    nodules: tuple[Nodule, ...]


@dataclass
class _Canvas:
    """Tissues painted one over the other, each covering part of a voxel."""

    grid: Grid
    values: Field = field(init=False)

    def __post_init__(self) -> None:
        self.values = np.full(self.grid.shape, AIR)

    def paint(self, distance: Field, hounsfield: float | Field) -> None:
        filled = self.grid.coverage(distance)
        self.values = self.values * (1.0 - filled) + filled * hounsfield


def build_chest(plan: ChestPlan) -> Chest:
    """Build the chest of a plan; equal plans give equal volumes."""
    rng = np.random.default_rng([2_718, plan.seed])
    canvas = _Canvas(Grid(plan.shape, plan.spacing))
    _paint_trunk(canvas, plan)
    lungs = _lung_distance(canvas.grid, plan)
    _paint_abdomen(canvas, plan)
    texture = ndimage.gaussian_filter(rng.normal(size=plan.shape), 1.2) * 60.0
    canvas.paint(lungs, LUNG + texture + 0.25 * canvas.grid.axes[1])
    vessels = _vessel_distance(canvas.grid, plan, rng)
    canvas.paint(np.maximum(vessels, lungs - 2.0), BLOOD)
    _paint_mediastinum(canvas, plan)
    mask, nodules = _paint_nodules(canvas, plan, lungs, rng)
    _paint_bones(canvas, plan)
    noise = ndimage.gaussian_filter(rng.normal(size=plan.shape), (0.0, 0.55, 0.55))
    values = canvas.values + plan.offset + noise / noise.std() * plan.noise
    return Chest(values, mask, nodules)


def _paint_trunk(canvas: _Canvas, plan: ChestPlan) -> None:
    depth, width = plan.body
    grid = canvas.grid
    _, y, x = grid.axes
    couch = np.maximum(np.abs(y - depth - 9.0 + 0.0012 * x**2) - 4.0, np.abs(x) - width * 0.95)
    canvas.paint(np.broadcast_to(couch, grid.shape), -120.0)
    canvas.paint(column(grid, (0.0, 0.0), (depth, width), power=2.4), FAT)
    canvas.paint(column(grid, (0.0, 0.0), (depth - 11.0, width - 12.0), power=2.3), SOFT)


def _paint_abdomen(canvas: _Canvas, plan: ChestPlan) -> None:
    depth, width = plan.body
    bottom = -0.5 * plan.shape[0] * plan.spacing[0]
    canvas.paint(ellipsoid(canvas.grid, (bottom, -5.0, -0.34 * width), (52.0, 0.66 * depth, 0.46 * width)), LIVER)
    canvas.paint(
        ellipsoid(canvas.grid, (bottom, 0.2 * depth, 0.5 * width), (34.0, 0.4 * depth, 0.2 * width)), LIVER - 8
    )
    canvas.paint(ellipsoid(canvas.grid, (bottom - 4.0, -0.35 * depth, 0.3 * width), (26.0, 22.0, 28.0)), AIR + 20.0)


def _lung_distance(grid: Grid, plan: ChestPlan) -> Field:
    depth, width = plan.body
    z, y, x = grid.axes
    floor = -0.36 * plan.shape[0] * plan.spacing[0]
    sides = []
    for side, sink in ((-1.0, 0.0), (1.0, -9.0)):
        middle = side * width * 0.44
        body = ellipsoid(grid, (0.1 * -floor, 0.0, middle), (115.0, depth * 0.76, width * 0.36))
        dome = floor + sink + 34.0 * np.exp(-(((x - middle) / (width * 0.3)) ** 2) - ((y + 5.0) / (depth * 0.55)) ** 2)
        sides.append(np.maximum(body, dome - z))
    lungs = np.minimum(*sides)
    heart = _heart_distance(grid, plan)
    return np.maximum(lungs, 3.0 - heart)


def _heart_distance(grid: Grid, plan: ChestPlan) -> Field:
    depth, width = plan.body
    return ellipsoid(grid, (-28.0, -0.32 * depth, 0.13 * width), (42.0, 0.4 * depth, 0.36 * width))


def _hila(plan: ChestPlan) -> tuple[tuple[float, Point], ...]:
    return tuple((side, (12.0, 4.0, side * plan.body[1] * 0.17)) for side in (-1.0, 1.0))


def _vessel_distance(grid: Grid, plan: ChestPlan, rng: Generator) -> Field:
    distance = np.full(grid.shape, 1e3)
    for side, hilum in _hila(plan):
        for spread in np.linspace(-1.3, 1.5, 8):
            heading = rng.normal(size=3) * (0.2, 0.7, 0.2) + (spread, 0.0, 0.75 * side)
            _grow(grid, distance, (np.asarray(hilum), heading), float(rng.uniform(4.8, 6.8)), rng)
    return distance


def _grow(grid: Grid, distance: Field, bud: tuple[Field, Field], radius: float, rng: Generator) -> None:
    """Grow one branch from its bud (place, heading) and, thinner, its two children until they are hair-thin."""
    start, heading = bud
    if radius < 1.2:
        return
    heading = heading / np.sqrt((heading**2).sum())
    end = start + heading * (6.0 + 4.2 * radius) * rng.uniform(0.8, 1.2)
    add_tube(grid, distance, Tube(_point(start), _point(end), radius, radius * 0.82))
    for share in (0.8, 0.66):
        turned, thinner = heading + rng.normal(size=3) * 0.42, radius * share * rng.uniform(0.9, 1.0)
        _grow(grid, distance, (end, turned), thinner, rng)


def _point(place: Field) -> Point:
    z, y, x = place
    return float(z), float(y), float(x)


def _paint_mediastinum(canvas: _Canvas, plan: ChestPlan) -> None:
    depth, width = plan.body
    grid = canvas.grid
    z, _, _ = grid.axes
    canvas.paint(column(grid, (-0.05 * depth, 0.0), (0.6 * depth, 0.13 * width)), SOFT)
    canvas.paint(_heart_distance(grid, plan), BLOOD)
    canvas.paint(column(grid, (0.34 * depth, 0.1 * width), (11.0, 11.0)), BLOOD + 8.0)
    canvas.paint(np.maximum(column(grid, (0.02 * depth, 0.0), (8.0, 7.0)), 18.0 - z), AIR)
    bronchi = np.full(grid.shape, 1e3)
    for side, hilum in _hila(plan):
        add_tube(grid, bronchi, Tube((20.0, 0.02 * depth, 0.0), (0.0, 4.0, hilum[2] + side * 14.0), 5.5, 3.5))
    canvas.paint(bronchi, AIR)


def _paint_nodules(
    canvas: _Canvas, plan: ChestPlan, lungs: Field, rng: Generator
) -> tuple[NDArray[np.bool_], tuple[Nodule, ...]]:
    grid = canvas.grid
    mask = np.zeros(grid.shape, dtype=bool)
    nodules: list[Nodule] = []
    steps = np.asarray(grid.spacing)
    half = np.asarray([(count - 1) / 2 for count in grid.shape])
    radii = np.linspace(plan.radii[1], plan.radii[0], plan.nodules)
    for radius in radii:
        taken = ndimage.distance_transform_edt(~mask, sampling=steps) if nodules else np.full(grid.shape, 1e3)
        # One in four hugs the chest wall; the others float in the lung, vessels or not.
        depth = 0.55 * radius if rng.uniform() < 0.25 else 1.15 * radius
        room = (lungs < -depth) & (taken > 1.6 * radius + 4.0)
        room[:2] = room[-2:] = False
        places = np.argwhere(room)
        if not len(places):
            continue
        centre = (places[rng.integers(len(places))] - half) * steps + rng.uniform(-0.5, 0.5, size=3) * steps
        distance = _lobulated(grid, centre, float(radius), rng)
        inside = np.maximum(distance, lungs)
        hounsfield = float(rng.uniform(25.0, 60.0))
        canvas.paint(inside, hounsfield)
        voxels = inside < 0
        mask |= voxels
        nodules.append(Nodule(_point(centre), float(radius), hounsfield, int(voxels.sum())))
    return mask, tuple(nodules)


def _lobulated(grid: Grid, centre: NDArray[np.float64], radius: float, rng: Generator) -> Field:
    """Give the signed distance to a slightly bumpy, slightly oval ball."""
    stretch = rng.uniform(0.88, 1.12, size=3)
    z, y, x = (axis - middle for axis, middle in zip(grid.axes, centre, strict=True))
    bumps = rng.uniform(0.0, 2 * np.pi, size=3)
    wave = (
        np.sin(z / radius * 2.1 + bumps[0]) + np.sin(y / radius * 2.3 + bumps[1]) + np.sin(x / radius * 2.2 + bumps[2])
    )
    reach = np.sqrt((z / stretch[0]) ** 2 + (y / stretch[1]) ** 2 + (x / stretch[2]) ** 2)
    return np.asarray(reach - radius * (1.0 + 0.05 * wave), dtype=np.float64)


def _paint_bones(canvas: _Canvas, plan: ChestPlan) -> None:
    depth, width = plan.body
    grid = canvas.grid
    z, y, x = grid.axes
    spine = column(grid, (0.56 * depth, 0.0), (17.0, 20.0))
    disc = np.cos(2 * np.pi * z / 27.0) > 0.86
    canvas.paint(spine, np.where(disc, 80.0, BONE * 0.75))
    canvas.paint(spine + 4.5, np.where(disc, 85.0, MARROW))
    arch = column(grid, (0.56 * depth + 26.0, 0.0), (13.0, 15.0))
    canvas.paint(arch, BONE * 0.8)
    canvas.paint(column(grid, (0.56 * depth + 25.0, 0.0), (8.0, 9.5)), 20.0)
    process = np.maximum(np.abs(x) - 3.2, np.abs(y - 0.56 * depth - 37.0) - 6.0)
    canvas.paint(np.broadcast_to(process, grid.shape), BONE * 0.7)
    canvas.paint(column(grid, (-depth + 19.0, 0.0), (6.0, 17.0)), BONE * 0.6)
    shell = np.abs(column(grid, (0.0, 0.0), (depth - 19.0, width - 20.0), power=2.3)) - 3.6
    slope = z - 0.32 * y + 0.05 * np.abs(x)
    gaps = np.abs((slope / 26.0) % 1.0 - 0.5) * 26.0 - 5.2
    front = -y - 0.62 * depth
    canvas.paint(np.maximum(np.maximum(shell, gaps), front), BONE)
