"""What reports and presentation states draw on images: shapes in pixels of named frames, or in the patient."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.dicom.values import read_items, read_numbers, read_text
from imaging.domain.annotation import Measurement
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError


class Shape(Enum):
    """What the points of a marking are (PS3.3 C.10.5, C.18.6, C.18.9)."""

    POINT = "POINT"
    POINTS = "MULTIPOINT"
    LINE = "POLYLINE"
    CURVE = "INTERPOLATED"
    OUTLINE = "POLYGON"
    CIRCLE = "CIRCLE"
    ELLIPSE = "ELLIPSE"


_COUNTS = {Shape.POINT: 1, Shape.CIRCLE: 2, Shape.ELLIPSE: 4}


@dataclass(frozen=True)
class FrameOf:
    """A frame of an instance by its original UID, from 0; None for all of its frames."""

    instance: str
    frame: int | None


@dataclass(frozen=True, eq=False)
class Marking:
    """One shape.

    Attributes
    ----------
    points : (points, 2) or (points, 3), float64
        Column and row in pixels, 0 at the outer corner of the first pixel; or LPS mm, where there are no `frames`.
    frames
        What the shape is drawn on.
    name
        What it shows, empty where nothing says.
    measurements
        What is told to have been measured on it.
    """

    shape: Shape
    points: NDArray[np.float64]
    frames: tuple[FrameOf, ...]
    name: str = ""
    measurements: tuple[Measurement, ...] = ()


@dataclass(frozen=True, eq=False)
class MarkedImages:
    """One file of markings.

    `series` and `frames_of_reference` are the original UIDs of what they were drawn on.
    """

    markings: tuple[Marking, ...]
    series: tuple[str, ...]
    frames_of_reference: tuple[str, ...] = ()


def read_shape(item: Dataset, *, axes: int) -> tuple[Shape, NDArray[np.float64]]:
    """Read type and points of a graphic.

    Raises
    ------
    RefusedFileError
        IRREGULAR_GEOMETRY: of no kind that lies on a plane, or with points that do not make it.
    """
    try:
        shape = Shape(read_text(item, "GraphicType"))
    except ValueError:
        raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, "a shape is of a kind that lies on no plane") from None
    numbers = read_numbers(item, "GraphicData")
    count, rest = divmod(len(numbers), axes)
    if rest or not count or count != _COUNTS.get(shape, count):
        raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, "a shape has not the points that it needs")
    return shape, np.asarray(numbers, np.float64).reshape(-1, axes)


def read_frames_of(items: Iterable[Dataset]) -> Iterator[FrameOf]:
    """Read references to images and, where they name any, to their frames."""
    for item in items:
        instance = read_text(item, "ReferencedSOPInstanceUID")
        numbers = read_numbers(item, "ReferencedFrameNumber")
        if instance:
            yield from [FrameOf(instance, int(number) - 1) for number in numbers] or [FrameOf(instance, None)]


def find_series(series: Iterable[Dataset], keyword: str, markings: Iterable[Marking]) -> tuple[str, ...]:
    """Give the UIDs of the series that hold what is drawn on, of all where none is told to hold it.

    Parameters
    ----------
    keyword
        Of the sequence in which a series lists its instances.
    """
    drawn_on = {frame.instance for marking in markings for frame in marking.frames}
    instances = {
        read_text(one, "SeriesInstanceUID"): {
            read_text(item, "ReferencedSOPInstanceUID") for item in read_items(one, keyword)
        }
        for one in series
    }
    instances.pop("", None)
    holding = [uid for uid, held in instances.items() if not held.isdisjoint(drawn_on)]
    return tuple(holding or instances)
