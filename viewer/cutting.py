"""Pictures of cuts, read from the level that is just fine enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.domain.image import Axis, Window
from imaging.pyramid.read import Pyramid
from viewer.cuts import Cut, Rectangle
from viewer.looks import Look, finish_look
from viewer.pixels import Grey, rescale_plane, shift_stored, show_colour, show_grey, shrink_picture
from viewer.reading import Place, default_window

_VALUES_AT_ONCE = 1 << 20
"""Real values take eight bytes each, and several steps: a large plane is shown some rows at a time."""

_ROWS_AND_COLUMNS = {Axis.Z: (1, 2), Axis.Y: (0, 2), Axis.X: (0, 1)}
"""Which of z, y, x run down and across a plane."""


@dataclass(frozen=True)
class _Part:
    """The voxels of one level that a cut shows, and where it lies among them (left, top, right, bottom)."""

    place: Place
    rows: range
    columns: range
    box: tuple[float, float, float, float]


def picture_cut(pyramid: Pyramid, place: Place, cut: Cut, look: Look, *, blend: bool = False) -> Grey:
    """Show a cut in 8 bits.

    Parameters
    ----------
    place
        A plane of level 0.
    blend
        Whether a smaller picture may show the mean of neighbouring planes, and a little beside the cut: read faster.

    Returns
    -------
    (rows, columns) grey, or (rows, columns, 3) colour
    """
    part = _find_part(pyramid, place, cut, blend=blend)
    if pyramid.attributes.photometric == "RGB":
        shown = show_colour(_read_colour(pyramid, part), pyramid.attributes.bits_stored)
    else:
        shown = _show_rows(pyramid, part, look.window or default_window(pyramid, place.c))
    return finish_look(shrink_picture(shown, (cut.columns, cut.rows), part.box), look)


def stored_cut(pyramid: Pyramid, place: Place, cut: Cut) -> NDArray[np.uint16]:
    """Give the stored values of a cut in 16 bits: exact where it is not made smaller, else their means.

    Returns
    -------
    (rows, columns), or (rows, columns, 3) of a colour picture; signed values are 32,768 higher
    """
    part = _find_part(pyramid, place, cut, blend=False)
    read = _read_colour if pyramid.attributes.photometric == "RGB" else _read
    return shrink_picture(shift_stored(read(pyramid, part)), (cut.columns, cut.rows), part.box)


def _find_part(pyramid: Pyramid, place: Place, cut: Cut, *, blend: bool) -> _Part:
    down, across = _ROWS_AND_COLUMNS[place.axis]
    fixed = "zyx".index(place.axis.value)
    rectangle, chosen, factors = cut.rectangle, 0, (1, 1, 1)
    for number, level in enumerate(pyramid.levels):
        steps = [round(scale / first) for scale, first in zip(level.scale, pyramid.levels[0].scale, strict=True)]
        z, y, x = steps[-3:]
        found = (z, y, x)
        fine = found[down] * cut.rows <= rectangle.height and found[across] * cut.columns <= rectangle.width
        if fine and (blend or (found[fixed] == 1 and _aligned(rectangle, found[down], found[across]))):
            chosen, factors = number, found
    shape = pyramid.levels[chosen].shape[-3:]
    # A coarser level leaves odd ends out, so that a cut may reach a little beyond it.
    rows = _reach(rectangle.top, rectangle.height, factors[down], shape[down])
    columns = _reach(rectangle.left, rectangle.width, factors[across], shape[across])
    index = min(place.index // factors[fixed], shape[fixed] - 1)
    top, bottom = _within(rectangle.top, rectangle.height, factors[down], rows)
    left, right = _within(rectangle.left, rectangle.width, factors[across], columns)
    return _Part(Place(place.axis, index, chosen, place.t, place.c), rows, columns, (left, top, right, bottom))


def _aligned(rectangle: Rectangle, down: int, across: int) -> bool:
    """Whether the edges of a rectangle are edges of coarser voxels."""
    return not (rectangle.top % down or rectangle.height % down or rectangle.left % across or rectangle.width % across)


def _reach(start: int, length: int, factor: int, extent: int) -> range:
    return range(start // factor, min(extent, -(-(start + length) // factor)))


def _within(start: int, length: int, factor: int, part: range) -> tuple[float, float]:
    return start / factor - part.start, min(float(len(part)), (start + length) / factor - part.start)


def _read(pyramid: Pyramid, part: _Part, c: int | None = None) -> NDArray[Any]:
    place = part.place
    down, across = _ROWS_AND_COLUMNS[place.axis]
    sides = [range(place.index, place.index + 1)] * 3
    sides[down], sides[across] = part.rows, part.columns
    z, y, x = sides
    box = (z.start, z.stop, y.start, y.stop, x.start, x.stop)
    found = pyramid.region(box, level=place.level, t=place.t, c=place.c if c is None else c)
    return found.reshape(len(part.rows), len(part.columns))


def _read_colour(pyramid: Pyramid, part: _Part) -> NDArray[Any]:
    return np.stack([_read(pyramid, part, c) for c in range(3)], axis=-1)


def _show_rows(pyramid: Pyramid, part: _Part, window: Window) -> Grey:
    stored, place, attributes = _read(pyramid, part), part.place, pyramid.attributes
    planes = pyramid.levels[place.level].shape[-3]
    grey = np.empty(stored.shape, np.uint8)
    strip = max(1, _VALUES_AT_ONCE // stored.shape[1])
    for top in range(0, len(stored), strip):
        rows = stored[top : top + strip]
        real = rescale_plane(
            rows, attributes.rescale, axis=place.axis, index=place.index, planes=planes, top=part.rows.start + top
        )
        grey[top : top + strip] = show_grey(rows, real, attributes, window)
    return grey
