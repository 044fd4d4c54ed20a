"""A head-like T1-weighted MR volume: scalp, skull, folded cortex, ventricles, eyes and lesions, under a bias field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.testing.shapes import Field, Grid, Point, ellipsoid

SCALP, SKULL, FLUID, GREY, WHITE, LESION, AIR = 620.0, 60.0, 120.0, 380.0, 560.0, 250.0, 0.0

_FEATURES: tuple[tuple[Point, Point], ...] = (
    ((-40.0, -88.0, 0.0), (20.0, 20.0, 13.0)),
    ((-66.0, -62.0, 0.0), (5.0, 12.0, 22.0)),
    ((-32.0, 12.0, 76.0), (28.0, 14.0, 9.0)),
    ((-32.0, 12.0, -76.0), (28.0, 14.0, 9.0)),
)
"""Centre and radii (z, y, x) of what protrudes from a face, mm."""


@dataclass(frozen=True)
class HeadPlan:
    """What differs from one head to the next.

    Attributes
    ----------
    shape, spacing : (z, y, x)
        Voxels and mm of an axial grid (x left, y backwards, z upwards).
    skull : (z, y, x)
        Outer radii of the head, mm.
    noise
        Standard deviation in the two receive channels, stored units.
    face
        Whether it has a nose, lips and ears.
    """

    seed: int
    shape: tuple[int, int, int] = (30, 96, 88)
    spacing: Point = (5.0, 2.1, 2.1)
    skull: Point = (92.0, 92.0, 76.0)
    lesions: int = 4
    noise: float = 14.0
    gain: float = 1.0
    face: bool = False


@dataclass(frozen=True)
class Head:
    """A finished head.

    Attributes
    ----------
    signal : (z, y, x), float64, arbitrary units
    lesion_mask, brain_mask : (z, y, x), bool
    feature_mask : (z, y, x), bool
        What protrudes: nose, lips, ears.
    """

    signal: Field
    lesion_mask: NDArray[np.bool_]
    brain_mask: NDArray[np.bool_]
    feature_mask: NDArray[np.bool_]


def build_head(plan: HeadPlan) -> Head:
    """Build the head of a plan; equal plans give equal volumes."""
    rng = np.random.default_rng([3_141, plan.seed])
    grid = Grid(plan.shape, plan.spacing)
    signal = np.full(plan.shape, AIR)
    features = np.zeros(plan.shape, dtype=bool)
    for middle, reach in _FEATURES if plan.face else ():
        feature = ellipsoid(grid, middle, reach)
        signal = _over(grid, signal, feature, SCALP)
        features |= feature < 0
    features &= ellipsoid(grid, (-6.0, 0.0, 0.0), plan.skull) > 0
    for shrink, tissue in ((0.0, SCALP), (6.0, SKULL), (13.0, FLUID)):
        signal = _over(grid, signal, ellipsoid(grid, (-6.0, 0.0, 0.0), _shrunk(plan.skull, shrink)), tissue)
    brain = ellipsoid(grid, (-2.0, 0.0, 0.0), _shrunk(plan.skull, 15.5)) + _folds(grid, rng.uniform(0.0, 6.28, size=6))
    _, _, x = grid.axes
    bridge = ellipsoid(grid, (2.0, 0.0, 0.0), (24.0, 42.0, 60.0))
    brain = np.maximum(brain, np.minimum(1.1 - np.abs(x), bridge))
    signal = _over(grid, signal, brain, GREY)
    white = brain + 6.5 + 1.6 * _folds(grid, rng.uniform(0.0, 6.28, size=6))
    signal = _over(grid, signal, white, WHITE)
    signal = _deep_structures(grid, signal)
    mask = np.zeros(plan.shape, dtype=bool)
    for place in rng.permutation(np.argwhere(white < -9.0))[: plan.lesions]:
        centre = [
            (index - (count - 1) / 2) * step for index, count, step in zip(place, plan.shape, plan.spacing, strict=True)
        ]
        radius = float(rng.uniform(4.0, 8.0))
        lesion = ellipsoid(grid, (centre[0], centre[1], centre[2]), (radius, radius * 1.1, radius * 0.9))
        signal = _over(grid, signal, lesion, LESION)
        mask |= lesion < 0
    bias = ndimage.gaussian_filter(rng.normal(size=plan.shape), (4.0, 14.0, 14.0))
    signal = signal * (1.0 + 0.12 * bias / np.abs(bias).max()) * plan.gain
    received = np.hypot(signal + rng.normal(size=plan.shape) * plan.noise, rng.normal(size=plan.shape) * plan.noise)
    return Head(received, mask, brain < 0, features)


def _over(grid: Grid, below: Field, distance: Field, tissue: float) -> Field:
    filled = grid.coverage(distance)
    return np.asarray(below * (1.0 - filled) + filled * tissue, dtype=np.float64)


def _shrunk(radii: Point, by: float) -> Point:
    return radii[0] - by, radii[1] - by, radii[2] - by


def _folds(grid: Grid, phases: Field) -> Field:
    """Wave the surface by a few millimetres, as gyri and sulci do."""
    z, y, x = grid.axes
    first = np.sin(y / 5.5 + 1.3 * np.sin(x / 11.0 + phases[0]) + phases[1]) * np.cos(x / 6.5 + z / 14.0 + phases[2])
    second = np.sin(x / 7.5 + 1.2 * np.sin(z / 12.0 + phases[3]) + phases[4]) * np.cos(y / 8.0 - z / 11.0 + phases[5])
    return np.asarray(2.2 * first + 1.8 * second, dtype=np.float64)


def _deep_structures(grid: Grid, signal: Field) -> Field:
    parts: list[tuple[Point, Point, float]] = []
    for side in (-1.0, 1.0):
        parts += [
            ((8.0, 6.0, side * 20.0), (12.0, 24.0, 9.0), GREY),
            ((16.0, -2.0, side * 9.0), (9.0, 30.0, 4.8), FLUID),
            ((9.0, 30.0, side * 17.0), (8.0, 13.0, 5.0), FLUID),
            ((-34.0, -62.0, side * 29.0), (14.0, 15.0, 15.0), SCALP),
            ((-34.0, -63.0, side * 29.0), (11.0, 11.0, 11.0), FLUID),
        ]
    parts += [((-2.0, 4.0, 0.0), (10.0, 14.0, 2.6), FLUID), ((-48.0, 14.0, 0.0), (26.0, 10.0, 11.0), WHITE)]
    for centre, radii, tissue in parts:
        signal = _over(grid, signal, ellipsoid(grid, centre, radii), tissue)
    return signal
