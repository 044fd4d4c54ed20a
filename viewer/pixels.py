"""Planes to pictures: real units, windows, colour, encoding. Pure."""

from __future__ import annotations

import gzip
import io
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from imaging.domain.image import Axis, ImageAttributes, Rescale, Window

Stored = NDArray[Any]
Grey = NDArray[np.uint8]

PRESETS: dict[str, Window] = {
    "abdomen": Window(center=40, width=400),
    "bone": Window(center=400, width=1800),
    "brain": Window(center=40, width=80),
    "liver": Window(center=60, width=160),
    "lung": Window(center=-600, width=1500),
    "mediastinum": Window(center=50, width=350),
    "stroke": Window(center=40, width=40),
    "vessels": Window(center=300, width=600),
}
"""CT windows in HU, by name."""


class Encoding(Enum):
    """How a picture is sent."""

    PNG = "png"
    WEBP = "webp"
    JPG = "jpg"

    @property
    def media_type(self) -> str:
        """The Content-Type."""
        return "image/jpeg" if self is Encoding.JPG else f"image/{self.value}"


def rescale_plane(stored: Stored, rescale: Rescale, *, axis: Axis, index: int, planes: int) -> NDArray[np.float64]:
    """Turn the stored values of one plane into real ones.

    Parameters
    ----------
    stored : (rows, columns)
        (y, x), (z, x) or (z, y) for a fixed z, y or x.
    rescale
        One pair, or one per z plane of level 0.
    index, planes
        Where the plane lies along `axis`, and how many z planes the level has; on a level with fewer planes than
        pairs each plane takes the pair of the first voxel below it.

    References
    ----------
    PS3.3 C.7.6.16.2.9, C.11.1.1.2
    """
    slope, intercept = np.asarray(rescale.slope), np.asarray(rescale.intercept)
    if len(slope) > 1:
        chosen = np.arange(planes) * len(slope) // planes
        chosen = chosen[index] if axis is Axis.Z else chosen[:, np.newaxis]
        slope, intercept = slope[chosen], intercept[chosen]
    real: NDArray[np.float64] = np.asarray(stored, np.float64) * slope + intercept
    return real


def apply_window(real: NDArray[np.float64], window: Window) -> Grey:
    """Map real values to 0-255 by the linear function of DICOM.

    References
    ----------
    PS3.3 C.11.2.1.2.1
    """
    if window.width <= 1:
        return np.where(real > window.center - 0.5, np.uint8(255), np.uint8(0))
    # Where a floating-point volume has no number it is as black as air.
    share = (np.nan_to_num(real, nan=-np.inf) - (window.center - 0.5)) / (window.width - 1) + 0.5
    return np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)


def show_grey(stored: Stored, real: NDArray[np.float64], attributes: ImageAttributes, window: Window) -> Grey:
    """Give the grey levels of a plane as a reader expects them: MONOCHROME1 inverted, padding black.

    Parameters
    ----------
    stored, real : (rows, columns)
        The same plane before and after rescaling.
    """
    grey = apply_window(real, window)
    if attributes.photometric == "MONOCHROME1":
        grey = np.subtract(255, grey)
    padding = attributes.padding
    if padding is not None:
        grey[(stored >= padding.low) & (stored <= padding.high)] = 0
    return grey


def show_colour(channels: NDArray[Any], bits_stored: int) -> Grey:
    """Bring red, green and blue to 8 bits.

    Parameters
    ----------
    channels : (rows, columns, 3), unsigned

    Returns
    -------
    (rows, columns, 3), uint8
    """
    if channels.dtype == np.uint8:
        return channels
    return (channels >> max(0, bits_stored - 8)).clip(0, 255).astype(np.uint8)


def find_window(real: NDArray[np.float64]) -> Window:
    """Choose a window from the values themselves: the 0.5th to the 99.5th percentile, else all of them.

    Parameters
    ----------
    real : any shape
        Values without padding.
    """
    known = real[np.isfinite(real)]
    if known.size == 0:
        return Window(center=0, width=1)
    low, high = np.percentile(known, (0.5, 99.5))
    if low == high:  # A mask of few voxels has no other values than one nearly everywhere.
        low, high = known.min(), known.max()
    # DICOM's function takes one off the width, and fractions and doses differ by less: so both ends are met exactly.
    return Window(center=float(low + high) / 2 + 0.5, width=max(float(high - low), 1e-3) + 1)


def encode_picture(pixels: Grey, encoding: Encoding, *, max_size: int | None = None) -> bytes:
    """Encode grey levels or colours, shrunk so that no side exceeds `max_size`.

    Parameters
    ----------
    pixels : (rows, columns) or (rows, columns, 3), uint8
    """
    picture = Picture.fromarray(np.ascontiguousarray(pixels))
    if max_size is not None:
        picture.thumbnail((max_size, max_size))
    out = io.BytesIO()
    match encoding:
        case Encoding.PNG:
            picture.save(out, "PNG", compress_level=3)
        case Encoding.WEBP:
            picture.save(out, "WEBP", quality=85, method=2)
        case Encoding.JPG:
            picture.save(out, "JPEG", quality=90)
    return out.getvalue()


def pack_plane(stored: Stored, *, compress: bool) -> bytes:
    """Give the exact stored values in C order, little-endian; gzipped when asked."""
    raw = np.ascontiguousarray(stored, stored.dtype.newbyteorder("<")).tobytes()
    # Level 1 halves CT and MR planes; higher levels cost more time than they save on a local network.
    return gzip.compress(raw, compresslevel=1, mtime=0) if compress else raw
