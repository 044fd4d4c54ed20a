"""Parses one file up to its pixels; everything that is wrong with it becomes one reason."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset, read_partial
from pydicom.tag import BaseTag
from pydicom.uid import UID

from imaging.dicom.beginning import is_dicom, read_beginning
from imaging.dicom.codecs import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, NATIVE, is_supported
from imaging.dicom.deflate import deflated_meta, inflate
from imaging.dicom.instance import Document, Instance, PixelFormat
from imaging.dicom.items import HeaderReader, has_more_items
from imaging.dicom.kinds import refuse_kind, refuse_rewriting
from imaging.dicom.limits import Limits
from imaging.dicom.quiet import silence_pydicom
from imaging.dicom.spans import UNDEFINED, locate_pixels
from imaging.dicom.values import read_integer, read_text, read_texts
from imaging.dicom.walk import Found
from imaging.domain.outcome import Reason
from imaging.errors import ImagingError, RefusedFileError

_PIXEL_MODULE = ("Rows", "Columns", "BitsAllocated")
_PIXELS = 0x7FE00010
_FLOAT_PIXELS = frozenset({0x7FE00008, 0x7FE00009})
_SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"


def read_instance(found: Found, limits: Limits | None = None) -> Instance:
    """Parse the header of one file and find its pixels, reading none of them.

    Raises
    ------
    RefusedFileError
        With the one reason that the file is quarantined for.
    """
    with containing():
        return _read(found, limits or Limits(), refuse_kind)


def read_any(found: Found, limits: Limits | None = None) -> Instance | Document:
    """Parse a file of any kind whose header can be rewritten: with pixels that nobody decodes, or without pixels.

    Raises
    ------
    RefusedFileError
        As for `read_instance`, but not for kinds that are merely not understood as images.
    """
    with containing():
        try:
            return _read(found, limits or Limits(), refuse_rewriting)
        except RefusedFileError as refusal:
            if refusal.reason is not Reason.NO_PIXELS:
                raise
        header, syntax, stream, _ = _parse(found.path, limits or Limits())
        stream.close()
        sop_class = _read_class(header)
        cut = _is_image(sop_class) or any(name in header for name in _PIXEL_MODULE)
        # An image that ends between two elements looks whole, and would be copied without its pixels.
        if cut or refuse_rewriting(sop_class) is not None or syntax not in NATIVE:
            raise RefusedFileError(Reason.NO_PIXELS, "no pixel data")
        _check_identity(header)
        return Document(header, syntax, sop_class)


def read_header(path: Path, limits: Limits | None = None) -> Dataset:
    """Parse what stands before the pixels of a file, whether or not it is of use.

    Raises
    ------
    RefusedFileError
        It is no DICOM, or cannot be parsed so far.
    """
    with containing():
        header, _, stream, _ = _parse(path, limits or Limits())
        stream.close()
        return header


@contextmanager
def containing() -> Iterator[None]:
    """Turn whatever pydicom raises into a refusal without its message, which quotes header values."""
    silence_pydicom()
    try:
        yield
    except ImagingError:
        raise
    except OSError:
        raise RefusedFileError(Reason.UNREADABLE, "the file cannot be read") from None
    except Exception:
        raise RefusedFileError(Reason.UNREADABLE, "the header cannot be parsed") from None


def open_pixels(instance_path: Path, *, deflated: bool, limits: Limits | None = None) -> BinaryIO:
    """Open the bytes that a `PixelSpan` counts in: the file, or its inflated data set."""
    if not deflated:
        return instance_path.open("rb")
    return BytesIO(inflate(instance_path, limits or Limits()))


def _read(found: Found, limits: Limits, refuse: Callable[[str], tuple[Reason, str] | None]) -> Instance:
    header, syntax, stream, size = _parse(found.path, limits)
    with stream:
        sop_class = _read_class(header)
        refusal = refuse(sop_class)
        if refusal is not None:
            raise RefusedFileError(*refusal)
        if stream.tell() >= size:
            raise _explain_missing_pixels(header, sop_class, stream, size)
        _check_identity(header)
        _check_syntax(syntax)
        pixel_format = _read_format(header, limits)
        frames = _read_frames(header, limits)
        span = locate_pixels(stream, size, syntax=syntax, pixel_format=pixel_format, frames=frames)
    return Instance(
        path=found.path,
        name=found.name,
        header=header,
        syntax=syntax,
        format=pixel_format,
        span=span,
        frames=frames,
        uid=read_text(header, "SOPInstanceUID"),
        series=read_text(header, "SeriesInstanceUID"),
        study=read_text(header, "StudyInstanceUID"),
        sop_class=sop_class,
        issuer=read_text(header, "IssuerOfPatientID"),
        patient_id=read_text(header, "PatientID"),
    )


def _is_image(sop_class: str) -> bool:
    return "Image Storage" in UID(sop_class).name


def _read_class(header: Dataset) -> str:
    return read_text(header, "SOPClassUID") or read_text(header.file_meta, "MediaStorageSOPClassUID")


def _parse(path: Path, limits: Limits) -> tuple[Dataset, str, BinaryIO, int]:
    """Read up to the pixel element; the stream is left standing at its tag, or at the end."""
    stream: BinaryIO = path.open("rb")
    try:
        size = os.fstat(stream.fileno()).st_size
        start = read_beginning(stream)
        if not is_dicom(start, size):
            raise RefusedFileError(Reason.NOT_DICOM, "neither a DICOM preamble nor a DICOM data set")
        meta = deflated_meta(path, start)
        if meta is not None:
            stream.close()
            return _parse_deflated(path, meta, limits)
        within = min(size, limits.header_bytes)
        _refuse_many_items(stream, within, limits, start)
        stream.seek(0)
        # A smaller file has no header beyond the limit, and is read without asking each time.
        bounded = stream if size <= limits.header_bytes else HeaderReader(stream, limits.header_bytes)
        header = read_partial(cast("BinaryIO", bounded), stop_when=_Stop(limits, size), force=True)
        _check_whole(header, size)
    except BaseException:
        stream.close()
        raise
    syntax = str(header.file_meta.get("TransferSyntaxUID", "")) or _guess_syntax(header)
    return header, syntax, stream, size


def _parse_deflated(path: Path, meta: FileMetaDataset, limits: Limits) -> tuple[Dataset, str, BinaryIO, int]:
    inflated = inflate(path, limits)
    stream = BytesIO(inflated)
    _refuse_many_items(stream, len(inflated), limits, b"")
    stream.seek(0)
    stop = _Stop(limits, len(inflated))
    header = read_dataset(stream, is_implicit_VR=False, is_little_endian=True, stop_when=stop)
    header.file_meta = meta
    header.set_original_encoding(False, True)
    return header, DEFLATED, stream, len(inflated)


def _refuse_many_items(stream: BinaryIO, size: int, limits: Limits, start: bytes) -> None:
    # The beginning is searched only of a file that is large enough.
    if size > limits.items and has_more_items(stream, size, limits.items, swapped=BIG_ENDIAN.encode() in start):
        raise RefusedFileError(Reason.LIMIT_EXCEEDED, "the header has too many items")


class _Stop:
    """Stops pydicom before the pixels and before it swallows more than a header may hold."""

    def __init__(self, limits: Limits, size: int) -> None:
        self._left = limits.header_bytes
        self._size = size

    def __call__(self, tag: BaseTag, _vr: str | None, length: int) -> bool:
        if int(tag) == _PIXELS or int(tag) in _FLOAT_PIXELS:
            return True
        if length == UNDEFINED:
            return False
        if length > self._size:
            raise RefusedFileError(Reason.TRUNCATED, "the header ends early")
        self._left -= length
        if self._left < 0:
            raise RefusedFileError(Reason.LIMIT_EXCEEDED, "the header is too large")
        return False


def _guess_syntax(header: Dataset) -> str:
    implicit, little = header.original_encoding
    if implicit:
        return IMPLICIT
    return EXPLICIT if little or little is None else BIG_ENDIAN


def _check_whole(header: Dataset, size: int) -> None:
    for element in header.values():
        if not isinstance(element, RawDataElement) or element.length == UNDEFINED:
            continue
        if element.value_tell + element.length > size:
            raise RefusedFileError(Reason.TRUNCATED, "the header ends early")


def _explain_missing_pixels(header: Dataset, sop_class: str, stream: BinaryIO, size: int) -> RefusedFileError:
    """A file without pixels is whole when its last element, or the sequence it is, ends with the file."""
    if not len(header):
        return RefusedFileError(Reason.TRUNCATED, "the file ends in its header")
    last = next(reversed(list(header.values())))
    whole = isinstance(last, RawDataElement) and last.value_tell + last.length in (size, UNDEFINED)
    stream.seek(max(0, size - len(_SEQUENCE_END)))
    whole = whole or stream.read() == _SEQUENCE_END
    if _is_image(sop_class) and not whole:
        return RefusedFileError(Reason.TRUNCATED, "the file ends before its pixels")
    return RefusedFileError(Reason.NO_PIXELS, "no pixel data")


def _check_identity(header: Dataset) -> None:
    if not read_text(header, "PatientID"):
        raise RefusedFileError(Reason.EMPTY_PATIENT_ID, "no patient ID, so no subject")
    if len(set(read_texts(header, "PatientID")) - {""}) > 1:
        raise RefusedFileError(Reason.EMPTY_PATIENT_ID, "several patient IDs, so no one subject")
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        if not read_text(header, keyword):
            raise RefusedFileError(Reason.UNREADABLE, f"no {keyword}")


def _check_syntax(syntax: str) -> None:
    if not is_supported(syntax):
        raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "no decoder for this transfer syntax")


def _read_format(header: Dataset, limits: Limits) -> PixelFormat:
    pixel_format = PixelFormat(
        rows=read_integer(header, "Rows", 0),
        columns=read_integer(header, "Columns", 0),
        samples=read_integer(header, "SamplesPerPixel", 1),
        bits_allocated=read_integer(header, "BitsAllocated", 0),
        bits_stored=read_integer(header, "BitsStored", read_integer(header, "BitsAllocated", 0)),
        high_bit=read_integer(header, "HighBit", read_integer(header, "BitsStored", 0) - 1),
        signed=read_integer(header, "PixelRepresentation", 0) == 1,
        photometric=read_text(header, "PhotometricInterpretation"),
        planar=read_integer(header, "PlanarConfiguration", 0),
    )
    if pixel_format.rows <= 0 or pixel_format.columns <= 0 or pixel_format.samples not in (1, 3):
        raise RefusedFileError(Reason.UNREADABLE, "rows, columns or samples per pixel make no sense")
    if pixel_format.rows * pixel_format.columns * pixel_format.samples > limits.frame_pixels:
        raise RefusedFileError(Reason.LIMIT_EXCEEDED, "a frame is too large")
    if pixel_format.bits_allocated not in (1, 8, 16, 32):
        raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "bits allocated is none of 1, 8, 16, 32")
    if not 0 < pixel_format.bits_stored <= pixel_format.high_bit + 1 <= pixel_format.bits_allocated:
        raise RefusedFileError(Reason.UNREADABLE, "bits stored and high bit make no sense")
    if not pixel_format.colour and pixel_format.photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "unknown photometric interpretation")
    if pixel_format.colour != (pixel_format.samples == 3 or pixel_format.photometric == "PALETTE COLOR"):
        raise RefusedFileError(Reason.UNREADABLE, "samples per pixel and photometric interpretation disagree")
    return pixel_format


def _read_frames(header: Dataset, limits: Limits) -> int:
    if not read_text(header, "NumberOfFrames"):
        return 1
    frames = read_integer(header, "NumberOfFrames", 0)
    if frames <= 0:
        raise RefusedFileError(Reason.UNREADABLE, "the number of frames makes no sense")
    if frames > limits.frames:
        raise RefusedFileError(Reason.LIMIT_EXCEEDED, "too many frames")
    return frames
