"""What predicting needs besides the weights, and how large a patch serves some images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import JsonValue

from imaging.domain.base import Record
from imaging.domain.image import Affine
from imaging.domain.job import Task
from imaging.errors import InvalidInputError
from pipelines.dataset import ClassOf
from pipelines.preprocessing import PreprocessingRecipe
from pipelines.voxels import Intensity, Size, Spacing

_LETTERS = (("R", "L"), ("A", "P"), ("I", "S"))
_HALVED = 32
"""Lengths that are a multiple of it suit networks of up to six levels."""


class Plan(Record):
    """Everything that predicting needs besides the weights.

    Attributes
    ----------
    patch, spacing : (z, y, x)
        Voxels of a window and their distance in mm.
    intensities
        Per modality that was trained on.
    orientation
        The sides that z, y and x of every image run to before it is seen, as letters ("SPL").
    batch
        Windows or images that go through the network together.
    preprocessing
        How every image is prepared, completed from the training images; None where patches are read straight from the
        images and brought to `spacing` one by one.
    """

    task: Task
    name: str
    classes: tuple[ClassOf, ...]
    network: dict[str, JsonValue]
    channels: int
    patch: Size
    spacing: Spacing
    intensities: dict[str, Intensity]
    orientation: str = "SPL"
    overlap: float = 0.25
    batch: int = 4
    preprocessing: PreprocessingRecipe | None = None

    @property
    def spatial_dims(self) -> int:
        """3, or 2 for a network that sees single planes."""
        return 2 if self.network.get("spatial_dims") == 2 else 3

    @property
    def values(self) -> tuple[int, ...]:
        """The voxel value of each class of a segmentation, background first."""
        return (0, *(known.value for known in self.classes))

    def intensity_of(self, modality: str) -> Intensity:
        """Find how images of a modality are to be normalised; InvalidInputError for one that was not trained on."""
        if modality not in self.intensities:
            known = ", ".join(sorted(self.intensities))
            raise InvalidInputError(f"the model was trained on {known}, not on images of this modality")
        return self.intensities[modality]


def orientation_of(affine: Affine) -> str:
    """Name the sides that the axes z, y and x of an image run to, nearest letters, each direction once."""
    columns = np.asarray(affine, float)[:3, :3]
    letters = [""] * 3
    left = np.abs(columns / np.linalg.norm(columns, axis=0))
    for _ in range(3):
        side, axis = np.unravel_index(int(left.argmax()), left.shape)
        letters[int(axis)] = _LETTERS[int(side)][int(columns[side, axis] > 0)]
        left[side, :] = left[:, axis] = -1.0
    return "".join(letters)


def median_spacing(spacings: Sequence[Spacing]) -> Spacing:
    """Give the spacing that most images are near."""
    z, y, x = np.median(np.asarray(spacings, float), axis=0)
    return round(float(z), 4), round(float(y), 4), round(float(x), 4)


def check_patch(patch: Size, shapes: Sequence[Size]) -> Size:
    """Give a patch that somebody chose; InvalidInputError where some axis of it is longer than every image.

    It may reach beyond by what networks need to halve it.

    Parameters
    ----------
    shapes
        Of the images, in voxels of the patch.
    """
    largest = [max(lengths) for lengths in zip(*shapes, strict=True)]
    if any(count > -(-length // _HALVED) * _HALVED for count, length in zip(patch, largest, strict=True)):
        extent = " × ".join(str(length) for length in largest)
        raise InvalidInputError(
            f"patch: {list(patch)} is larger than every image: the largest is {extent} voxels at the model's spacing"
        )
    return patch


def plan_patch(shapes: Sequence[Size], spacing: Spacing, voxels: int) -> Size:
    """Choose a patch as near to a cube in mm as the images allow, of at most about so many voxels.

    Parameters
    ----------
    shapes
        Of the images, in voxels of `spacing`.
    """
    limits = [_down(int(length)) for length in np.median(np.asarray(shapes), axis=0)]
    patch = [0, 0, 0]
    waiting = [0, 1, 2]
    budget = float(voxels)
    while waiting:
        # The side of the cube, in mm, that spends what is left of the budget on the axes that are left.
        side = (budget * np.prod([spacing[axis] for axis in waiting])) ** (1 / len(waiting))
        tight = [axis for axis in waiting if limits[axis] <= side / spacing[axis]]
        for axis in tight or waiting:
            patch[axis] = limits[axis] if tight else min(limits[axis], max(8, _down(int(side / spacing[axis]))))
            budget /= patch[axis]
            waiting = [other for other in waiting if other != axis]
    return patch[0], patch[1], patch[2]


def _down(length: int) -> int:
    """The largest length that halves three times; short axes are not halved and stay as they are."""
    return length if length < 8 else length // 8 * 8
