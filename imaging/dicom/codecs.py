"""Which transfer syntaxes decode, and through which pydicom plugin: always an explicit one.

pydicom tries its plugins in the order of registration, so that what a person happens to have installed decides
speed and sometimes values. Lossless JPEG and 12-bit JPEG come from imagecodecs, registered here as a pydicom plugin:
the other free decoder for them is GPL.
"""

from __future__ import annotations

import imagecodecs
from pydicom.pixels.decoders.base import Decoder, DecodeRunner, get_decoder

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"

RLE = "1.2.840.10008.1.2.5"
JPEG = "1.2.840.10008.1.2.4."
"""The stem of every JPEG, JPEG-LS, JPEG 2000 and HTJ2K syntax."""

_IMAGECODECS = "imagecodecs"
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


def is_available(uid: str) -> bool:
    """Tell pydicom whether this plugin serves a transfer syntax."""
    return uid in DECODER_DEPENDENCIES


def decode_frame(src: bytes, runner: DecodeRunner) -> bytearray:
    """Decode one frame of lossless or 12-bit JPEG, as pydicom asks a plugin to."""
    decoded = imagecodecs.jpeg_decode(src) if _is_lossy(src) else imagecodecs.ljpeg_decode(src)
    if runner.samples_per_pixel > 1:
        runner.set_option("planar_configuration", 0)
    runner.set_option("bits_allocated", decoded.dtype.itemsize * 8)
    return bytearray(decoded.tobytes())


def _is_lossy(stream: bytes) -> bool:
    """Whether the first frame header is not SOF3, the lossless process (ITU-T T.81 table B.1)."""
    place = 2
    while place + 4 <= len(stream) and stream[place] == 0xFF:
        marker = stream[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return marker != 0xC3
        place += 2 + int.from_bytes(stream[place + 2 : place + 4], "big")
    return True
