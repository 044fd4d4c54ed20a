"""Planes out of pyramids, as the caller's project allows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.domain.base import ImageKey
from imaging.domain.image import Axis, ImageAttributes, Window
from imaging.domain.project import PixelAccess
from imaging.errors import ForbiddenError, NotFoundError
from imaging.geometry import plane_axis
from imaging.project.project import Project
from imaging.pyramid.read import Grid, Pyramid
from viewer.pixels import Grey, find_window, rescale_plane, show_colour, show_grey

_ENOUGH_VALUES = 500_000
"""A window from percentiles is steady with this many values."""


class PlaneName(Enum):
    """A plane by anatomy or by the voxel axis that it holds fixed."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"
    Z = "z"
    Y = "y"
    X = "x"

    def axis(self, attributes: ImageAttributes) -> Axis:
        """Give the voxel axis; anatomical names go by the image's orientation."""
        return plane_axis(attributes.affine_lps, self.value)


@dataclass(frozen=True)
class Place:
    """One plane of one level; `index` counts the planes of that level."""

    axis: Axis
    index: int
    level: int = 0
    t: int = 0
    c: int = 0


def open_pyramid(project: Project, image: ImageKey) -> Pyramid:
    """Open the voxels of an image that the project has shown."""
    return _open(project.images.path(image))


@lru_cache(maxsize=64)
def _open(path: Path) -> Pyramid:
    # Images never change after publication and ids are never used again, so a path names its voxels for good.
    return Pyramid.open(path)


def require_exact(project: Project) -> None:
    """Refuse exact values where the project sends only pictures, or nothing."""
    if project.record.pixel_access is not PixelAccess.FULL:
        raise ForbiddenError("read exact pixels in this project")


def require_rendered(project: Project) -> None:
    """Refuse pictures where the project sends nothing."""
    if project.record.pixel_access is PixelAccess.NONE:
        raise ForbiddenError("see pixels in this project")


def read_plane(grid: Grid, place: Place) -> NDArray[Any]:
    """Read the stored values (rows, columns) of a plane; NotFoundError where there is none."""
    require_plane(grid, place)
    return grid.plane(place.axis, place.index, level=place.level, t=place.t, c=place.c)


def require_plane(grid: Grid, place: Place) -> None:
    """Raise NotFoundError where there is no such plane."""
    if not 0 <= place.level < len(grid.levels):
        raise NotFoundError("level", place.level)
    extents = dict(zip(grid.axes, grid.levels[place.level].shape, strict=True))
    wanted = {place.axis.value: place.index, "t": place.t, "c": place.c}
    if any(not 0 <= index < extents.get(axis, 1) for axis, index in wanted.items()):
        raise NotFoundError("plane")


def picture_plane(pyramid: Pyramid, place: Place, window: Window | None = None) -> Grey:
    """Show a plane in 8 bits: (rows, columns) grey or (rows, columns, 3) colour; None means the default window."""
    attributes = pyramid.attributes
    if attributes.photometric == "RGB":
        channels = [read_plane(pyramid, Place(place.axis, place.index, place.level, place.t, c)) for c in range(3)]
        return show_colour(np.stack(channels, axis=-1), attributes.bits_stored)
    stored = read_plane(pyramid, place)
    planes = pyramid.levels[place.level].shape[-3]
    real = rescale_plane(stored, attributes.rescale, axis=place.axis, index=place.index, planes=planes)
    return show_grey(stored, real, attributes, window or default_window(pyramid, place.c))


def default_window(pyramid: Pyramid, c: int = 0) -> Window:
    """Give the header's first window, else one from the values of the coarsest level."""
    windows = pyramid.attributes.windows
    return windows[0] if windows else _window_of_values(pyramid.path, c)


@lru_cache(maxsize=1024)
def _window_of_values(path: Path, c: int) -> Window:
    return find_window(_sample_values(_open(path), c))


def sample_values(pyramid: Pyramid) -> NDArray[np.float64]:
    """Give real values of all channels, without padding, of evenly spaced planes of the coarsest level."""
    colour = pyramid.attributes.photometric == "RGB"
    channels = 1 if colour else dict(zip(pyramid.axes, pyramid.shape, strict=True)).get("c", 1)
    return np.concatenate([_sample_values(pyramid, c) for c in range(channels)])


def plane_values(pyramid: Pyramid, place: Place) -> NDArray[np.float64]:
    """Give the real values of a plane without padding; of a colour picture those of all three colours."""
    attributes = pyramid.attributes
    planes = pyramid.levels[place.level].shape[-3]
    values = []
    for c in range(3) if attributes.photometric == "RGB" else (place.c,):
        stored = pyramid.plane(place.axis, place.index, level=place.level, t=place.t, c=c)
        real = rescale_plane(stored, attributes.rescale, axis=place.axis, index=place.index, planes=planes)
        padding = attributes.padding
        seen = np.ones(stored.shape, bool) if padding is None else (stored < padding.low) | (stored > padding.high)
        values.append(real[seen])
    return np.concatenate(values)


def _sample_values(pyramid: Pyramid, c: int) -> NDArray[np.float64]:
    level = len(pyramid.levels) - 1
    planes = pyramid.levels[level].shape[-3]
    step = max(1, round(planes * np.prod(pyramid.levels[level].shape[-2:]) / _ENOUGH_VALUES))
    places = [Place(Axis.Z, index, level, 0, c) for index in range(step // 2 % planes, planes, step)]
    return np.concatenate([plane_values(pyramid, place) for place in places])
