"""Synthetic studies with realistic anatomy and obviously invented identifiers, as arrays and as DICOM.

Everything is deterministic: a phantom is a pure function of its number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from imaging.testing.chest import ChestPlan, Nodule, build_chest
from imaging.testing.head import HeadPlan, build_head

Vector = tuple[float, float, float]
AXIAL: tuple[Vector, Vector] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
CHESTS = 10
HEADS = 2

_GREEK = ("ALPHA", "BRAVO", "CHARLIE", "DELTA", "ECHO", "FOXTROT", "GOLF", "HOTEL", "INDIA", "JULIETT", "KILO", "LIMA")


class Kind(Enum):
    """Which anatomy a phantom imitates."""

    CHEST = "ct-chest"
    HEAD = "mr-head"


@dataclass(frozen=True)
class Phantom:
    """One synthetic subject with one volume.

    Attributes
    ----------
    number
        Makes every identifier and every random draw.
    stored : (z, y, x), int16 or uint16
        Stored values; z grows along the cross product of `orientation`.
    labels : (z, y, x), uint8
        1 where a nodule (chest) or lesion (head) was planted.
    spacing : (z, y, x)
        mm.
    orientation : row cosines, column cosines
        LPS, (0020,0037).
    origin
        LPS mm of voxel (0, 0, 0), (0020,0032).
    intercept
        (0028,1052); the slope is 1. None where the modality has no rescale.
    """

    number: int
    kind: Kind
    stored: NDArray[np.int16] | NDArray[np.uint16]
    labels: NDArray[np.uint8]
    spacing: Vector
    orientation: tuple[Vector, Vector]
    origin: Vector
    intercept: float | None
    nodules: tuple[Nodule, ...] = ()

    @property
    def code(self) -> str:
        """The word that tells this subject from the others."""
        return _GREEK[(self.number - 1) % len(_GREEK)]

    @property
    def normal(self) -> Vector:
        """Unit vector along which z grows."""
        x, y, z = np.cross(*np.asarray(self.orientation))
        return float(x), float(y), float(z)

    def voxel_of(self, nodule: Nodule) -> Vector:
        """Give the (z, y, x) voxel coordinates of a nodule's centre."""
        half = (np.asarray(self.stored.shape) - 1) / 2
        z, y, x = np.asarray(nodule.centre) / self.spacing + half
        return float(z), float(y), float(x)

    def position(self, index: int) -> Vector:
        """LPS mm of the first voxel of one z plane."""
        x, y, z = np.asarray(self.origin) + index * self.spacing[0] * np.asarray(self.normal)
        return float(x), float(y), float(z)


def chest_plan(number: int) -> ChestPlan:
    """Plan the chest of one subject: every number differs in size, spacing, nodules, noise and calibration."""
    rng = np.random.default_rng([1_618, number])
    in_plane = round(float(rng.uniform(3.0, 3.4)), 2)
    return ChestPlan(
        seed=number,
        shape=(32, 88, 104) if number % 5 == 4 else (32, 96, 96),
        spacing=(float(rng.choice([5.0, 5.5, 6.0])), in_plane, in_plane),
        body=(round(float(rng.uniform(88.0, 104.0)), 1), round(float(rng.uniform(122.0, 140.0)), 1)),
        nodules=int(rng.integers(4, 8)),
        noise=round(float(rng.uniform(12.0, 32.0)), 1),
        offset=round(float(rng.uniform(-15.0, 15.0)), 1),
    )


def chest_phantom(number: int, plan: ChestPlan | None = None) -> Phantom:
    """Build a CT chest; `plan` overrides the subject's own (smaller volumes for quick tests)."""
    plan = plan or chest_plan(number)
    chest = build_chest(plan)
    signed = number % 3 == 0
    intercept = 0.0 if signed else -1024.0
    whole = np.rint(np.clip(chest.hounsfield, -1024.0, 3071.0) - intercept)
    stored = whole.astype(np.int16) if signed else whole.astype(np.uint16)
    return Phantom(
        number=number,
        kind=Kind.CHEST,
        stored=stored,
        labels=chest.nodule_mask.astype(np.uint8),
        spacing=plan.spacing,
        orientation=AXIAL,
        origin=_corner(plan.shape, plan.spacing, AXIAL, (1.5 * number, -180.0 + number, -320.25)),
        intercept=intercept,
        nodules=chest.nodules,
    )


def head_phantom(number: int, plan: HeadPlan | None = None) -> Phantom:
    """Build an MR head: odd numbers are oblique axial, even ones sagittal acquisitions."""
    if number % 2:
        plan = plan or HeadPlan(seed=number)
        head = build_head(plan)
        volume, labels, spacing = head.signal, head.lesion_mask, plan.spacing
        tilt = np.deg2rad(8.0)
        orientation = ((1.0, 0.0, 0.0), (0.0, float(np.cos(tilt)), float(-np.sin(tilt))))
    else:
        sagittal = HeadPlan(number, shape=(96, 96, 28), spacing=(2.1, 2.1, 5.5), skull=(90.0, 94.0, 74.0), gain=1.3)
        plan = plan or sagittal
        head = build_head(plan)
        # Sagittal rows run to the back and columns down, so planes run from left to right.
        volume = head.signal[::-1, :, ::-1].transpose(2, 0, 1)
        labels = head.lesion_mask[::-1, :, ::-1].transpose(2, 0, 1)
        spacing = (plan.spacing[2], plan.spacing[0], plan.spacing[1])
        orientation = ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0))
    shape = (volume.shape[0], volume.shape[1], volume.shape[2])
    return Phantom(
        number=number,
        kind=Kind.HEAD,
        stored=np.rint(np.clip(volume, 0.0, 4095.0)).astype(np.uint16),
        labels=labels.astype(np.uint8),
        spacing=spacing,
        orientation=orientation,
        origin=_corner(shape, spacing, orientation, (3.0, -12.0, 25.5)),
        intercept=None,
    )


def phantoms() -> list[Phantom]:
    """Build every subject of `sample_dicom/`: the chests first, then the heads."""
    chests = [chest_phantom(number) for number in range(1, CHESTS + 1)]
    return chests + [head_phantom(number) for number in range(CHESTS + 1, CHESTS + HEADS + 1)]


def _corner(shape: tuple[int, int, int], spacing: Vector, orientation: tuple[Vector, Vector], centre: Vector) -> Vector:
    """Place voxel (0, 0, 0) so that the middle of the volume lies at `centre` (LPS mm)."""
    rows, columns = np.asarray(orientation[1]), np.asarray(orientation[0])
    steps = (np.cross(columns, rows) * spacing[0], rows * spacing[1], columns * spacing[2])
    middle = sum(step * (count - 1) / 2 for step, count in zip(steps, shape, strict=True))
    x, y, z = np.round(np.asarray(centre) - middle, 3)
    return float(x), float(y), float(z)
