"""Finds burned-in text in a frame: a cheap look first, a text detector where it points or wherever asked."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from imaging.dicom.instance import Stored
from imaging.dicom.text_likeness import TextLike, distinct, find_text_like, merge
from imaging.text import Box, TextDetector

_NEAR = 17
"""Side of the square whose mean and spread are the local ground, in pixels."""
_WIDER = 2.0
"""By how much a line of text is at least wider than high; what detectors find in anatomy is seldom so long."""
_LOW = 40
"""Rows up to which a box as high as wide is believed too, where text is to be expected: "2D", "RS"."""
_HIGH = 160
"""Rows beyond which a box is anatomy: letters of at most about 100 pixels are looked for."""
_RIM = 12
"""Pixels by which a picture is drawn out where the frame ends: detectors overlook what touches the rim."""


def find_text(frame: Stored, detector: TextDetector, *, everywhere: bool) -> tuple[Box, ...]:
    """Return where text stands.

    Parameters
    ----------
    frame : (y, x) or (c, y, x)
        Stored values, of any range and polarity.
    detector
        Sees 8-bit pictures only: of the full grey range and of the local contrast, so that neither one extreme value
        nor a bright neighbour hides faint text.
    everywhere
        Whether to show it the whole frame whatever the cheap look says: for kinds of file that often carry text.
        Otherwise it sees the regions that look like text, and the whole frame once it found text in one of them.
    """
    if frame.min() == frame.max():
        return ()
    channels = list(distinct(frame[np.newaxis] if frame.ndim == 2 else frame))
    near = (box for region in find_text_like(frame) for box in _look_closely(channels, region, detector))
    found = [box for box in near if _is_line(box)]
    if found or everywhere:
        over = (box for channel in channels for box in _look_over(channel, detector))
        found += [box for box in over if _is_line(box) or box.rows <= _LOW]
    return merge(found)


def show_local_contrast(channel: Stored | NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return (y, x): mid-grey where a pixel equals the mean around it, black or white from 2.5 local spreads away."""
    values = channel.astype(np.float32)
    values -= values.mean()
    values -= uniform_filter(values, _NEAR)
    spread = np.sqrt(np.maximum(uniform_filter(values * values, _NEAR), 0))
    # Noise of an empty ground is not drawn as large as text. The common range decides: one extreme value may not.
    low, high = np.percentile(channel[::2, ::2], (1, 99))
    values /= 2.5 * (spread + max(0.01 * float(high - low), 1e-4 * float(np.ptp(channel)), 1e-6))
    return (np.clip(values, -1, 1) * 127 + 128).astype(np.uint8)


def show_full_range(channel: Stored) -> NDArray[np.uint8]:
    """Return (y, x): black at the least value, white at the greatest."""
    values = channel.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    return ((values - low) * (255 / max(high - low, 1e-6))).astype(np.uint8)


def _is_line(box: Box) -> bool:
    return box.rows <= _HIGH and box.columns >= _WIDER * box.rows


def _look_closely(channels: list[Stored], region: TextLike, detector: TextDetector) -> Iterator[Box]:
    """Show a region by its local contrast, at the size at which its letters are small."""
    shrink, area = region.shrink, region.box
    for channel in channels:
        part = channel[area.top : area.bottom, area.left : area.right]
        sides = _find_rim(area, channel.shape)
        picture = show_local_contrast(np.pad(_shrink(part, shrink), sides, mode="edge"))
        for box in detector.detect(picture):
            moved = Box(
                area.top + (box.top - sides[0][0]) * shrink,
                area.left + (box.left - sides[1][0]) * shrink,
                box.rows * shrink,
                box.columns * shrink,
            )
            yield from _clip(moved, channel.shape)


def _look_over(channel: Stored, detector: TextDetector) -> Iterator[Box]:
    drawn_out = np.pad(channel, _RIM, mode="edge")
    for picture in (show_local_contrast(drawn_out), show_full_range(drawn_out)):
        for box in detector.detect(picture):
            yield from _clip(Box(box.top - _RIM, box.left - _RIM, box.rows, box.columns), channel.shape)


def _find_rim(area: Box, shape: tuple[int, ...]) -> tuple[tuple[int, int], tuple[int, int]]:
    rows, columns = shape
    return (
        (_RIM * (area.top == 0), _RIM * (area.bottom == rows)),
        (_RIM * (area.left == 0), _RIM * (area.right == columns)),
    )


def _shrink(part: Stored, by: int) -> NDArray[np.float32]:
    """Return the means of squares of `by` × `by` pixels; what does not fill a square is left out."""
    rows, columns = part.shape[0] // by, part.shape[1] // by
    squares = part[: rows * by, : columns * by].reshape(rows, by, columns, by)
    return np.asarray(squares.mean(axis=(1, 3), dtype=np.float32))


def _clip(box: Box, shape: tuple[int, ...]) -> Iterator[Box]:
    """Yield what of a box is inside the frame, if anything is."""
    top, left = max(0, box.top), max(0, box.left)
    bottom, right = min(shape[0], box.bottom), min(shape[1], box.right)
    if top < bottom and left < right:
        yield Box(top, left, bottom - top, right - left)
