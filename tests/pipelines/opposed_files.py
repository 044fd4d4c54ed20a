"""Files of one person of every kind that becomes no image: without pixels, damaged, or listing who else there is."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
    generate_uid,
)

ALPHA, BETA = "PHA-000001", "PHA-000002"
STORAGE = "1.2.840.10008.5.1.4.1.1."
Make = Callable[[pydicom.Dataset], bytes]


def encode(header: pydicom.Dataset) -> bytes:
    buffer = pydicom.filebase.DicomBytesIO()
    pydicom.dcmwrite(buffer, header, enforce_file_format=True)
    return buffer.getvalue()


def of_class(tail: str, *, pixels: bool = False) -> Make:
    def make(header: pydicom.Dataset) -> bytes:
        header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = STORAGE + tail
        if not pixels:
            del header.PixelData
        return encode(header)

    return make


def changed(**changes: object) -> Make:
    def make(header: pydicom.Dataset) -> bytes:
        for keyword, value in changes.items():
            setattr(header, keyword, value)
        return encode(header)

    return make


def cut_in_pixels(header: pydicom.Dataset) -> bytes:
    return encode(header)[:-100]


def behind_person(raw: bytes) -> int:
    return raw.index(ALPHA.encode()) + len(ALPHA)


def cut_behind_person(header: pydicom.Dataset) -> bytes:
    raw = encode(header)
    return raw[: behind_person(raw)]


def garbled_behind_person(header: pydicom.Dataset) -> bytes:
    raw = encode(header)
    deep = b"\x10\x00\x00\x10SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    return raw[: behind_person(raw)] + deep * 3000


def garbled_before_person(header: pydicom.Dataset) -> bytes:
    raw = encode(header)
    place = raw.index(b"\x08\x00\x60\x00CS")
    return raw[:place] + b"\x08\x00\x60\x00SQ\0\0\xff\xff\xff\xff" + raw[place + 12 :]


def in_wrong_order(header: pydicom.Dataset) -> bytes:
    """A file without pixels whose patient ID stands at its end."""
    del header.PixelData
    raw = encode(header)
    end = behind_person(raw)
    place = raw.rindex(b"\x10\x00\x20\x00LO", 0, end)
    return raw[:place] + raw[end:] + raw[place:end]


def deflated(header: pydicom.Dataset) -> tuple[bytes, bytes]:
    """File meta information and deflated data set."""
    header.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    raw = encode(header)
    end = 144 + int.from_bytes(raw[140:144], "little")
    return raw[:end], raw[end:]


def deflated_and_cut(header: pydicom.Dataset) -> bytes:
    head, body = deflated(header)
    return head + body[: len(body) // 2]


def deflated_bomb(header: pydicom.Dataset) -> bytes:
    head, body = deflated(header)
    inflater, deflater = zlib.decompressobj(-zlib.MAX_WBITS), zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    plain = inflater.decompress(body)
    return head + deflater.compress(plain + bytes(200_000_000)) + deflater.flush()


def without_series(header: pydicom.Dataset) -> bytes:
    del header.SeriesInstanceUID
    return encode(header)


def directory(
    *persons: tuple[str, str],
    syntax: str = ExplicitVRLittleEndian,
    undefined: bool = False,
    pointed: Sequence[str] = (),
) -> bytes:
    """A DICOMDIR with a record for each image, by its UID, and for each patient, told by issuer and ID."""
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    header.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    header.file_meta.TransferSyntaxUID = syntax
    header.DirectoryRecordSequence = []
    for uid in pointed:
        record = Dataset()
        record.DirectoryRecordType, record.ReferencedSOPInstanceUIDInFile = "IMAGE", uid
        header.DirectoryRecordSequence.append(record)
    for issuer, patient_id in persons:
        record = Dataset()
        record.DirectoryRecordType, record.PatientID, record.PatientName = "PATIENT", patient_id, "PHANTOM"
        if issuer:
            record.IssuerOfPatientID = issuer
        record.is_undefined_length_sequence_item = undefined
        header.DirectoryRecordSequence.append(record)
    header["DirectoryRecordSequence"].is_undefined_length = undefined
    return encode(header)


def listing(syntax: str) -> Make:
    return lambda _: directory(("", BETA), ("", ALPHA), syntax=syntax)


def cut_listing(*, undefined: bool) -> Make:
    return lambda _: directory(("", BETA), ("", ALPHA), ("", BETA), undefined=undefined)[:-30]


KINDS: dict[str, tuple[Make, str]] = {
    "report": (of_class("88.11"), "no_pixels"),
    "structure set": (of_class("481.3"), "no_pixels"),
    "presentation state": (of_class("11.1"), "no_pixels"),
    "header alone": (of_class("2"), "no_pixels"),
    "patient ID in the wrong place": (in_wrong_order, "no_pixels"),
    "document": (of_class("104.1"), "embedded_document"),
    "segmentation": (of_class("66.4", pixels=True), "irregular_geometry"),
    "parametric map": (of_class("30", pixels=True), "irregular_geometry"),
    "cut in its pixels": (cut_in_pixels, "truncated"),
    "cut behind the person": (cut_behind_person, "no_pixels"),
    "garbled behind the person": (garbled_behind_person, "unreadable"),
    "garbled before the person": (garbled_before_person, "unreadable"),
    "deflated and cut": (deflated_and_cut, "truncated"),
    "deflated bomb": (deflated_bomb, "limit_exceeded"),
    "no series": (without_series, "unreadable"),
    "no rows": (changed(Rows=0), "unreadable"),
    "too many frames": (changed(NumberOfFrames="999999999"), "limit_exceeded"),
    "odd bits": (changed(BitsAllocated=12), "unsupported_syntax"),
    "directory": (listing(ExplicitVRLittleEndian), "no_pixels"),
    "implicit directory": (listing(ImplicitVRLittleEndian), "no_pixels"),
    "big-endian directory": (listing(ExplicitVRBigEndian), "no_pixels"),
    "cut directory": (cut_listing(undefined=False), "truncated"),
    "cut directory of undefined length": (cut_listing(undefined=True), "unreadable"),
}
