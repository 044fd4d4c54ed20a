"""Reading planes and boxes out of a pyramid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from imaging.domain.image import Axis, ImageAttributes
from imaging.errors import InvalidInputError
from imaging.pyramid.arrays import StoredArray, open_array
from imaging.pyramid.layout import Stored
from imaging.pyramid.metadata import read_group

Box = tuple[int, int, int, int, int, int]
"""z0, z1, y0, y1, x0, x1 in voxels of the level; ends are exclusive."""


@dataclass(frozen=True)
class Level:
    """One resolution as found on disk; `shape` and `scale` along all axes, scale in mm where calibrated."""

    path: str
    shape: tuple[int, ...]
    scale: tuple[float, ...]


class Grid:
    """Levels of one group, an image's or a segmentation's, and reading from them."""

    def __init__(self, path: Path, multiscale: dict[str, Any], *, sparse: bool) -> None:
        self.path = path
        self.axes = "".join(axis["name"] for axis in multiscale["axes"])
        self._datasets: list[dict[str, Any]] = multiscale["datasets"]
        self._sparse = sparse
        self._arrays: dict[int, StoredArray] = {}

    def __reduce__(self) -> tuple[Callable[[Path], Self], tuple[Path]]:
        """Cross to another process as a path, to be opened again there."""
        return type(self), (self.path,)

    @property
    def shape(self) -> tuple[int, ...]:
        """Length along each axis at level 0."""
        return self._array(0).shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored values."""
        return self._array(0).dtype

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """All resolutions, finest first."""
        return tuple(
            Level(
                dataset["path"],
                self._array(number).shape,
                tuple(dataset["coordinateTransformations"][0]["scale"]),
            )
            for number, dataset in enumerate(self._datasets)
        )

    def plane(self, axis: Axis, index: int, *, level: int = 0, t: int = 0, c: int = 0) -> Stored:
        """Read one plane.

        Returns
        -------
        Stored values: (y, x) for z, (z, x) for y, (z, y) for x.
        """
        array = self._array(level)
        place = "zyx".index(axis.value)
        if not 0 <= index < array.shape[-3:][place]:
            raise InvalidInputError(f"there is no plane {axis.value} = {index} at level {level}")
        where: list[int | slice] = [slice(None)] * 3
        where[place] = index
        return array.read((*self._front(array, t=t, c=c), *where))

    def region(self, box: Box, *, level: int = 0, t: int = 0, c: int = 0) -> Stored:
        """Read the stored values (z, y, x) of a box that lies inside the level."""
        array = self._array(level)
        sides = tuple(zip(box[0::2], box[1::2], array.shape[-3:], strict=True))
        if any(not 0 <= start < stop <= length for start, stop, length in sides):
            raise InvalidInputError(f"the box lies outside level {level}")
        where = tuple(slice(start, stop) for start, stop, _ in sides)
        return array.read((*self._front(array, t=t, c=c), *where))

    def _front(self, array: StoredArray, *, t: int, c: int) -> tuple[int, ...]:
        wanted = {"t": t, "c": c}
        for axis, index in wanted.items():
            place = self.axes.find(axis)
            length = 1 if place < 0 else array.shape[place]
            if not 0 <= index < length:
                raise InvalidInputError(f"there is no {axis} = {index}")
        return tuple(wanted[axis] for axis in self.axes[:-3])

    def _array(self, level: int) -> StoredArray:
        if not 0 <= level < len(self._datasets):
            raise InvalidInputError(f"there is no level {level}")
        if level not in self._arrays:
            self._arrays[level] = open_array(self.path / self._datasets[level]["path"], sparse=self._sparse)
        return self._arrays[level]


class Pyramid(Grid):
    """A published image; cheap to open, safe to share between threads."""

    def __init__(self, path: Path) -> None:
        group = read_group(path, kind="image")
        super().__init__(path, group["ome"]["multiscales"][0], sparse=False)
        self.attributes = ImageAttributes.model_validate(group["imaging"])

    @classmethod
    def open(cls, path: Path) -> Pyramid:
        """Open by path; NotFoundError where no image is."""
        return cls(path)
