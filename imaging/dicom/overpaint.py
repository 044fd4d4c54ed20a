"""Decides what to paint over in frames on which text was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from imaging.dicom.find_text import find_text
from imaging.dicom.instance import Stored
from imaging.dicom.redact import MARGIN, redact
from imaging.domain.outcome import Reason
from imaging.domain.upload import PaintedBox
from imaging.errors import RefusedFileError
from imaging.text import Box, TextDetector, grow

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
        PaintedBox.over(box, number)
        for number, frame in enumerate(frames)
        for box in _cover(frame[0] if len(frame) == 1 else frame, detector)
    )


def _cover(frame: Stored, detector: TextDetector) -> Sequence[Box]:
    covered: list[Box] = []
    for _ in range(_ROUNDS):
        found = find_text(redact(frame, covered, margin=0), detector)
        if not found:
            return covered
        covered += [grow(box, MARGIN, MARGIN, frame.shape) for box in found]
    raise RefusedFileError(Reason.BURNED_IN_RISK, "text is still found after painting over it")
