"""Images whose axes run another way than those that a model knows: turned as they are read, voxel for voxel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from imaging.domain.image import ImageAttributes
from imaging.pyramid.read import Box, Pyramid
from pipelines.plan import orientation_of
from pipelines.prepared_grid import PreparedGrid
from pipelines.preprocessing import PreprocessingRecipe
from pipelines.voxels import ImageVoxels, Size, Values

Scalar = TypeVar("Scalar", bound=np.generic)


class TurnedVoxels(ImageVoxels):
    """An image on a grid that only swaps and reverses its axes: no voxel changes, and no copy is kept."""

    def __init__(self, pyramid: Pyramid, grid: PreparedGrid, *, suv: float | None = None) -> None:
        super().__init__(pyramid, suv=suv)
        self._grid = grid
        self.shape: Size = grid.shape
        self.spacing = grid.turned(self.spacing)

    def stored(self, box: Box) -> NDArray[np.generic]:
        """Read the stored values (z, y, x) of the first channel."""
        return self._turn(super().stored(self._of_source(box)))

    def read(self, box: Box) -> Values:
        """Read real values (c, z, y, x) of a box inside the turned image."""
        return self._turn(super().read(self._of_source(box)))

    def survey(self) -> Values:
        """Read the whole image (c, z, y, x) at the finest level that is small enough to look over."""
        return self._turn(super().survey())

    def _of_source(self, box: Box) -> Box:
        sides = [(0, 0)] * 3
        for axis, start, stop in zip(self._grid.axes, box[0::2], box[1::2], strict=True):
            sides[axis.source] = (start, stop) if axis.step > 0 else (axis.length - stop, axis.length - start)
        (z0, z1), (y0, y1), (x0, x1) = sides
        return z0, z1, y0, y1, x0, x1

    def _turn(self, values: NDArray[Scalar]) -> NDArray[Scalar]:
        before = values.ndim - 3
        order = (*range(before), *(before + axis.source for axis in self._grid.axes))
        backward = tuple(before + place for place, axis in enumerate(self._grid.axes) if axis.step < 0)
        return np.flip(values.transpose(order), backward)


def usual_orientation(images: Sequence[ImageAttributes]) -> str:
    """Name the sides that the axes z, y and x of most images run to; those that lie nowhere count if no other does."""
    placed = [image for image in images if image.placed] or images
    return Counter(orientation_of(image.affine_lps) for image in placed).most_common(1)[0][0]


def orient_to(axes: str | None, recipe: PreprocessingRecipe, image: ImageAttributes) -> PreprocessingRecipe:
    """Have a recipe orient an image whose z, y and x run to other sides, where it does not say itself how it is to lie.

    An image that lies right, or of which nothing says how it lies, is prepared as the recipe says.
    """
    if axes is None or recipe.orientation is not None or not image.placed or orientation_of(image.affine_lps) == axes:
        return recipe
    return recipe.model_copy(update={"orientation": axes[::-1]})
