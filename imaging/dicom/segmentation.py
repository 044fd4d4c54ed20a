"""Reads segmentation objects (PS3.3 A.51): which voxels belong to which segment, and whose image they lie on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.dicom.decode import read_frames
from imaging.dicom.headers import read_any
from imaging.dicom.instance import Instance, Stored
from imaging.dicom.kinds import is_segmentation
from imaging.dicom.naming import name_segments
from imaging.dicom.planes import cut_functional_groups
from imaging.dicom.profile import Profile
from imaging.dicom.regular import is_orthonormal
from imaging.dicom.stack import Plane
from imaging.dicom.values import read_integer, read_item, read_items, read_text
from imaging.dicom.walk import Found
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from imaging.geometry import affine_lps, normal_of

_LABEL_MAP = "LABELMAP"
_FRACTIONAL = "FRACTIONAL"


@dataclass(frozen=True, eq=False)
class SegmentFrame:
    """One frame of labels.

    Attributes
    ----------
    values : (1, y, x), uint16
        The number of the segment, 0 where there is none.
    affine : (4, 4), float64
        Voxel centre (z, y, x, 1) of these values to LPS mm; a step along z is of one mm.
    """

    values: NDArray[np.uint16]
    affine: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SegmentationObject:
    """One file of segments.

    Attributes
    ----------
    names
        What each segment is called, by its number.
    series
        Original UIDs of the series that it was drawn on, as far as it names them.
    frames_of_reference
        Original UIDs of what its coordinates are counted from.
    exclusive
        Whether no voxel can belong to two segments.
    """

    names: dict[int, str]
    series: tuple[str, ...]
    frames_of_reference: tuple[str, ...]
    exclusive: bool
    _instance: Instance
    _frames: tuple[tuple[Plane, int], ...]

    def frames(self) -> Iterator[SegmentFrame]:
        """Decode the frames one by one, in no order; of a fractional segmentation counts what reaches half.

        Raises
        ------
        RefusedFileError
            DECODE_FAILED and the like, or UNREADABLE for a value that is no segment.
        """
        half = _half(self._instance.header)
        for (plane, number), values in zip(self._frames, read_frames(self._instance), strict=True):
            if self.exclusive:
                self._check(values)
                labels = values.astype(np.uint16)
            else:
                labels = np.where(values >= half, np.uint16(number), np.uint16(0))
            yield SegmentFrame(labels, _affine(plane))

    def _check(self, values: Stored) -> None:
        if not set(np.unique(values).tolist()) <= {0, *self.names}:
            raise RefusedFileError(Reason.UNREADABLE, "a voxel belongs to a segment that is not described")


def read_segmentation(found: Found, profile: Profile) -> SegmentationObject:
    """Read the header of a binary, fractional or label map segmentation.

    Parameters
    ----------
    profile
        Says which words of the segments' labels may stay.

    Raises
    ------
    RefusedFileError
        NOT_DICOM and the like for a file that cannot be read; UNSUPPORTED_SYNTAX for one that is no segmentation;
        IRREGULAR_GEOMETRY for frames without a place; UNREADABLE for frames of a segment that is not described, and
        for two frames of one segment at one place.
    """
    parsed = read_any(found)
    if not isinstance(parsed, Instance) or not is_segmentation(parsed.sop_class):
        raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "no segmentation object")
    header = parsed.header
    # A label map may describe its background as segment 0.
    names = {number: name for number, name in name_segments(header, profile).items() if number}
    exclusive = read_text(header, "SegmentationType") == _LABEL_MAP
    planes = cut_functional_groups(_plain(parsed))
    if any(plane.position is None or plane.pixel_spacing is None or not _is_flat(plane) for plane in planes):
        raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, "a frame of the segments has no place in the patient")
    numbers = [0] * len(planes) if exclusive else _numbers(parsed)
    if not exclusive and not set(numbers) <= set(names):
        raise RefusedFileError(Reason.UNREADABLE, "a frame belongs to a segment that is not described")
    if len({(number, plane.position) for number, plane in zip(numbers, planes, strict=True)}) < len(planes):
        raise RefusedFileError(Reason.UNREADABLE, "two frames of one segment lie at one place")
    series = [read_text(item, "SeriesInstanceUID") for item in read_items(header, "ReferencedSeriesSequence")]
    return SegmentationObject(
        names=names,
        series=tuple(filter(None, series)),
        frames_of_reference=tuple(filter(None, [read_text(header, "FrameOfReferenceUID")])),
        exclusive=exclusive,
        _instance=planes[0].instance,
        _frames=tuple(zip(planes, numbers, strict=True)),
    )


def _plain(parsed: Instance) -> Instance:
    """Take labels as they are stored: a palette would turn them into colours."""
    if parsed.format.samples != 1:
        raise RefusedFileError(Reason.UNREADABLE, "samples per pixel make no labels")
    return replace(parsed, format=replace(parsed.format, photometric="MONOCHROME2"))


def _half(header: Dataset) -> float:
    """Give the least value that counts; a voxel of a binary segmentation has 0 or 1 (PS3.3 C.8.20.2)."""
    if read_text(header, "SegmentationType") != _FRACTIONAL:
        return 1
    whole = read_integer(header, "MaximumFractionalValue", 0)
    if whole <= 0:
        raise RefusedFileError(Reason.UNREADABLE, "the largest fraction makes no sense")
    return whole / 2


def _is_flat(plane: Plane) -> bool:
    return plane.orientation is not None and is_orthonormal(plane.orientation)


def _numbers(parsed: Instance) -> list[int]:
    """Give the number of the segment of each frame (PS3.3 C.8.20.3.1)."""
    shared = read_item(parsed.header, "SharedFunctionalGroupsSequence")
    return [
        read_integer(
            read_item(group if "SegmentIdentificationSequence" in group else shared, "SegmentIdentificationSequence"),
            "ReferencedSegmentNumber",
            0,
        )
        for group in read_items(parsed.header, "PerFrameFunctionalGroupsSequence")
    ]


def _affine(plane: Plane) -> NDArray[np.float64]:
    orientation = plane.orientation or ()
    return affine_lps(
        orientation=orientation,
        pixel_spacing=plane.pixel_spacing or (),
        first=plane.position or (),
        step=normal_of(orientation),
    )
