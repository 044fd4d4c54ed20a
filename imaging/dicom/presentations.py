"""Reads the graphics of a presentation state (PS3.3 A.33, C.10.5), and nothing else of it.

Its texts may say anything and are not read; nor are graphics that lie on the screen instead of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from imaging.dicom.headers import read_any
from imaging.dicom.instance import Document
from imaging.dicom.kinds import is_presentation
from imaging.dicom.markings import MarkedImages, Marking, find_series, read_frames_of, read_shape
from imaging.dicom.values import read_items, read_text
from imaging.dicom.walk import Found
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError

_INSTANCES = "ReferencedImageSequence"


def read_presentation(found: Found) -> MarkedImages:
    """Read the graphics that a presentation state draws on images.

    Raises
    ------
    RefusedFileError
        NOT_DICOM and the like for a file that cannot be read; UNSUPPORTED_SYNTAX for one that is no presentation state;
        NO_PIXELS for one without graphics on an image; IRREGULAR_GEOMETRY for a graphic that makes no sense.
    """
    parsed = read_any(found)
    if not isinstance(parsed, Document) or not is_presentation(parsed.sop_class):
        raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "no presentation state")
    markings = tuple(_read_markings(parsed.header))
    if not markings:
        raise RefusedFileError(Reason.NO_PIXELS, "no pixel data")
    return MarkedImages(markings, find_series(_series(parsed.header), _INSTANCES, markings))


def _read_markings(header: Dataset) -> Iterator[Marking]:
    everything = tuple(read_frames_of(item for one in _series(header) for item in read_items(one, _INSTANCES)))
    for annotation in read_items(header, "GraphicAnnotationSequence"):
        frames = tuple(read_frames_of(read_items(annotation, _INSTANCES))) or everything
        for graphic in read_items(annotation, "GraphicObjectSequence"):
            if read_text(graphic, "GraphicAnnotationUnits") != "PIXEL":
                continue
            if not frames:
                raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, "a region names no image")
            yield Marking(*read_shape(graphic, axes=2), frames)


def _series(header: Dataset) -> tuple[Dataset, ...]:
    return read_items(header, "ReferencedSeriesSequence")
