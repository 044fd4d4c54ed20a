"""A body-like frame, and words burned into it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

SIDE = 256
NAME = "PHANTOM ALPHA 1943"


def body() -> np.ndarray:
    """Give an ellipse with noise, 12 bits: (y, x) uint16."""
    y, x = np.mgrid[:SIDE, :SIDE]
    inside = ((y - 128) / 90) ** 2 + ((x - 128) / 110) ** 2 < 1
    noise = np.random.default_rng(7).normal(0, 12, (SIDE, SIDE))
    return np.clip(inside * 1040 + 40 + noise, 0, 4095).astype(np.uint16)


def written(text: str, size: int, grey: int, place: tuple[int, int] = (10, 10)) -> np.ndarray:
    """Give the body with text of a size in pixels at (left, top): (y, x) uint16."""
    mask = Picture.new("L", (SIDE, SIDE))
    ImageDraw.Draw(mask).text(place, text, fill=255, font=ImageFont.load_default(size))
    share = np.asarray(mask, np.float32) / 255
    return (body() * (1 - share) + grey * share).astype(np.uint16)


def write_volume(folder: Path, named: Collection[int] = (1,), places: Sequence[int] = range(4)) -> np.ndarray:
    """Write a CT series, 0.dcm and on, a name on the second or on those chosen: (z, y, x) int16.

    Parameters
    ----------
    places
        Which plane of an even stack each file is; four without a gap by default.
    """
    planes = np.stack([written(NAME, 20, 3000) if z in named else body() for z in range(len(places))]).astype(np.int16)
    series = generate_uid()
    folder.mkdir(exist_ok=True)
    for z, (place, plane) in enumerate(zip(places, planes, strict=True)):
        header = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
        header.PatientID, header.PatientName = "PHA-000001", "PHANTOM^ALPHA"
        header.SeriesInstanceUID, header.SOPInstanceUID = series, generate_uid()
        header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
        header.ImageOrientationPatient, header.PixelSpacing = [1, 0, 0, 0, 1, 0], [1, 1]
        header.ImagePositionPatient = [0, 0, 2 * place]
        header.Rows = header.Columns = SIDE
        header.PixelData = plane.tobytes()
        header.save_as(folder / f"{z}.dcm")
    return planes
