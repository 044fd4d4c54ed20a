"""Looks for text in a volume that is no DICOM: on its planes, and across, for nobody knows how they were taken."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from imaging.dicom.find_text import shows_text
from imaging.dicom.instance import Stored
from imaging.dicom.screen import screen_picture
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from imaging.text import TextDetector
from imaging.volume import Volume

_LEAST_ROWS = 8
"""Letters are at least so high."""
_TOGETHER = 64


def screen_volume(volume: Volume, detector: TextDetector | None) -> None:
    """Let a volume pass, or hold it.

    Parameters
    ----------
    detector
        Finds text; without one nothing is looked at, as with a picture.

    Raises
    ------
    RefusedFileError
        BURNED_IN_RISK.
    """
    if detector is None:
        return
    _look(lambda frame: screen_picture(frame, detector), map(volume.frame, range(volume.frames)))
    screen_across(volume, detector)


def screen_across(volume: Volume, detector: TextDetector) -> None:
    """Hold a volume that shows text on planes across its own: where somebody turned its axes, that is how it came.

    Raises
    ------
    RefusedFileError
        BURNED_IN_RISK.
    """
    if volume.shape[-3] < _LEAST_ROWS:
        return

    def look(plane: Stored) -> None:
        if shows_text(plane, detector):
            raise RefusedFileError(
                Reason.BURNED_IN_RISK, "text was found on planes that lie across: accept or refuse it"
            )

    _look(look, volume.across())


def _look(look: Callable[[Stored], None], planes: Iterable[Stored]) -> None:
    """Look at every plane, several at a time and few in memory."""
    left = iter(planes)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while some := list(islice(left, _TOGETHER)):
            for _ in pool.map(look, some):
                pass
