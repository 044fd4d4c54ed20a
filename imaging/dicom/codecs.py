"""Which transfer syntaxes decode, and through which pydicom plugin: always an explicit one.

pydicom tries its plugins in the order of registration, so that what a person happens to have installed decides
speed and sometimes values. Lossless JPEG and 12-bit JPEG come from imagecodecs, registered here as a pydicom plugin:
the other free decoder for them is GPL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import imagecodecs
import numpy as np
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import Decoder, DecodeRunner, get_decoder

from imaging.dicom.instance import PixelFormat, Stored

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"

RLE = "1.2.840.10008.1.2.5"
JPEG = "1.2.840.10008.1.2.4."
"""The stem of every JPEG, JPEG-LS, JPEG 2000 and HTJ2K syntax."""

_IMAGECODECS = "imagecodecs"
_END_OF_IMAGE, _FILL = b"\xff\xd9", b"\0\xff"
_LOSSLESS_JPEG = (JPEG + "57", JPEG + "70")
_EXTENDED_JPEG = JPEG + "51"

NATIVE = frozenset({IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED})
PLUGINS = {
    JPEG + "50": "pillow",
    _EXTENDED_JPEG: _IMAGECODECS,
    JPEG + "57": _IMAGECODECS,
    JPEG + "70": _IMAGECODECS,
    JPEG + "80": "pyjpegls",
    JPEG + "81": "pyjpegls",
    JPEG + "90": "pylibjpeg",
    JPEG + "91": "pylibjpeg",
    JPEG + "201": "pylibjpeg",
    JPEG + "202": "pylibjpeg",
    JPEG + "203": "pylibjpeg",
    # pylibjpeg-rle 2.2.0 is faster but panics on a damaged stream, past every `except Exception`.
    RLE: "pydicom",
}
LOSSY = frozenset(JPEG + tail for tail in ("50", "51", "81", "91", "203"))
"""Codecs whose values may overshoot what BitsStored holds: they are clipped, since wrapping would turn white black."""

RIGHT_ALIGNED = frozenset(PLUGINS) - {RLE}
"""Codecs that know samples, not containers: their values begin at bit 0 whatever HighBit says."""

DECODER_DEPENDENCIES = dict.fromkeys((*_LOSSLESS_JPEG, _EXTENDED_JPEG), ("imagecodecs>=2026.3",))


def is_supported(syntax: str) -> bool:
    """Whether pixels in this transfer syntax can be decoded here."""
    return syntax in NATIVE or (syntax in PLUGINS and PLUGINS[syntax] in find_decoder(syntax).available_plugins)


def find_decoder(syntax: str) -> Decoder:
    """Give pydicom's decoder; our plugin is registered with it on first use."""
    decoder = get_decoder(syntax)
    if PLUGINS.get(syntax) == _IMAGECODECS and _IMAGECODECS not in decoder.available_plugins:
        decoder.add_plugin(_IMAGECODECS, (__name__, "decode_frame"))
    return decoder


def decode_samples(data: bytes, syntax: str, pixel_format: PixelFormat) -> Stored:
    """Decode one frame: a grey one straight through imagecodecs where it can, all else through pydicom.

    Parameters
    ----------
    data
        Of the frame alone: its fragments one after the other where it is compressed.

    Returns
    -------
    (y, x) or (y, x, 3)
        Samples as the codec or the container holds them; colour as red, green, blue.
    """
    decoded = _decode_straight(data, syntax, pixel_format) if pixel_format.samples == 1 else None
    return _decode_by_pydicom(data, syntax, pixel_format) if decoded is None else decoded


def _decode_straight(data: bytes, syntax: str, pixel_format: PixelFormat) -> Stored | None:
    """Decode without pydicom; None where that does not go, so that pydicom's own decoders have the last word."""
    if syntax not in _STRAIGHT:
        return None
    try:
        return _STRAIGHT[syntax](data, pixel_format)
    except MemoryError:
        raise
    # Each codec has errors of its own.
    except Exception:
        return None


def _decode_by_pydicom(data: bytes, syntax: str, pixel_format: PixelFormat) -> Stored:
    native = syntax in NATIVE
    options: dict[str, Any] = {
        "rows": pixel_format.rows,
        "columns": pixel_format.columns,
        "samples_per_pixel": pixel_format.samples,
        "number_of_frames": 1,
        "bits_allocated": pixel_format.bits_allocated,
        "bits_stored": pixel_format.bits_stored,
        "pixel_representation": int(pixel_format.signed),
        "photometric_interpretation": pixel_format.photometric,
        "planar_configuration": pixel_format.planar,
        "pixel_keyword": "PixelData",
    }
    decoded, _ = find_decoder(syntax).as_array(
        data if native else encapsulate([data], has_bot=False),
        index=0,
        decoding_plugin="" if native else PLUGINS[syntax],
        **options,
    )
    return cast("Stored", decoded)


def is_available(uid: str) -> bool:
    """Tell pydicom whether this plugin serves a transfer syntax."""
    return uid in DECODER_DEPENDENCIES


def decode_frame(src: bytes, runner: DecodeRunner) -> bytearray:
    """Decode one frame of lossless or 12-bit JPEG, as pydicom asks a plugin to.

    imagecodecs makes up what is missing at the end of a stream: one without its end (ITU-T T.81 table B.1) is refused.
    """
    if not src.rstrip(_FILL).endswith(_END_OF_IMAGE):
        raise ValueError
    decoded = imagecodecs.jpeg_decode(src) if _is_lossy(src) else imagecodecs.ljpeg_decode(src)
    if runner.samples_per_pixel > 1:
        runner.set_option("planar_configuration", 0)
    runner.set_option("bits_allocated", decoded.dtype.itemsize * 8)
    return bytearray(decoded.tobytes())


def _decode_jpeg_ls(data: bytes, pixel_format: PixelFormat) -> Stored | None:
    """JPEG-LS knows no sign: two's complement comes as it lies in the container."""
    decoded: Stored = imagecodecs.jpegls_decode(data)
    return _check(decoded, pixel_format, as_container=True)


def _decode_jpeg_2000(data: bytes, pixel_format: PixelFormat) -> Stored | None:
    decoded: Stored = imagecodecs.jpeg2k_decode(data)
    return _check(decoded, pixel_format)


def _decode_rle(data: bytes, pixel_format: PixelFormat) -> Stored | None:
    if pixel_format.bits_allocated < 8:
        return None
    decoded = imagecodecs.dicomrle_decode(data, dtype=pixel_format.dtype.newbyteorder("<"))
    if len(decoded) != pixel_format.frame_bits // 8:
        return None
    samples = np.frombuffer(decoded, pixel_format.dtype.newbyteorder("<")).astype(pixel_format.dtype, copy=False)
    return samples.reshape(pixel_format.rows, pixel_format.columns)


def _check(decoded: Stored, pixel_format: PixelFormat, *, as_container: bool = False) -> Stored | None:
    """Take what has the size, the width and the sign that the header says; what differs is for pydicom to judge."""
    if decoded.shape != (pixel_format.rows, pixel_format.columns):
        return None
    if as_container and decoded.dtype.itemsize == pixel_format.dtype.itemsize:
        return decoded.view(pixel_format.dtype)
    return decoded if decoded.dtype == pixel_format.dtype else None


_STRAIGHT: dict[str, Callable[[bytes, PixelFormat], Stored | None]] = {
    JPEG + "80": _decode_jpeg_ls,
    JPEG + "81": _decode_jpeg_ls,
    JPEG + "90": _decode_jpeg_2000,
    RLE: _decode_rle,
}
"""JPEG-LS, JPEG 2000 without loss, and RLE, for which pydicom's way needs eleven times as long.

Not HTJ2K: imagecodecs 2026.3 gives zeros for what is missing where a stream ends early.
"""


def _is_lossy(stream: bytes) -> bool:
    """Whether the first frame header is not SOF3, the lossless process (ITU-T T.81 table B.1)."""
    place = 2
    while place + 4 <= len(stream) and stream[place] == 0xFF:
        marker = stream[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return marker != 0xC3
        place += 2 + int.from_bytes(stream[place + 2 : place + 4], "big")
    return True
