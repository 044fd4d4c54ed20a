"""What a held file shows, frame by frame, for whoever decides on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.decode import read_frame
from imaging.dicom.find_text import show_full_range, show_local_contrast
from imaging.dicom.headers import read_instance
from imaging.dicom.instance import Instance, Stored
from imaging.dicom.walk import Found
from imaging.errors import NotFoundError
from imaging.readers import find_reader
from imaging.text import names_detector


class Look(Enum):
    """How grey levels are shown: all of them, or each beside its neighbours, which brings faint text out."""

    RANGE = "range"
    CONTRAST = "contrast"


@dataclass(frozen=True)
class Preview:
    """How many frames a file has and how large they are, in pixels; `finds` where text can be found in them."""

    frames: int
    rows: int
    columns: int
    finds: bool


def describe_frames(path: Path) -> Preview:
    """Tell what there is to see.

    Raises
    ------
    RefusedFileError
        The file shows nothing: no picture, damaged, of a kind that is not read.
    """
    opened = _open(path)
    if isinstance(opened, Instance):
        return Preview(opened.frames, opened.format.rows, opened.format.columns, names_detector())
    rows, columns = opened.shape[-2:]
    return Preview(1, rows, columns, names_detector())


def show_frame(path: Path, number: int, look: Look) -> NDArray[np.uint8]:
    """Draw one frame.

    Parameters
    ----------
    number
        From 0.

    Returns
    -------
    (y, x) or (y, x, 3)
        Grey as `look` says, the greatest value white; colour as it is, 16 bits shown as 8.

    Raises
    ------
    NotFoundError
        There is no such frame.
    RefusedFileError
        As for `describe_frames`, or the pixels cannot be decoded.
    """
    opened = _open(path)
    if number >= (opened.frames if isinstance(opened, Instance) else 1):
        raise NotFoundError("frame", number)
    stored = read_frame(opened, number) if isinstance(opened, Instance) else opened
    if stored.ndim == 3 and len(stored) == 3:
        shown = stored if stored.dtype == np.uint8 else stored >> 8
        return np.moveaxis(shown, 0, -1).astype(np.uint8)
    grey = stored[0] if stored.ndim == 3 else stored
    return show_full_range(grey) if look is Look.RANGE else show_local_contrast(grey)


def _open(path: Path) -> Instance | Stored:
    reader = find_reader(path)
    return read_instance(Found(path, path.name)) if reader is None else reader.read(path).stored
