"""Whether a file holds again what an image already has of its instance, though in other bytes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imaging.dicom.decode import read_frame
from imaging.dicom.headers_store import StoredInstance
from imaging.dicom.instance import Instance, Stored
from imaging.dicom.rebuild import ReadPlane
from imaging.dicom.values import read_numbers

_MEANING = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept")
"""What says where pixels lie and what they mean; in an enhanced file it stands with each frame, and is not compared."""


def is_copy(instance: Instance, parts: Sequence[tuple[StoredInstance, ReadPlane]]) -> bool:
    """Tell whether every frame of a file equals, pixel for pixel, what images hold of its instance.

    Parameters
    ----------
    parts
        What became of the instance: its frames may have gone into several images.

    Raises
    ------
    RefusedFileError
        The file cannot be decoded.
    """
    frames = {place.frame for stored, _ in parts for place in stored.places}
    if frames != set(range(instance.frames)) or not all(_means_the_same(instance, stored) for stored, _ in parts):
        return False
    return all(_equal_pixels(instance, stored, read) for stored, read in parts)


def _means_the_same(instance: Instance, stored: StoredInstance) -> bool:
    return all(read_numbers(instance.header, name) == read_numbers(stored.header, name) for name in _MEANING)


def _equal_pixels(instance: Instance, stored: StoredInstance, read: ReadPlane) -> bool:
    at = -1
    frame: Stored = np.empty(0, np.uint8)
    for place in sorted(stored.places, key=lambda one: one.frame):
        if place.frame != at:
            at, frame = place.frame, read_frame(instance, place.frame)
        plane = read(place.t, place.z)
        rows, columns = plane.shape[1:]
        cut = frame[:, place.top : place.top + rows, place.left : place.left + columns]
        if not np.array_equal(cut, plane):
            return False
    return True
