"""Decodes stored values of a stack; native frames by offset, compressed ones in processes that may die."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from pydicom.pixels.processing import apply_color_lut

from imaging.dicom.codecs import BIG_ENDIAN, EXPLICIT, LOSSY, NATIVE, RIGHT_ALIGNED, decode_samples
from imaging.dicom.decoders import decoders
from imaging.dicom.headers import open_pixels
from imaging.dicom.instance import Instance, PixelFormat, Stored
from imaging.dicom.quiet import silence_pydicom
from imaging.dicom.redact import paint
from imaging.dicom.stack import Plane, Stack
from imaging.domain.outcome import Reason
from imaging.errors import ImagingError, RefusedFileError


def read_slab(stack: Stack, start: int, stop: int, *, t: int = 0, c: int = 0) -> Stored:
    """Decode planes start..stop−1 of one time point and channel.

    Returns
    -------
    (z, y, x), `stack.dtype`
        Stored values, sign-extended from BitsStored (0028,0101); nothing rescaled, inverted or flipped.

    Raises
    ------
    RefusedFileError
        TRUNCATED, DECODE_FAILED or UNSUPPORTED_SYNTAX.
    """
    channels = read_channels(stack, start, stop, t=t)
    return np.ascontiguousarray(channels[c])


def read_channels(stack: Stack, start: int, stop: int, *, t: int = 0) -> Stored:
    """Decode planes start..stop−1 of one time point, all channels at once.

    Returns
    -------
    (c, z, y, x), `stack.dtype`
        c is 1 for grey and 3 (red, green, blue) for colour.
    """
    planes = stack.planes[t][start:stop]
    slab = np.empty((stack.channels, len(planes), *stack.plane_shape), stack.dtype)
    if len(planes) < 2 or all(plane.instance.syntax in NATIVE for plane in planes):
        _fill(slab, planes)
        return slab
    # While one frame is decoded elsewhere, the next is read.
    middle = len(planes) // 2
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(_fill, slab[:, :middle], planes[:middle])
        second = pool.submit(_fill, slab[:, middle:], planes[middle:])
        first.result()
        second.result()
    return slab


def _fill(slab: Stored, planes: Sequence[Plane]) -> None:
    with _Frames() as frames:
        for z, plane in enumerate(planes):
            slab[:, z] = frames.cut(plane)


def read_frame(instance: Instance, frame: int) -> Stored:
    """Decode one frame of one file.

    Returns
    -------
    (c, y, x)
        Stored values; colour as red, green, blue.
    """
    with _Frames() as frames:
        return frames.read(instance, frame)


def read_frames(instance: Instance) -> Iterator[Stored]:
    """Decode the frames of one file one after the other, each (c, y, x) as from `read_frame`."""
    with _Frames() as frames:
        for number in range(instance.frames):
            yield frames.read(instance, number)


@dataclass
class _Open:
    instance: Instance
    stream: BinaryIO


class _Frames:
    """Keeps the file at hand open and its last frame decoded: the tiles of a mosaic share one frame."""

    def __init__(self) -> None:
        self._open: _Open | None = None
        self._last: tuple[Instance, int, Stored] | None = None

    def __enter__(self) -> _Frames:
        silence_pydicom()
        return self

    def __exit__(self, *_: object) -> None:
        if self._open is not None:
            self._open.stream.close()

    def cut(self, plane: Plane) -> Stored:
        decoded = self.read(plane.instance, plane.frame)
        if plane.tile is None:
            return decoded
        top, left, rows, columns = plane.tile
        return decoded[:, top : top + rows, left : left + columns]

    def read(self, instance: Instance, frame: int) -> Stored:
        if self._last is not None and self._last[0] is instance and self._last[1] == frame:
            return self._last[2]
        try:
            decoded = paint(_decode(instance, self._read_bytes(instance, frame)), frame, instance.painted)
        except ImagingError:
            raise
        except OSError:
            raise RefusedFileError(Reason.UNREADABLE, "the file cannot be read") from None
        # Codecs raise anything, and pydicom's messages quote header values: the cause is dropped on purpose.
        except Exception:
            raise RefusedFileError(Reason.DECODE_FAILED, "the pixels cannot be decoded") from None
        self._last = (instance, frame, decoded)
        return decoded

    def _read_bytes(self, instance: Instance, frame: int) -> bytes:
        stream = self._stream(instance)
        span = instance.span
        if span.frames:
            parts = [read_exactly(stream, part.offset, part.length) for part in span.frames[frame]]
            return b"".join(parts)
        bits = instance.format.frame_bits
        first, last = frame * bits // 8, ((frame + 1) * bits + 7) // 8
        if span.swapped:
            data = _read_swapped(stream, span.offset, first, last)
        else:
            data = read_exactly(stream, span.offset + first, last - first)
        shift = frame * bits % 8
        return data if shift == 0 else _align(data, shift, bits)

    def _stream(self, instance: Instance) -> BinaryIO:
        if self._open is None or self._open.instance is not instance:
            if self._open is not None:
                self._open.stream.close()
            self._open = _Open(instance, open_pixels(instance.path, deflated=instance.span.deflated))
        return self._open.stream


def read_exactly(stream: BinaryIO, offset: int, length: int) -> bytes:
    """Read bytes at a place; TRUNCATED when the file became shorter since it was looked at."""
    stream.seek(offset)
    data = stream.read(length)
    if len(data) < length:
        raise RefusedFileError(Reason.TRUNCATED, "the file became shorter")
    return data


def _read_swapped(stream: BinaryIO, offset: int, first: int, last: int) -> bytes:
    """Read bytes first..last−1 of 16-bit words whose bytes change places; words begin at even places."""
    begin, end = first - first % 2, last + last % 2
    words = np.frombuffer(read_exactly(stream, offset + begin, end - begin), np.uint16)
    return words.byteswap().tobytes()[first - begin : last - begin]


def _align(data: bytes, shift: int, bits: int) -> bytes:
    """Bring a frame of single bits that begins within a byte to its start; the lowest bit comes first (PS3.5 8.1.1)."""
    inside = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[shift : shift + bits]
    return np.packbits(inside, bitorder="little").tobytes()


def _decode(instance: Instance, data: bytes) -> Stored:
    pixel_format = instance.format
    if instance.syntax in NATIVE and not pixel_format.colour and pixel_format.bits_allocated >= 8:
        big = instance.syntax == BIG_ENDIAN
        container = np.frombuffer(data, pixel_format.dtype.newbyteorder(">" if big else "<"))
        plane = container.reshape(pixel_format.rows, pixel_format.columns).astype(pixel_format.dtype, copy=False)
        return extend_sign(plane, pixel_format, right_aligned=False)[np.newaxis]
    decoded = _decode_samples(instance, data)
    if pixel_format.photometric == "PALETTE COLOR":
        return np.moveaxis(np.asarray(apply_color_lut(decoded, instance.header)), -1, 0)
    if decoded.ndim == 3:
        return np.moveaxis(decoded, -1, 0)
    if decoded.shape != (pixel_format.rows, pixel_format.columns):
        raise RefusedFileError(Reason.DECODE_FAILED, "the decoded frame has another size than the header says")
    stored = decoded.astype(pixel_format.dtype, copy=False)
    if instance.syntax in LOSSY:
        return _clip(stored, pixel_format)[np.newaxis]
    return extend_sign(stored, pixel_format, right_aligned=instance.syntax in RIGHT_ALIGNED)[np.newaxis]


def _decode_samples(instance: Instance, data: bytes) -> Stored:
    """Decode in this process what no codec has to touch, all else in one that may die of it."""
    if instance.syntax not in NATIVE:
        return decoders().decode(data, instance.syntax, instance.format)
    big = instance.syntax == BIG_ENDIAN and instance.format.bits_allocated > 8
    return decode_samples(data, BIG_ENDIAN if big else EXPLICIT, instance.format)


def _clip(stored: Stored, pixel_format: PixelFormat) -> Stored:
    half = 1 << (pixel_format.bits_stored - 1)
    low, high = (-half, half - 1) if pixel_format.signed else (0, 2 * half - 1)
    return stored.clip(low, high)


def extend_sign(container: Stored, pixel_format: PixelFormat, *, right_aligned: bool) -> Stored:
    """Take BitsStored bits out of their container; higher bits may hold overlays and must not reach anyone.

    Parameters
    ----------
    container : (y, x)
    right_aligned
        Whether the codec already put the lowest bit at 0.

    References
    ----------
    PS3.5 8.1.1
    """
    width = container.dtype.itemsize * 8
    low = 0 if right_aligned else pixel_format.high_bit + 1 - pixel_format.bits_stored
    left = width - low - pixel_format.bits_stored
    if left == 0 and low == 0:
        return container
    if not pixel_format.signed:
        return (container >> low if low else container) & ((1 << pixel_format.bits_stored) - 1)
    shifted = container << left
    shifted >>= left + low
    return shifted
