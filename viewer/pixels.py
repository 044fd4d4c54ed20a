"""Planes to pictures: real units, windows, colour, encoding. Pure."""

from __future__ import annotations

import gzip
import io
from enum import Enum
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from imaging.domain.image import Axis, ImageAttributes, Rescale, Window
from imaging.errors import InvalidInputError

Stored = NDArray[Any]
Grey = NDArray[np.uint8]
Pixels = NDArray[Any]
"""A picture: uint8, or uint16."""
NOT_TRANSPARENT = "jpg has no transparency; ask for png, webp or tif"
SHIFT = 32_768
"""What signed stored values are raised by in pictures of 16 bits."""

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
    TIF = "tif"
    TIFF = "tiff"

    @property
    def media_type(self) -> str:
        """The Content-Type."""
        return f"image/{_KINDS[self.value].lower()}"


_KINDS = {"png": "PNG", "webp": "WEBP", "jpg": "JPEG", "tif": "TIFF", "tiff": "TIFF"}
_OPTIONS: dict[Encoding, dict[str, Any]] = {
    Encoding.PNG: {"compress_level": 3},
    Encoding.WEBP: {"quality": 85, "method": 2},
    Encoding.JPG: {"quality": 90},
    Encoding.TIF: {"compression": "tiff_adobe_deflate"},
    Encoding.TIFF: {"compression": "tiff_adobe_deflate"},
}


def rescale_plane(
    stored: Stored, rescale: Rescale, *, axis: Axis, index: int, planes: int, top: int = 0
) -> NDArray[np.float64]:
    """Turn the stored values of one plane, or of some of its rows, into real ones.

    Parameters
    ----------
    stored : (rows, columns)
        (y, x), (z, x) or (z, y) for a fixed z, y or x.
    rescale
        One pair, or one per z plane of level 0.
    index, planes
        Where the plane lies along `axis`, and how many z planes the level has; on a level with fewer planes than
        pairs each plane takes the pair of the first voxel below it.
    top
        The row of the plane that the first of these is.

    References
    ----------
    PS3.3 C.7.6.16.2.9, C.11.1.1.2
    """
    slope, intercept = np.asarray(rescale.slope), np.asarray(rescale.intercept)
    if len(slope) > 1:
        chosen = np.arange(planes) * len(slope) // planes
        chosen = chosen[index] if axis is Axis.Z else chosen[top : top + len(stored), np.newaxis]
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


def require_storable(dtype: np.dtype[Any]) -> None:
    """Refuse stored values that a picture of 16 bits cannot hold."""
    if dtype.kind not in "iu" or dtype.itemsize > 2:
        raise InvalidInputError("the values of this image do not fit into 16 bits; its exact planes hold them")


def shift_stored(stored: Stored) -> NDArray[np.uint16]:
    """Bring stored values into 16 bits without a sign: signed ones are told 32,768 higher, others as they are."""
    require_storable(stored.dtype)
    if stored.dtype.kind == "u":
        return stored.astype(np.uint16)
    return (stored.astype(np.int32) + SHIFT).astype(np.uint16)


def shrink_picture(pixels: Pixels, size: tuple[int, int], box: tuple[float, float, float, float]) -> Pixels:
    """Bring a part of a picture to a smaller size; each pixel is the mean of those that it covers.

    Parameters
    ----------
    pixels : (rows, columns) or (rows, columns, channels), uint8 or uint16
    size
        Columns and rows of the result.
    box
        Left, top, right, bottom of the part.
    """
    rows, columns = pixels.shape[:2]
    entire = box == (0.0, 0.0, float(columns), float(rows))
    if entire and size == (columns, rows):
        return pixels
    if pixels.ndim == 3:
        return np.stack([shrink_picture(pixels[..., c], size, box) for c in range(pixels.shape[2])], axis=-1)
    picture = Picture.fromarray(np.ascontiguousarray(pixels, None if pixels.dtype == np.uint8 else np.float32))
    across, down = round(columns / size[0]), round(rows / size[1])
    if entire and size == (-(-columns // across), -(-rows // down)):
        # Blocks of voxels; what is left at the right and lower end makes pixels of its own.
        picture = picture.reduce((across, down))
    else:
        picture = picture.resize(size, Picture.Resampling.BOX, box)
    shrunk: Pixels = np.rint(np.asarray(picture)).astype(pixels.dtype)
    return shrunk


def add_alpha(pixels: Pixels, mask: NDArray[np.bool_]) -> Pixels:
    """Make a picture transparent outside of a mask: (rows, columns, 2 or 4)."""
    opaque = np.where(mask, np.iinfo(pixels.dtype).max, 0).astype(pixels.dtype)
    shown: Pixels = np.dstack((pixels, opaque))
    return shown


def encode_picture(pixels: Pixels, encoding: Encoding) -> bytes:
    """Encode grey levels or colours; InvalidInputError where the encoding cannot hold them.

    Parameters
    ----------
    pixels : (rows, columns), (rows, columns, channels); 2 and 4 channels are grey and colour with alpha
    """
    deep = pixels.dtype != np.uint8
    if deep and encoding is not Encoding.PNG:
        raise InvalidInputError("a picture of 16 bits is png")
    if encoding is Encoding.JPG and pixels.ndim == 3 and pixels.shape[2] != 3:
        raise InvalidInputError(NOT_TRANSPARENT)
    if deep:
        # Pillow writes 16 bits of grey alone.
        return bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), level=3))
    out = io.BytesIO()
    Picture.fromarray(np.ascontiguousarray(pixels)).save(out, _KINDS[encoding.value], **_OPTIONS[encoding])
    return out.getvalue()


def pack_plane(stored: Stored, *, compress: bool) -> bytes:
    """Give the exact stored values in C order, little-endian; gzipped when asked."""
    raw = np.ascontiguousarray(stored, stored.dtype.newbyteorder("<")).tobytes()
    # Level 1 halves CT and MR planes; higher levels cost more time than they save on a local network.
    return gzip.compress(raw, compresslevel=1, mtime=0) if compress else raw
