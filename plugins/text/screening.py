"""Finds small and faint text on medical images with two small networks made for it, in milliseconds per frame.

The first looks at the whole frame in its own pixels and points at more than it should; the second looks closely at what
the first points at, enlarged. Both rate cells of 8 × 8 pixels by whether a line of text runs through them: level,
tilted by up to 12 degrees or upended, in either polarity. Both measure contrast by that around each place, so that
neither range nor window matters. They were learned from generated frames alone (`tests/learning`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imaging.text import Box, grow, merge
from plugins.text.sessions import open_network

CELL = 8
_LOOK, _CONFIRM = "look.onnx", "confirm.onnx"
_STEP = 32
"""Sides of what a network is shown are multiples of this, and `_RIM` more at each end."""
_RIM = 2
_ENLARGED, _MOST_ENLARGED = 1.5, 3.0
"""By how much a region is enlarged for the second network: letters of 9 pixels are few strokes in cells of 8."""
_SMALL = 192
"""Shorter sides up to which a frame is shown to the second network as a whole, enlarged to about this."""
_MAYBE, _TEXT = -1.2, 0.5
"""Ratings (log-odds) from which on a cell is looked at closely, and counts as text."""
_ENOUGH, _LEAST = 14.0, 5.0
"""What the cells of a group must exceed `_TEXT` by, together; the lesser where the first network is `_CLEAR` too."""
_CLEAR = 2.0
_UPENDED = 20.0
"""The same for what is higher than wide: edges of bone and skin run so, and text seldom does."""
_LETTERS = 2.5
"""What three cells of a group that is no line must reach: the single letter of a side marker does not."""
_PLAIN = 2.8
"""The same for small frames: enlarged as much as they are, organs and vessels look like large soft letters."""
_LINE = 1.5
"""By how much a line is longer than high, or higher than wide where it is upended."""
_RUN = 3
"""Cells in a row, or in a column, that must all be rated so: a word of 9-pixel letters reaches through as many."""
_AROUND = 5
"""Cells around a region that are shown with it."""
_TILE, _OVERLAP = 1024, 128
"""Sides of what is looked at in one piece, which bounds the memory that a network keeps."""
_LARGE = (768, 2048)
"""Longest sides beyond which a frame is looked at in its half, and in its quarter, too: its letters may be larger."""

_Grey = NDArray[np.float32]


def find_lines(channel: NDArray[np.generic]) -> tuple[Box, ...]:
    """Return where lines of text stand, in whole cells; none overlaps another.

    Parameters
    ----------
    channel : (y, x), any integer or float type
        Stored values, of any range.
    """
    grey = _to_unit(channel)
    found: list[Box] = []
    for halvings in range(1 + sum(max(grey.shape) > side for side in _LARGE)):
        if halvings:
            if min(grey.shape) < 2 * CELL:
                break
            grey = _halve(grey)
        # Of the frame: what is left for the last tile of a large one may be narrow.
        small, scale = min(grey.shape) < _SMALL, 1 << halvings
        for tile in cut(grey.shape, _TILE, _OVERLAP):
            part = grey[tile.top : tile.bottom, tile.left : tile.right]
            found += [_place(box, tile, scale, channel.shape) for box in _find_in(part, small=small)]
    return merge(found)


def _to_unit(channel: NDArray[np.generic]) -> _Grey:
    """Bring values to 0..1."""
    grey = channel.astype(np.float32)
    whole = np.issubdtype(channel.dtype, np.integer)
    if not whole:
        np.nan_to_num(grey, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    # Of whole numbers, least and greatest are found in a fraction of the time.
    told = channel if whole else grey
    low, high = float(np.float32(told.min())), float(np.float32(told.max()))
    grey -= low
    grey *= 1 / max(high - low, 1e-30)
    return grey


def _find_in(part: _Grey, *, small: bool) -> Iterator[Box]:
    """Yield lines in pixels of one tile."""
    looked = _rate(part, _LOOK)
    regions = [Box(0, 0, *part.shape)] if small else _list_regions(_keep_runs(looked > _MAYBE))
    scale = min(_MOST_ENLARGED, max(_ENLARGED, _SMALL / min(part.shape))) if small else _ENLARGED
    for region in regions:
        shown = part[region.top : region.bottom, region.left : region.right]
        # To whole steps, so that nothing has to be drawn out where the region ends.
        rows, columns = (max(_STEP, round(side * scale / _STEP) * _STEP) for side in shown.shape)
        enlarged = np.asarray(Image.fromarray(shown).resize((columns, rows), Image.Resampling.BILINEAR), np.float32)
        for group in _list_groups(_rate(enlarged, _CONFIRM), (shown.shape[0] / rows, shown.shape[1] / columns), region):
            if _is_text(group, looked, small=small):
                yield _take_in(group.box, part.shape)


@dataclass(frozen=True)
class _Group:
    """Cells of the second network that may be text: where, in pixels, and how they are rated, in rising order."""

    box: Box
    ratings: _Grey


def _list_groups(rated: _Grey, pixel: tuple[float, float], region: Box) -> Iterator[_Group]:
    """Yield the groups of one region; `pixel` is the size of an enlarged one, (y, x)."""
    groups, places = _find_groups(_keep_runs(rated > _TEXT))
    down, across = pixel[0] * CELL, pixel[1] * CELL
    for number, (rows, columns) in enumerate(places, start=1):
        top, left = int(rows.start * down), int(columns.start * across)
        bottom, right = int(np.ceil(rows.stop * down)), int(np.ceil(columns.stop * across))
        box = Box(region.top + top, region.left + left, bottom - top, right - left)
        yield _Group(box, np.sort(rated[rows, columns][groups[rows, columns] == number]))


def _find_groups(chosen: NDArray[np.bool_]) -> tuple[NDArray[np.integer], list[tuple[slice, ...]]]:
    """Number the groups of cells that touch, from 1, and tell where each is."""
    # Loaded when something was found: a third of a second, for each worker that starts.
    from scipy import ndimage

    groups, _ = ndimage.label(chosen, np.ones((3, 3)))
    return groups, list(ndimage.find_objects(groups))


def _is_text(group: _Group, looked: _Grey, *, small: bool) -> bool:
    box = group.box
    if small and group.ratings[-_RUN] < _PLAIN:
        return False
    if max(box.rows, box.columns) < _LINE * min(box.rows, box.columns) and group.ratings[-_RUN] < _LETTERS:
        return False
    excess = float((group.ratings - _TEXT).sum())
    if box.rows > box.columns:
        return excess >= _UPENDED
    there = looked[box.top // CELL : -(-box.bottom // CELL), box.left // CELL : -(-box.right // CELL)]
    clear = np.sort(there, axis=None)[-_RUN:].mean() >= _CLEAR
    return excess >= (_LEAST if clear else _ENOUGH)


def _take_in(box: Box, shape: tuple[int, ...]) -> Box:
    """Take in the rim of letters, and what is weak at the ends of a line."""
    around, ends = CELL // 2, min(box.rows, box.columns)
    above, beside = (around, ends) if box.columns >= box.rows else (ends, around)
    return grow(box, above, beside, shape)


def _rate(grey: _Grey, network: str) -> _Grey:
    """Return the log-odds of text for each cell, (y, x)."""
    rows, columns = grey.shape
    # Drawn out by its mirror image: rows that only repeat turn noise into upright strokes.
    sides = ((_RIM, -rows % _STEP + _RIM), (_RIM, -columns % _STEP + _RIM))
    shown = np.pad(grey, sides, mode="symmetric")[np.newaxis, np.newaxis]
    rated = open_network(network).run(None, {"frame": shown})[0][0, 0]
    return np.asarray(rated[: -(-rows // CELL), : -(-columns // CELL)])


def _keep_runs(chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the cells that are part of a run along a row or a column."""
    kept = np.zeros_like(chosen)
    for cells, runs in ((chosen, kept), (chosen.T, kept.T)):
        starts = np.logical_and.reduce([cells[:, step : cells.shape[1] - _RUN + 1 + step] for step in range(_RUN)])
        for step in range(_RUN if starts.size else 0):
            runs[:, step : step + starts.shape[1]] |= starts
    return kept


def _list_regions(chosen: NDArray[np.bool_]) -> Sequence[Box]:
    """Return in pixels what is around each group of cells; groups near one another are shown together."""
    if not chosen.any():
        return ()
    rows, columns = chosen.shape
    boxes = []
    for down, across in _find_groups(chosen)[1]:
        top, left = max(0, down.start - _AROUND), max(0, across.start - _AROUND)
        bottom, right = min(rows, down.stop + _AROUND), min(columns, across.stop + _AROUND)
        boxes.append(Box(top * CELL, left * CELL, (bottom - top) * CELL, (right - left) * CELL))
    return merge(boxes)


def _halve(grey: _Grey) -> _Grey:
    rows, columns = grey.shape[0] & ~1, grey.shape[1] & ~1
    return np.asarray(grey[:rows, :columns].reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3)), np.float32)


def cut(shape: tuple[int, ...], side: int, overlap: int) -> Iterator[Box]:
    """Cut a frame into tiles that overlap, so that memory does not grow with its size."""
    stride = side - overlap
    for top in range(0, max(1, shape[0] - overlap), stride):
        for left in range(0, max(1, shape[1] - overlap), stride):
            yield Box(top, left, min(side, shape[0] - top), min(side, shape[1] - left))


def _place(box: Box, tile: Box, scale: int, shape: tuple[int, ...]) -> Box:
    """Bring a box of a tile to pixels of the frame, and keep it inside."""
    top, left = (tile.top + box.top) * scale, (tile.left + box.left) * scale
    bottom, right = min(shape[0], top + box.rows * scale), min(shape[1], left + box.columns * scale)
    return Box(top, left, max(1, bottom - top), max(1, right - left))
