"""Encodes a rewritten header: what is bytes already goes out as it is, pydicom encodes the rest."""

from __future__ import annotations

import struct
from functools import lru_cache
from io import BytesIO

import pydicom
from pydicom.charset import default_encoding
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.tag import BaseTag

from imaging.dicom.codecs import BIG_ENDIAN, IMPLICIT
from imaging.dicom.spans import UNDEFINED

_PREAMBLE = b"\0" * 128 + b"DICM"
_WIDE = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"))
"""Value representations whose length has 32 bits (PS3.5 7.1.2)."""
_LONGEST_SHORT = 0xFFFF


def encode(header: Dataset) -> bytes:
    """Give a file up to its pixels: preamble, file meta, data set in the transfer syntax that the file meta names.

    The bytes are those of `pydicom.dcmwrite`. A header read in that syntax is written in half the time: most of its
    elements are bytes still, or were encoded once for a whole series.

    References
    ----------
    PS3.10 7.1; PS3.5 7.1
    """
    syntax = str(header.file_meta.TransferSyntaxUID)
    implicit, little = syntax == IMPLICIT, syntax != BIG_ENDIAN
    if header.original_encoding != (implicit, little) or "SpecificCharacterSet" in header:
        plain = BytesIO()
        pydicom.dcmwrite(plain, header, enforce_file_format=True)
        return plain.getvalue()
    buffer = DicomBytesIO()
    buffer.write(_PREAMBLE + _encode_meta(header.file_meta))
    buffer.is_implicit_VR, buffer.is_little_endian = implicit, little
    elements: dict[BaseTag, DataElement | RawDataElement] = dict(header.items())
    for tag in sorted(elements, key=int):
        element = elements[tag]
        start = _encode_start(element, implicit, little) if isinstance(element, RawDataElement) else None
        if start is None:
            write_data_element(buffer, element, default_encoding)
        else:
            buffer.write(start)
            buffer.write(element.value or b"")
    return buffer.getvalue()


def encode_text(tag: BaseTag, representation: str, text: str, encoding: tuple[bool, bool]) -> RawDataElement:
    """Encode an element of ASCII text; several values stand with backslashes between them.

    Parameters
    ----------
    encoding
        Implicit VR, little endian.
    """
    data = text.encode("ascii")
    data += (b"\0" if representation == "UI" else b" ") * (len(data) % 2)
    return RawDataElement(tag, representation, len(data), data, 0, *encoding)


def _encode_meta(meta: FileMetaDataset) -> bytes:
    """Encode a file meta of texts and bytes, its length first (PS3.10 7.1)."""
    parts = []
    for element in meta:
        value = element.value
        if not isinstance(value, bytes):
            value = encode_text(element.tag, element.VR, str(value), (False, True)).value or b""
        wide = element.VR in _WIDE
        start = struct.pack("<HH2s", element.tag.group, element.tag.element, element.VR.encode())
        parts += [start, struct.pack("<HL" if wide else "<H", *((0, len(value)) if wide else (len(value),))), value]
    body = b"".join(parts)
    return struct.pack("<HH2sHL", 2, 0, b"UL", 4, len(body)) + body


def _encode_start(raw: RawDataElement, implicit: bool, little: bool) -> bytes | None:
    """Give tag, representation and length; None for what pydicom should judge."""
    tag, size = int(raw.tag), len(raw.value or b"")
    if raw.length == UNDEFINED or tag & _LONGEST_SHORT == 0:
        return None
    if not implicit and (raw.VR is None or len(raw.VR) != 2):
        return None
    start, length, most = _begin(tag, "" if implicit else raw.VR or "", little)
    return start + length.pack(size) if size <= most else None


@lru_cache(maxsize=4096)
def _begin(tag: int, representation: str, little: bool) -> tuple[bytes, struct.Struct, int]:
    """Give tag and representation, how the length is packed, and the most that it can say."""
    order = "<" if little else ">"
    start = struct.pack(f"{order}HH", tag >> 16, tag & _LONGEST_SHORT) + representation.encode()
    if representation in _WIDE:
        start += b"\0\0"
    short = representation not in ("", *_WIDE)
    return start, struct.Struct(f"{order}{'H' if short else 'L'}"), _LONGEST_SHORT if short else UNDEFINED
