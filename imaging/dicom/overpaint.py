"""Decides what to paint over in frames on which text was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from imaging.dicom.find_text import find_text
from imaging.dicom.instance import Stored
from imaging.dicom.redact import MARGIN, paint, redact
from imaging.domain.outcome import Reason
from imaging.domain.upload import PaintedBox
from imaging.errors import RefusedFileError
from imaging.text import Box, TextDetector, grow

_MOSTLY = 0.5
_ROUNDS = 4
"""Looks at one frame: what stands beside bright text is often seen only once that is gone."""


def cover_text(frames: Iterable[Stored], detector: TextDetector) -> tuple[PaintedBox, ...]:
    """Return boxes under which no text is found any more.

    Parameters
    ----------
    frames : each (y, x) or (c, y, x)
        Of one file, in its order.

    Raises
    ------
    RefusedFileError
        BURNED_IN_RISK: on a frame text is found after painting, again and again.
    """
    return tuple(
        PaintedBox.over(box, number) for number, frame in enumerate(frames) for box in _cover(_plain(frame), detector)
    )


def shows_text(frame: Stored, number: int, boxes: Sequence[PaintedBox], detector: TextDetector) -> bool:
    """Tell whether text is found on a frame outside of what is painted over.

    Parameters
    ----------
    frame : (y, x) or (c, y, x)
        As it was before.
    number
        Of the frame in its file, from 0.
    """
    covered = np.zeros(frame.shape[-2:], bool)
    for box in boxes:
        if box.frame in (None, number):
            covered[box.top : box.top + box.rows, box.left : box.left + box.columns] = True
    found = find_text(_plain(paint(frame, number, boxes)), detector)
    # The edge of a painted box beside that of the picture looks like a line of text.
    return any(covered[box.top : box.bottom, box.left : box.right].mean() < _MOSTLY for box in found)


def _plain(frame: Stored) -> Stored:
    return frame[0] if len(frame) == 1 else frame


def _cover(frame: Stored, detector: TextDetector) -> Sequence[Box]:
    covered: list[Box] = []
    for _ in range(_ROUNDS):
        found = find_text(redact(frame, covered, margin=0), detector)
        if not found:
            return covered
        covered += [grow(box, MARGIN, MARGIN, frame.shape) for box in found]
    raise RefusedFileError(Reason.BURNED_IN_RISK, "text is still found after painting over it")
