"""Finds burned-in text in a frame: whether there is any, and where to paint it over."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.instance import Stored
from imaging.text import Box, TextDetector, merge

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


def shows_text(frame: Stored, detector: TextDetector) -> bool:
    """Tell whether text stands on a frame.

    Parameters
    ----------
    frame : (y, x) or (c, y, x)
        Stored values, of any range and polarity. Colours are looked at one by one: text may differ from its ground in
        one only.
    """
    return any(detector.screen(channel) for channel in _differing(frame))


def find_text(frame: Stored, detector: TextDetector) -> tuple[Box, ...]:
    """Return where text stands on a frame that is expected to show some; none of the boxes overlaps another.

    The detector looks at the frame as it is and at 8-bit pictures of it: of the full grey range and of the local
    contrast, so that neither one extreme value nor a bright neighbour hides faint text.

    Parameters
    ----------
    frame : (y, x) or (c, y, x)
        Stored values, of any range and polarity.
    """
    boxes: list[Box] = []
    for channel in _differing(frame):
        boxes += detector.screen(channel)
        boxes += [box for box in _look_over(channel, detector) if _is_line(box) or box.rows <= _LOW]
    return merge(boxes)


def show_local_contrast(channel: Stored | NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return (y, x): mid-grey where a pixel equals the mean around it, black or white from 2.5 local spreads away."""
    # Loaded where something is to be painted: a third of a second, for each worker that starts.
    from scipy.ndimage import uniform_filter

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


def _differing(frame: Stored) -> Iterator[Stored]:
    """Yield each channel that shows anything and differs from the first: grey pictures often come in three channels."""
    channels = frame[np.newaxis] if frame.ndim == 2 else frame
    for index, channel in enumerate(channels):
        if channel.min() != channel.max() and (index == 0 or not np.array_equal(channel, channels[0])):
            yield channel


def _is_line(box: Box) -> bool:
    return box.rows <= _HIGH and box.columns >= _WIDER * box.rows


def _look_over(channel: Stored, detector: TextDetector) -> Iterator[Box]:
    drawn_out = np.pad(channel, _RIM, mode="edge")
    for picture in (show_local_contrast(drawn_out), show_full_range(drawn_out)):
        for box in detector.detect(picture):
            yield from _clip(Box(box.top - _RIM, box.left - _RIM, box.rows, box.columns), channel.shape)


def _clip(box: Box, shape: tuple[int, ...]) -> Iterator[Box]:
    """Yield what of a box is inside the frame, if anything is."""
    top, left = max(0, box.top), max(0, box.left)
    bottom, right = min(shape[0], box.bottom), min(shape[1], box.right)
    if top < bottom and left < right:
        yield Box(top, left, bottom - top, right - left)
