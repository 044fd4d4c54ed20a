"""Builds DICOM files that hold one token in one place, byte by byte where pydicom would not write it."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import partial

import numpy as np
import pydicom
from PIL import Image as Picture
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import UID

IMPLICIT, EXPLICIT, BIG, DEFLATED = (f"1.2.840.10008.1.2{tail}" for tail in ("", ".1", ".2", ".1.99"))
JPEG, J2K, RLE = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"
CT, SR, RTSTRUCT, ECG = (f"1.2.840.10008.5.1.4.1.1.{tail}" for tail in ("2", "88.11", "481.3", "9.1.1"))
TOKEN = "ZQXTOKENQZ"
ROWS = COLUMNS = 32

Channel = Callable[[], bytes]


def header(sop_class: str = CT) -> Dataset:
    made = Dataset()
    # Without a character set idiscore refuses every file.
    made.SpecificCharacterSet = "ISO_IR 100"
    made.SOPClassUID, made.SOPInstanceUID = sop_class, "1.2.826.0.1.99999.1"
    made.StudyInstanceUID, made.SeriesInstanceUID = "1.2.826.0.1.99999.2", "1.2.826.0.1.99999.3"
    made.PatientID, made.PatientName, made.Modality = "PHA-0001", "PHANTOM^ALPHA", "CT"
    return made


def with_pixels(made: Dataset, *, bits: int = 16, stored: int = 12) -> Dataset:
    made.Rows, made.Columns, made.SamplesPerPixel = ROWS, COLUMNS, 1
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = bits, stored, stored - 1, 0
    made.PhotometricInterpretation = "MONOCHROME2"
    return made


def grey(bits: int = 16) -> bytes:
    values = (np.arange(ROWS * COLUMNS) % 200).astype(np.uint16 if bits == 16 else np.uint8)
    return values.tobytes()


def save(made: Dataset, pixels: bytes | None = None, *, syntax: str = EXPLICIT, **meta: object) -> bytes:
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = UID(syntax)
    made.file_meta.MediaStorageSOPClassUID = UID(str(made.SOPClassUID))
    made.file_meta.MediaStorageSOPInstanceUID = UID(str(made.SOPInstanceUID))
    for keyword, value in meta.items():
        setattr(made.file_meta, keyword, value)
    if pixels is not None:
        if syntax == BIG:
            pixels = np.frombuffer(pixels, "<u2").astype(">u2").tobytes()
        compressed = syntax.startswith("1.2.840.10008.1.2.4") or syntax == RLE
        made.add(DataElement(0x7FE00010, "OB" if compressed else "OW", pixels))
        made["PixelData"].is_undefined_length = compressed
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, made, enforce_file_format=True)
    return buffer.getvalue()


def image(change: Callable[[Dataset], object] = lambda _: None, *, syntax: str = EXPLICIT) -> bytes:
    made = with_pixels(header())
    change(made)
    return save(made, grey(), syntax=syntax)


def document(sop_class: str, change: Callable[[Dataset], object], modality: str = "SR") -> bytes:
    made = header(sop_class)
    made.Modality = modality
    change(made)
    return save(made)


def put(tag: int, representation: str, value: object) -> Callable[[Dataset], object]:
    return lambda made: made.add(DataElement(tag, representation, value))


def letters(tag: int, representation: str) -> Channel:
    """Letters where numbers belong, which pydicom itself does not write."""

    def build() -> bytes:
        place = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
        return image(put(tag, "LO", TOKEN)).replace(place + b"LO", place + representation.encode(), 1)

    return build


def nest(keyword: str, tag: int, representation: str, value: object, depth: int = 1) -> Callable[[Dataset], object]:
    def change(made: Dataset) -> None:
        item = Dataset()
        item.add(DataElement(tag, representation, value))
        for _ in range(depth - 1):
            outer = Dataset()
            setattr(outer, keyword, Sequence([item]))
            item = outer
        setattr(made, keyword, Sequence([item]))

    return change


def private(group: int, creator: str, low: int, representation: str, value: object) -> Callable[[Dataset], object]:
    def change(made: Dataset) -> None:
        made.private_block(group, creator, create=True).add_new(low, representation, value)

    return change


def private_sequence(made: Dataset) -> None:
    item = Dataset()
    item.SeriesDescription = TOKEN
    made.private_block(0x0009, "PHANTOM PRIVATE", create=True).add_new(2, "SQ", Sequence([item]))


def private_in(keyword: str) -> Callable[[Dataset], object]:
    def change(made: Dataset) -> None:
        item = Dataset()
        item.private_block(0x0029, "PHANTOM PRIVATE", create=True).add_new(1, "LO", TOKEN)
        setattr(made, keyword, Sequence([item]))

    return change


def coded(value: str, scheme: str, meaning: str) -> Callable[[Dataset], object]:
    def change(made: Dataset) -> None:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
        made.AnatomicRegionSequence = Sequence([item])

    return change


def content(representation: str, tag: int, kind: str, value: object) -> bytes:
    def change(made: Dataset) -> None:
        item = Dataset()
        item.RelationshipType, item.ValueType = "CONTAINS", kind
        item.add(DataElement(tag, representation, value))
        made.ContentSequence = Sequence([item])

    return document(SR, change)


# --- around the data set


def preamble() -> bytes:
    made = bytearray(image())
    made[: len(TOKEN)] = TOKEN.encode()
    return bytes(made)


def unknown_meta() -> bytes:
    made = bytearray(image())
    extra = struct.pack("<HH2sH", 0x0002, 0x0099, b"LO", len(TOKEN)) + TOKEN.encode()
    length = int.from_bytes(made[140:144], "little")
    made[140:144] = (length + len(extra)).to_bytes(4, "little")
    return bytes(made[: 144 + length]) + extra + bytes(made[144 + length :])


def after_deflated() -> bytes:
    return image(syntax=DEFLATED) + TOKEN.encode()


def inside_deflated() -> bytes:
    whole, deflated = image(), image(syntax=DEFLATED)
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    padding = struct.pack("<HH2sHL", 0xFFFC, 0xFFFC, b"OB", 0, len(TOKEN)) + TOKEN.encode()
    return deflated[: end_of_meta(deflated)] + stream.compress(whole[end_of_meta(whole) :] + padding) + stream.flush()


def end_of_meta(encoded: bytes) -> int:
    return 144 + int.from_bytes(encoded[140:144], "little")


def trailing_element(tag: tuple[int, int], representation: bytes) -> bytes:
    return image() + struct.pack("<HH2sHL", *tag, representation, 0, len(TOKEN)) + TOKEN.encode()


# --- inside pixels and streams


def high_bits(*, low: bool = False, signed: bool = False, syntax: str = EXPLICIT) -> bytes:
    made = with_pixels(header(), stored=8 if not low else 12)
    values = np.frombuffer(grey(), np.uint16).copy() & 0x7F
    letters = np.frombuffer(TOKEN.encode(), np.uint8).astype(np.uint16)
    if low:
        made.HighBit, values = 15, values << 4
        nibbles = np.stack([letters >> 4, letters & 15], 1).ravel()
        values[: len(nibbles)] |= nibbles
    else:
        values[: len(letters)] |= letters << 8
    made.PixelRepresentation = int(signed)
    return save(made, values.tobytes(), syntax=syntax)


def longer_pixels(syntax: str = EXPLICIT) -> bytes:
    return save(with_pixels(header()), grey() + TOKEN.encode(), syntax=syntax)


def jpeg(change: Callable[[bytes], bytes]) -> bytes:
    buffer = io.BytesIO()
    Picture.frombytes("L", (COLUMNS, ROWS), grey(8)).save(buffer, "JPEG")
    made = with_pixels(header(), bits=8, stored=8)
    return save(made, encapsulate([change(buffer.getvalue())], has_bot=False), syntax=JPEG)


def segment(marker: int, payload: bytes) -> Callable[[bytes], bytes]:
    return lambda frame: frame[:2] + struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload + frame[2:]


def before_scan(marker: int) -> Callable[[bytes], bytes]:
    def change(frame: bytes) -> bytes:
        place = frame.index(b"\xff\xda")
        return frame[:place] + struct.pack(">BBH", 0xFF, marker, len(TOKEN) + 2) + TOKEN.encode() + frame[place:]

    return change


def j2k(change: Callable[[bytes], bytes]) -> bytes:
    buffer = io.BytesIO()
    picture = Picture.frombytes("L", (COLUMNS, ROWS), grey(8))
    picture.save(buffer, "JPEG2000", no_jp2=True, irreversible=False)
    made = with_pixels(header(), bits=8, stored=8)
    return save(made, encapsulate([change(buffer.getvalue())], has_bot=False), syntax=J2K)


def j2k_comment(frame: bytes) -> bytes:
    place = frame.index(b"\xff\x90")
    comment = struct.pack(">HHH", 0xFF64, len(TOKEN) + 4, 1) + TOKEN.encode()
    return frame[:place] + comment + frame[place:]


def j2k_tile_comment(frame: bytes) -> bytes:
    start, data = frame.index(b"\xff\x90"), frame.index(b"\xff\x93")
    comment = struct.pack(">HHH", 0xFF64, len(TOKEN) + 4, 1) + TOKEN.encode()
    length = struct.unpack_from(">L", frame, start + 6)[0]
    sized = frame[: start + 6] + struct.pack(">L", length + len(comment)) + frame[start + 10 : data]
    return sized + comment + frame[data:]


def boxed(frame: bytes) -> bytes:
    def box(kind: bytes, payload: bytes) -> bytes:
        return struct.pack(">L4s", len(payload) + 8, kind) + payload

    start = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    return start + box(b"uuid", bytes(16) + TOKEN.encode()) + box(b"xml ", TOKEN.encode()) + box(b"jp2c", frame)


def rle(change: Callable[[bytes], bytes], *, unused: bytes = b"") -> bytes:
    rows = np.frombuffer(grey(8), np.uint8).reshape(ROWS, COLUMNS)
    packed = b"".join(bytes([COLUMNS - 1]) + row.tobytes() for row in rows)
    offsets = struct.pack("<2L", 1, 64) + (unused + bytes(56))[:56]
    made = with_pixels(header(), bits=8, stored=8)
    return save(made, encapsulate([change(offsets + packed)], has_bot=False), syntax=RLE)


def spelled(code: str, size: int) -> list[float]:
    """The token read as numbers."""
    padded = TOKEN.encode() + b"\0" * (-len(TOKEN) % size)
    return list(struct.unpack(f"<{len(padded) // size}{code}", padded))


def tags_of(numbers: list[float]) -> list[int]:
    """Numbers as tags, whose two halves are written the other way round."""
    return [(int(number) & 0xFFFF) << 16 | int(number) >> 16 for number in numbers]


def fitting_table(tag: int, descriptor: int, sequence: str = "") -> Channel:
    """A table as long as its descriptor says, which is as long as the token twice."""

    def change(made: Dataset) -> None:
        holder = Dataset() if sequence else made
        holder.add(DataElement(descriptor, "US", [len(TOKEN), 0, 16]))
        holder.add(DataElement(tag, "OW", TOKEN.encode() * 2))
        if sequence:
            setattr(made, sequence, Sequence([holder]))

    return partial(image, change)


def j2k_segment(marker: int) -> Callable[[bytes], bytes]:
    def change(frame: bytes) -> bytes:
        place = frame.index(b"\xff\x90")
        return frame[:place] + struct.pack(">HH", marker, len(TOKEN) + 2) + TOKEN.encode() + frame[place:]

    return change


def j2k_open_end(frame: bytes) -> bytes:
    start = frame.index(b"\xff\x90")
    return frame[: start + 6] + bytes(4) + frame[start + 10 :] + TOKEN.encode() + b"\xff\xd9"


def rle_surplus(frame: bytes) -> bytes:
    """The last run holds more bytes than the picture."""
    last = len(frame) - COLUMNS - 1
    return frame[:last] + bytes([COLUMNS - 1 + len(TOKEN)]) + frame[last + 1 :] + TOKEN.encode()


def odd_fragments() -> bytes:
    """An offset table that holds letters instead of offsets."""
    buffer = io.BytesIO()
    Picture.frombytes("L", (COLUMNS, ROWS), grey(8)).save(buffer, "JPEG")
    frame = buffer.getvalue() + b"\0" * (len(buffer.getvalue()) % 2)
    table = TOKEN.encode() + b"\0" * (-len(TOKEN) % 4)
    item = b"\xfe\xff\x00\xe0"
    value = item + struct.pack("<L", len(table)) + table + item + struct.pack("<L", len(frame)) + frame
    return save(with_pixels(header(), bits=8, stored=8), value, syntax=JPEG)


def overlay(group: int, element: int, representation: str) -> Channel:
    value: object = TOKEN.encode() if representation in ("OB", "OW") else TOKEN
    return partial(image, put((group << 16) | element, representation, value))


def table(tag: int, descriptor: int | None) -> Channel:
    def change(made: Dataset) -> None:
        if descriptor is not None:
            made.add(DataElement(descriptor, "US", [256, 0, 16]))
        made.add(DataElement(tag, "OW", TOKEN.encode()))

    return partial(image, change)
