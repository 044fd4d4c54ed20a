"""What a text detector satisfies, and the box in which it says where text stands.

A detector is found by its entry point: group `imaging.text_detectors` names a class without arguments. It loads in the
worker and the command line, never in the web process.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

DETECTORS = "imaging.text_detectors"
_PARTS = ("onnxruntime", "rapidocr_onnxruntime")
"""What the extra `text` installs."""


@dataclass(frozen=True, order=True)
class Box:
    """A rectangle of one frame, in pixels from its upper left corner.

    Attributes
    ----------
    top, left
        First row and column inside.
    rows, columns
        How many are inside, at least 1.
    """

    top: int
    left: int
    rows: int
    columns: int

    @property
    def bottom(self) -> int:
        """First row below."""
        return self.top + self.rows

    @property
    def right(self) -> int:
        """First column to the right."""
        return self.left + self.columns


class TextDetector(Protocol):
    """Finds text in a grey picture, light on dark or dark on light."""

    name: str
    version: str

    def screen(self, channel: NDArray[np.generic]) -> tuple[Box, ...]:
        """Return where text stands on a medical image, fast enough for every frame there is.

        Parameters
        ----------
        channel : (y, x), any integer or float type
            Stored values, of any size and range.
        """
        ...

    def detect(self, frame: NDArray[np.uint8]) -> tuple[Box, ...]:
        """Return where text stands on any picture, a line or a word to a box, however long it takes.

        Parameters
        ----------
        frame : (y, x)
            Of any size; what is darker than 0 or brighter than 255 is not seen, so the caller chooses the grey range.
        """
        ...


def grow(box: Box, rows: int, columns: int, shape: tuple[int, ...]) -> Box:
    """Add rows above and below and columns on both sides, as far as a frame of (..., y, x) reaches."""
    top, left = max(0, box.top - rows), max(0, box.left - columns)
    bottom, right = min(shape[-2], box.bottom + rows), min(shape[-1], box.right + columns)
    return Box(top, left, bottom - top, right - left)


def merge(boxes: Iterable[Box]) -> tuple[Box, ...]:
    """Join boxes that overlap until none do."""
    joined: list[Box] = []
    for box in sorted(set(boxes)):
        grown = box
        while touched := [other for other in joined if _overlap(grown, other)]:
            joined = [other for other in joined if other not in touched]
            grown = _enclose([grown, *touched])
        joined.append(grown)
    return tuple(sorted(joined))


def _overlap(one: Box, other: Box) -> bool:
    return one.top < other.bottom and other.top < one.bottom and one.left < other.right and other.left < one.right


def _enclose(boxes: list[Box]) -> Box:
    top, left = min(box.top for box in boxes), min(box.left for box in boxes)
    bottom, right = max(box.bottom for box in boxes), max(box.right for box in boxes)
    return Box(top, left, bottom - top, right - left)


def names_detector() -> bool:
    """Whether a detector's parts are installed, found out without loading any: the web process asks this."""
    return all(find_spec(package) is not None for package in _PARTS)


@cache
def load_detector() -> TextDetector | None:
    """Give the first detector whose parts are installed; None when there is none."""
    for point in sorted(entry_points(group=DETECTORS), key=lambda point: point.name):
        try:
            return cast("TextDetector", point.load()())
        except ModuleNotFoundError:
            continue
    return None
