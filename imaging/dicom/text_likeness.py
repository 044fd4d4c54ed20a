"""A cheap look at every frame: where may text stand?

Text is a row of upright strokes: each narrow and of one grey value, all of one contrast, many with the same upper and
lower end. Anatomy has narrow bright and dark lines too, but rarely three alike side by side. The look errs on the side
of text: what it points at goes to a text detector, what it passes over is seen by nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.instance import Stored
from imaging.text import Box

_GREY = NDArray[np.int16]
_SCALES = 3
"""The frame, its half and its quarter: fonts of 9 to about 64 pixels."""
_WIDEST = 7
"""A stroke is narrower than this, in pixels of its scale."""
_SHORTEST = 5
_LONGEST = 64
_STEADY = 4
"""Rows over which a stroke keeps more than half of its contrast."""
_ALIKE = 3
_SPAN = 48
"""How far to the left and right the other strokes of a group may stand, in pixels of the scale."""
_END = 1
_CONTRAST = float(np.log(1.35))
_FELLOWS = 256
_BLOCK = 32
_STRIP = 128
_GREYS = 1 << 14
_SHORT_RANGE = -6
"""Bits below the full range from which on values are spread: ranges of up to 128 values."""


@dataclass(frozen=True, order=True)
class TextLike:
    """A region in which text may stand.

    Attributes
    ----------
    shrink
        1, 2 or 4: by how much the frame was shrunk when its strokes were a few pixels wide.
    box
        In pixels of the frame.
    """

    shrink: int
    box: Box


def looks_like_text(frame: Stored) -> bool:
    """Tell whether a text detector should look at this frame.

    Parameters
    ----------
    frame : (y, x) or (c, y, x), any integer or float type
        Stored values, of any range; light text on dark or dark on light.
    """
    return bool(find_text_like(frame))


def find_text_like(frame: Stored) -> tuple[TextLike, ...]:
    """Return the regions in which text may stand; none overlaps another of the same `shrink`.

    Parameters
    ----------
    frame : (y, x) or (c, y, x), any integer or float type
        Stored values, of any range. Colours are looked at one by one: text may differ from its ground in one only.
    """
    channels = frame[np.newaxis] if frame.ndim == 2 else frame
    regions: dict[int, list[Box]] = {}
    for channel in distinct(channels):
        for shrink, grey in _halve_repeatedly(_to_grey(channel)):
            found = [group for light in (True, False) for group in _find_groups(grey, light=light)]
            regions.setdefault(shrink, []).extend(_widen(group, shrink, channel.shape) for group in found)
    return tuple(TextLike(shrink, box) for shrink, boxes in regions.items() for box in merge(boxes))


def merge(boxes: list[Box]) -> tuple[Box, ...]:
    """Join boxes that overlap until none do."""
    joined: list[Box] = []
    for box in sorted(set(boxes)):
        grown = box
        while touched := [other for other in joined if _overlap(grown, other)]:
            joined = [other for other in joined if other not in touched]
            grown = _enclose([grown, *touched])
        joined.append(grown)
    return tuple(sorted(joined))


def distinct(channels: Stored) -> Iterator[Stored]:
    """Yield each channel of (c, y, x) that differs from the first: grey pictures are often kept in three channels."""
    for index, channel in enumerate(channels):
        if index == 0 or not np.array_equal(channel, channels[0]):
            yield channel


@dataclass(frozen=True)
class _Strokes:
    """Upright strokes: first and last row, column, contrast; each (n,)."""

    top: NDArray[np.intp]
    bottom: NDArray[np.intp]
    column: NDArray[np.intp]
    contrast: NDArray[np.int16]


def _to_grey(channel: Stored) -> _GREY:
    """Bring values to 0..16383, by whole bits for integers: sums of two then stay within 16 bits."""
    if not np.issubdtype(channel.dtype, np.integer):
        finite = np.nan_to_num(channel, nan=0.0, posinf=0.0, neginf=0.0)
        low, high = float(finite.min()), float(finite.max())
        return ((finite - low) * ((_GREYS - 1) / max(high - low, 1e-30))).astype(np.int16)
    low, high = int(channel.min()), int(channel.max())
    shift = (high - low).bit_length() - 14
    if shift < _SHORT_RANGE:
        # Few grey values, two in a label map: halving them would leave nothing of a contrast of one.
        return ((channel.astype(np.int32) - low) << min(10, -shift)).astype(np.int16)
    shift = max(0, shift)
    if shift == 0 and low >= -_GREYS and high < 2 * _GREYS:
        return np.ascontiguousarray(channel, np.int16) - np.int16(low)
    return ((channel.astype(np.int64) - low) >> shift).astype(np.int16)


def _halve_repeatedly(grey: _GREY) -> Iterator[tuple[int, _GREY]]:
    for scale in range(_SCALES):
        if min(grey.shape) < 2 * _SHORTEST:
            return
        yield 1 << scale, grey
        rows, columns = grey.shape[0] & ~1, grey.shape[1] & ~1
        pairs = (grey[:rows:2, :columns] + grey[1:rows:2, :columns]) >> 1
        grey = (pairs[:, ::2] + pairs[:, 1::2]) >> 1


def _find_groups(grey: _GREY, *, light: bool) -> list[Box]:
    """Return the boxes of strokes that have enough alike beside them, in pixels of `grey`."""
    strokes = _find_strokes(grey, light=light)
    if strokes.top.size < _ALIKE:
        return []
    alike = _count_alike(strokes)
    chosen = np.flatnonzero(alike >= _ALIKE)
    height = strokes.bottom[chosen] - strokes.top[chosen] + 1
    reach = 16 + 2 * height
    sides = (strokes.top[chosen], strokes.column[chosen] - reach, height, 2 * reach + 1)
    return [Box(*box) for box in zip(*(side.tolist() for side in sides), strict=True)]


def _count_alike(strokes: _Strokes) -> NDArray[np.intp]:
    """Count for each stroke, itself included, those near it with the same ends and contrast; strokes by `top`."""
    contrast = np.log(np.maximum(strokes.contrast, 1))
    counts = np.ones(strokes.top.size, np.intp)
    # In order of their upper ends a stroke's fellows follow it closely; what follows later only repeats the answer.
    reach = int((np.searchsorted(strokes.top, strokes.top + _END, "right") - np.arange(strokes.top.size)).max())
    for step in range(1, min(reach, _FELLOWS)):
        alike = (
            (strokes.top[step:] - strokes.top[:-step] <= _END)
            & (np.abs(strokes.bottom[step:] - strokes.bottom[:-step]) <= _END)
            & (np.abs(strokes.column[step:] - strokes.column[:-step]) <= _SPAN)
            & (np.abs(contrast[step:] - contrast[:-step]) <= _CONTRAST)
        )
        counts[step:] += alike
        counts[:-step] += alike
    return counts


def _find_strokes(grey: _GREY, *, light: bool) -> _Strokes:
    """Find where the contrast against both sides lasts over several rows."""
    columns = grey.shape[1]
    places, contrast = _mark_strokes(grey, light=light)
    # The left edge of each stroke, however wide it is.
    edge = places[np.flatnonzero(np.diff(places, prepend=-2) > 1)]
    top, column = _by_column(edge[_lacks(edge, edge - columns)], columns)
    bottom = _by_column(edge[_lacks(edge, edge + columns)], columns)[0] + _STEADY - 1
    fitting = np.flatnonzero((bottom - top >= _SHORTEST - 1) & (bottom - top < _LONGEST))
    fitting = fitting[np.argsort(top[fitting], kind="stable")]
    top, column, bottom = top[fitting], column[fitting], bottom[fitting]
    return _Strokes(top, bottom, column + _WIDEST - 1, contrast[top, column])


def _lacks(places: NDArray[np.intp], sought: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Tell for each sought number whether it is missing among the places, both in rising order."""
    if not places.size:
        return np.zeros(0, np.bool_)
    nearest = np.minimum(np.searchsorted(places, sought), places.size - 1)
    return np.asarray(places[nearest] != sought)


def _by_column(places: NDArray[np.intp], columns: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    row, column = np.divmod(places, columns)
    order = np.argsort(column, kind="stable")
    return row[order], column[order]


def _mark_strokes(grey: _GREY, *, light: bool) -> tuple[NDArray[np.intp], _GREY]:
    """Return the places of (y · x,) from which a stroke lasts `_STEADY` rows, and the contrast (y, x).

    Both are shifted left by `_WIDEST` − 1. Done by strips, with arrays used again: in the processor's cache, and
    without asking the system for memory, it takes a third of the time.
    """
    rows, columns = grey.shape
    inside = np.zeros((rows, columns), np.bool_)
    contrast = np.empty_like(grey)
    spare = [np.empty((_STRIP + _STEADY) * columns, np.int16) for _ in range(4)]
    for start in range(0, rows, _STRIP):
        strip = _measure_contrast(grey[start : start + _STRIP + _STEADY - 1], spare[0], spare[1], spare[2], light=light)
        contrast[start : start + _STRIP] = strip[:_STRIP]
        weakest = _slide(np.minimum, strip.ravel(), _STEADY, columns, spare[0], spare[1])
        strongest = _slide(np.maximum, strip.ravel(), _STEADY, columns, spare[0], spare[3]).reshape(-1, columns)
        strongest >>= 1
        np.maximum(strongest, _limit(strip), out=strongest)
        np.greater(weakest.reshape(-1, columns), strongest, out=inside[start : start + len(strongest)])
    return np.flatnonzero(inside), contrast


def _measure_contrast(strip: _GREY, first: _GREY, second: _GREY, result: _GREY, *, light: bool) -> _GREY:
    """Return how far each pixel stands out from darker (or lighter) ones on both sides of it, (y, x), in `result`.

    A top-hat along the row, shifted left by `_WIDEST` − 1. Rows follow one another as if they were one: what wraps
    around costs a few columns at the sides of the frame.
    """
    flat = strip.ravel()
    shrink, grow = (np.minimum, np.maximum) if light else (np.maximum, np.minimum)
    ground = _slide(grow, _slide(shrink, flat, _WIDEST, 1, second, first), _WIDEST, 1, first, second)
    contrast = result[: flat.size]
    contrast[ground.size :] = 0
    middle = flat[_WIDEST - 1 : _WIDEST - 1 + ground.size]
    np.subtract(*((middle, ground) if light else (ground, middle)), out=contrast[: ground.size])
    return contrast.reshape(strip.shape)


def _slide(choose: Callable[..., _GREY], values: _GREY, length: int, step: int, first: _GREY, second: _GREY) -> _GREY:
    """Choose among `length` values `step` apart, for each place at which they all exist; in `first` or `second`."""
    reach = 1
    while reach < length:
        jump = min(reach, length - reach)
        kept = values.size - jump * step
        values = choose(values[jump * step :], values[:kept], out=first[:kept])
        first, second = second, first
        reach += jump
    return values


def _limit(strip: _GREY) -> _GREY:
    """Return, for each column, what noise and texture around it reach: twice the mean contrast of its block, and 3."""
    columns = strip.shape[1]
    starts = np.arange(0, columns, _BLOCK)
    # Every fourth row is enough for a mean, and four times as cheap.
    sample = strip[::4]
    sums = np.add.reduceat(sample.sum(axis=0, dtype=np.int32), starts)
    limits = (sums * (2.0 / (_BLOCK * len(sample))) + 3).astype(np.int16)
    return np.repeat(limits, _BLOCK)[:columns]


def _widen(box: Box, factor: int, shape: tuple[int, ...]) -> Box:
    """Bring a group to pixels of the frame, with room for what stands out of it, and keep it inside the frame."""
    margin = 8 + box.rows // 2
    top, left = max(0, (box.top - margin) * factor), max(0, box.left * factor)
    bottom = min(shape[0], (box.bottom + margin) * factor)
    right = min(shape[1], box.right * factor)
    return Box(top, left, bottom - top, right - left)


def _overlap(one: Box, other: Box) -> bool:
    return one.top < other.bottom and other.top < one.bottom and one.left < other.right and other.left < one.right


def _enclose(boxes: list[Box]) -> Box:
    top, left = min(box.top for box in boxes), min(box.left for box in boxes)
    bottom, right = max(box.bottom for box in boxes), max(box.right for box in boxes)
    return Box(top, left, bottom - top, right - left)
