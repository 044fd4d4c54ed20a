"""Writes one pseudonymised DICOM file: new header, the same pixels, nothing of the original around them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID

from imaging.dicom.codecs import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, NATIVE
from imaging.dicom.decode import extend_sign, read_exactly
from imaging.dicom.encode import encode
from imaging.dicom.headers import open_pixels
from imaging.dicom.instance import Document, Instance, PixelFormat, Stored
from imaging.dicom.profile import Profile
from imaging.dicom.pseudonymise import Tally, pseudonymise
from imaging.dicom.pseudonyms import Pseudonyms
from imaging.dicom.spans import DELIMITER, ITEM, PIXELS, UNDEFINED
from imaging.dicom.streams import clean_frame
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError

_BLOCK = 4 * 2**20
_ITEM = struct.Struct("<HHL")


def rewrite(
    arrived: Instance | Document,
    sink: BinaryIO,
    *,
    profile: Profile,
    pseudonyms: Pseudonyms,
    tally: Tally | None = None,
) -> Dataset:
    """Write a pseudonymised file and give its header.

    The transfer syntax stays, but for a deflated file, which is written in Explicit VR Little Endian. Stored values
    stay bit for bit; bits outside BitsStored, where overlays may hide, are cleared. Compressed frames keep their coded
    data and lose comments, application segments and tails.

    Raises
    ------
    RefusedFileError
        DECODE_FAILED, TRUNCATED or UNREADABLE; the sink then holds part of a file.
    InvalidInputError
        The header has no patient ID.

    References
    ----------
    PS3.10 7.1; PS3.5 8.1.1, A.4
    """
    header = pseudonymise(arrived.header, profile, pseudonyms, tally=tally)
    syntax = EXPLICIT if arrived.syntax == DEFLATED else arrived.syntax
    header.file_meta.TransferSyntaxUID = UID(syntax)
    if profile.institution or profile.device:
        # Only these options keep texts to the letter; everything else is ASCII.
        header.SpecificCharacterSet = "ISO_IR 192"
    sink.write(_encode(header))
    if isinstance(arrived, Instance):
        _write_pixels(arrived, syntax, sink)
    return header


def _encode(header: Dataset) -> bytes:
    try:
        return encode(header)
    # pydicom quotes the value that it cannot write.
    except Exception:
        raise RefusedFileError(Reason.UNREADABLE, "the header cannot be written again") from None


def _write_pixels(instance: Instance, syntax: str, sink: BinaryIO) -> None:
    with open_pixels(instance.path, deflated=instance.span.deflated) as stream:
        if syntax in NATIVE:
            length = instance.span.length
            # In swapped words the last byte of an odd number stands behind its padding.
            length += length % 2 if instance.span.swapped else 0
            _write_tag(sink, syntax, instance, length + length % 2)
            for block in _native_blocks(instance, stream, length):
                sink.write(block)
            sink.write(b"\0" * (length % 2))
            return
        _write_tag(sink, syntax, instance, UNDEFINED)
        # An empty offset table is allowed, and the frames are one fragment each (PS3.5 A.4).
        sink.write(_ITEM.pack(*ITEM, 0))
        for fragments in instance.span.frames:
            frame = b"".join(read_exactly(stream, part.offset, part.length) for part in fragments)
            segment = instance.format.rows * instance.format.columns
            cleaned = clean_frame(instance.syntax, frame, segment_bytes=segment)
            sink.write(_ITEM.pack(*ITEM, len(cleaned) + len(cleaned) % 2))
            sink.write(cleaned + b"\0" * (len(cleaned) % 2))
        sink.write(_ITEM.pack(*DELIMITER, 0))


def _write_tag(sink: BinaryIO, syntax: str, instance: Instance, length: int) -> None:
    if syntax == IMPLICIT:
        sink.write(struct.pack("<HHL", *PIXELS, length))
        return
    wide = syntax in NATIVE and (instance.format.bits_allocated > 8 or instance.span.swapped)
    order = ">" if syntax == BIG_ENDIAN else "<"
    sink.write(struct.pack(f"{order}HH2sHL", *PIXELS, b"OW" if wide else b"OB", 0, length))


def _native_blocks(instance: Instance, stream: BinaryIO, length: int) -> Iterator[bytes]:
    left, place = length, instance.span.offset
    while left:
        block = read_exactly(stream, place, min(_BLOCK, left))
        place, left = place + len(block), left - len(block)
        yield _clear_unused_bits(block, instance.format, big=instance.syntax == BIG_ENDIAN)


def _clear_unused_bits(block: bytes, pixel_format: PixelFormat, *, big: bool) -> bytes:
    """Clear what lies outside BitsStored, unless it is what the sign asks for."""
    if pixel_format.bits_stored == pixel_format.bits_allocated or pixel_format.bits_allocated < 8:
        return block
    stored = np.frombuffer(block, pixel_format.dtype.newbyteorder(">" if big else "<"))
    native = stored.astype(pixel_format.dtype, copy=False)
    if _fits(native, pixel_format):
        return block
    mask = native.dtype.type(np.array(_mask(pixel_format), np.uint64).astype(native.dtype))
    if not np.any(native & ~mask):
        return block
    shift = pixel_format.high_bit + 1 - pixel_format.bits_stored
    extended = (extend_sign(native, pixel_format, right_aligned=False) << shift).astype(native.dtype)
    if np.array_equal(native, extended):
        return block
    return extended.astype(stored.dtype).tobytes()


def _fits(native: Stored, pixel_format: PixelFormat) -> bool:
    """Whether every value is one of BitsStored bits at the lower end, told by the least and greatest alone."""
    span = 1 << pixel_format.bits_stored
    low, high = (-span // 2, span // 2) if pixel_format.signed else (0, span)
    aligned = pixel_format.high_bit + 1 == pixel_format.bits_stored
    return aligned and low <= int(native.min()) and int(native.max()) < high


def _mask(pixel_format: PixelFormat) -> int:
    return ((1 << pixel_format.bits_stored) - 1) << (pixel_format.high_bit + 1 - pixel_format.bits_stored)
