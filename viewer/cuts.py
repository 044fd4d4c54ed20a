"""Rectangles of planes: what a window, a crop or a tile shows, and how large its picture is. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.domain.annotation import Box
from imaging.errors import InvalidInputError, NotFoundError
from imaging.geometry import mark_polygon
from imaging.project.drawing import Plane

LARGEST_SIDE = 10_000
"""Pixels that a picture has at most on a side."""

TILE = 256
"""Pixels on the side of a tile."""


@dataclass(frozen=True)
class Rectangle:
    """Voxels of a plane at full resolution: left, top inside; origin top-left."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Cut:
    """A rectangle of a plane and the size of its picture, never larger than the rectangle."""

    rectangle: Rectangle
    columns: int
    rows: int

    def __post_init__(self) -> None:
        if max(self.columns, self.rows) > LARGEST_SIDE:
            raise InvalidInputError(
                f"a picture has at most {LARGEST_SIDE} pixels on a side; ask for fewer with maxSize or zoom"
            )


def whole(plane: Plane) -> Rectangle:
    """Give the rectangle of all voxels of a plane."""
    return Rectangle(0, 0, plane.width, plane.height)


def find_window(plane: Plane, rectangle: Rectangle) -> Rectangle:
    """Take a window as it is asked for; InvalidInputError where some of it lies beyond the plane."""
    right, bottom = rectangle.left + rectangle.width, rectangle.top + rectangle.height
    if rectangle.width < 1 or rectangle.height < 1:
        raise InvalidInputError("a window is at least one pixel wide and high")
    if min(rectangle.left, rectangle.top) < 0 or right > plane.width or bottom > plane.height:
        raise InvalidInputError(f"the window reaches beyond the plane of {plane.width} x {plane.height} pixels")
    return rectangle


def find_crop(plane: Plane, box: Box, increase: float = 1.0) -> Rectangle:
    """Find the voxels around a drawing.

    Parameters
    ----------
    box
        Of the drawing; a point or a straight line has that of the voxels that it touches.
    increase
        How many times as wide and high the crop is as the drawing, about the same middle, as far as the plane reaches.
    """
    left, right = _widen(box.x0, box.x1, plane.width, increase)
    top, bottom = _widen(box.y0, box.y1, plane.height, increase)
    return Rectangle(left, top, right - left, bottom - top)


def _widen(low: float, high: float, extent: int, increase: float) -> tuple[int, int]:
    first = min(math.floor(low), extent - 1)
    last = max(math.ceil(high), first + 1)
    beyond = (last - first) * (increase - 1) / 2
    return max(0, math.floor(first - beyond)), min(extent, math.ceil(last + beyond))


def count_zooms(plane: Plane) -> int:
    """Give the number of the largest zoom of tiles: the one at full resolution; at zoom 0 one tile holds all."""
    return max(0, math.ceil(math.log2(max(plane.width, plane.height) / TILE)))


def find_tile(plane: Plane, zoom: int, tx: int, ty: int) -> Cut:
    """Find what a tile shows; those at the right and lower edge hold what there is. NotFoundError beyond."""
    halvings = count_zooms(plane) - zoom
    if not 0 <= halvings <= count_zooms(plane):
        raise NotFoundError("zoom", zoom)
    side = TILE << halvings
    left, top = tx * side, ty * side
    if min(tx, ty) < 0 or left >= plane.width or top >= plane.height:
        raise NotFoundError("tile")
    rectangle = Rectangle(left, top, min(side, plane.width - left), min(side, plane.height - top))
    return halve(rectangle, halvings)


def halve(rectangle: Rectangle, times: int) -> Cut:
    """Show a rectangle at half its size, so many times over; odd ends count as a pixel."""
    return Cut(rectangle, max(1, -(-rectangle.width >> times)), max(1, -(-rectangle.height >> times)))


def fit(rectangle: Rectangle, largest: int) -> Cut:
    """Show a rectangle so that no side has more than `largest` pixels; never larger than it is."""
    share = min(1.0, largest / max(rectangle.width, rectangle.height))
    return Cut(rectangle, max(1, round(rectangle.width * share)), max(1, round(rectangle.height * share)))


def mask_cut(cut: Cut, drawings: Iterable[str]) -> NDArray[np.bool_]:
    """Say which pixels of a cut lie in any of some polygons.

    A voxel is inside if its centre is; a pixel of a smaller picture is what the voxel at its centre is.

    Parameters
    ----------
    drawings
        WKT of the plane, top-left origin, y down.

    Returns
    -------
    (rows, columns), bool
    """
    rectangle = cut.rectangle
    mask = np.zeros((rectangle.height, rectangle.width), bool)
    for wkt in drawings:
        mark_polygon(mask, wkt, start=(rectangle.top, rectangle.left))
    rows = _centres(cut.rows, rectangle.height)
    columns = _centres(cut.columns, rectangle.width)
    return mask[np.ix_(rows, columns)]


def _centres(pixels: int, voxels: int) -> NDArray[np.intp]:
    return ((np.arange(pixels) + 0.5) * voxels / pixels).astype(np.intp)
