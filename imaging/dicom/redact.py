"""Paints over boxes of a frame, and over nothing else."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from imaging.dicom.instance import Stored
from imaging.domain.upload import PaintedBox
from imaging.text import Box

MARGIN = 2
"""Pixels added around a box: detectors cut the soft edge of letters."""


def redact(frame: Stored, boxes: Iterable[Box], *, margin: int = MARGIN) -> Stored:
    """Fill boxes with the ground on which their text stands.

    Parameters
    ----------
    frame : (y, x) or (c, y, x)
        Stored values; left as they are.
    boxes
        In pixels of the frame; what lies outside of it is ignored.
    margin
        Pixels added on each side of a box.

    Returns
    -------
    like `frame`
        A copy. In each box each channel has one value: the median of the box's rim in `frame`, so a value that the
        frame holds already. Every other pixel is equal to `frame`.
    """
    painted = frame.copy()
    rows, columns = frame.shape[-2:]
    for box in boxes:
        top, left = max(0, box.top - margin), max(0, box.left - margin)
        bottom, right = min(rows, box.bottom + margin), min(columns, box.right + margin)
        if top < bottom and left < right:
            painted[..., top:bottom, left:right] = _find_ground(frame[..., top:bottom, left:right])[..., None, None]
    return painted


def paint(frame: Stored, number: int, boxes: Iterable[PaintedBox]) -> Stored:
    """Fill the boxes that belong to a frame, each exactly; see `redact`.

    Parameters
    ----------
    frame : (y, x) or (c, y, x)
    number
        Of the frame in its file, from 0.
    """
    here = [Box(box.top, box.left, box.rows, box.columns) for box in boxes if box.frame in (None, number)]
    return redact(frame, here, margin=0) if here else frame


def _find_ground(inside: Stored) -> Stored:
    """Return the lower median of the outermost pixels of a box, per channel."""
    rim = np.concatenate([inside[..., 0, :], inside[..., -1, :], inside[..., 1:-1, 0], inside[..., 1:-1, -1]], axis=-1)
    return np.asarray(np.sort(rim, axis=-1)[..., (rim.shape[-1] - 1) // 2])
