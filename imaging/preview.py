"""What a held file shows, frame by frame, for whoever decides on it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.decode import read_frame
from imaging.dicom.find_text import show_full_range, show_local_contrast
from imaging.dicom.headers import read_instance
from imaging.dicom.instance import Instance, Stored
from imaging.dicom.regions import list_outside
from imaging.dicom.walk import Found
from imaging.errors import NotFoundError, RefusedFileError
from imaging.readers import find_reader, find_volume_reader
from imaging.text import Box, names_detector
from imaging.volume import Volume


class Look(Enum):
    """How values are shown: all of them, or each beside its neighbours, which brings faint text out."""

    RANGE = "range"
    CONTRAST = "contrast"


@dataclass(frozen=True)
class Preview:
    """What there is to see of a held file.

    Attributes
    ----------
    frames, rows, columns
        How many frames it has and how large they are, in pixels.
    finds
        Whether text can be found in them.
    outside
        What is painted over together with text that is found: all but the echoes of an ultrasound.
    """

    frames: int
    rows: int
    columns: int
    finds: bool
    outside: tuple[Box, ...] = ()


NOTHING = Preview(0, 0, 0, finds=False)
"""What there is to see of a file that shows nothing, or of which no copy is kept."""


def describe_frames(path: Path) -> Preview:
    """Tell what there is to see: no frame in a file without a picture, damaged, or of a kind that is not read."""
    try:
        return _describe(path)
    except RefusedFileError:
        return NOTHING


def _describe(path: Path) -> Preview:
    finds = names_detector()
    with _opened(path) as opened:
        if isinstance(opened, Instance):
            rows, columns = opened.format.rows, opened.format.columns
            outside = list_outside(opened.header, rows, columns) if finds else ()
            return Preview(opened.frames, rows, columns, finds, outside)
        rows, columns = opened.shape[-2:]
        return Preview(opened.frames if isinstance(opened, Volume) else 1, rows, columns, finds)


def show_frame(path: Path, number: int, look: Look) -> NDArray[np.uint8]:
    """Draw one frame.

    Parameters
    ----------
    number
        From 0.

    Returns
    -------
    (y, x) or (y, x, 3)
        Grey as `look` says, the greatest value white; colour as it is, 16 bits shown as 8, or each channel beside its
        neighbours: text in another colour of the same brightness comes out too.

    Raises
    ------
    NotFoundError
        There is no such frame.
    RefusedFileError
        The file shows nothing, or its pixels cannot be decoded.
    """
    stored = _read(path, number)
    if stored.ndim == 3 and len(stored) == 3:
        eight = (stored if stored.dtype == np.uint8 else stored >> 8).astype(np.uint8)
        shown = eight if look is Look.RANGE else np.stack([show_local_contrast(channel) for channel in stored])
        return np.moveaxis(shown, 0, -1)
    grey = stored[0] if stored.ndim == 3 else stored
    return show_full_range(grey) if look is Look.RANGE else show_local_contrast(grey)


def _read(path: Path, number: int) -> Stored:
    with _opened(path) as opened:
        if number >= (1 if isinstance(opened, np.ndarray) else opened.frames):
            raise NotFoundError("frame", number)
        match opened:
            case Instance():
                return read_frame(opened, number)
            case Volume():
                return opened.frame(number)
            case _:
                return opened


@contextmanager
def _opened(path: Path) -> Iterator[Instance | Volume | Stored]:
    """Open a file that lies in a folder of its own; what is unpacked beside it is gone afterwards."""
    reader, volumes = find_reader(path), find_volume_reader(path)
    if reader is not None:
        yield reader.read(path).stored
    elif volumes is not None:
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            # As it would be shown to whoever decides on it: that it is held for its place changes no frame.
            yield volumes.open(path, Path(scratch), decided=True)
    else:
        yield read_instance(Found(path, path.name))
