"""Finds where the pixel element and its frames lie in a file, without reading pixels (PS3.5 A.4)."""

from __future__ import annotations

import struct
from typing import BinaryIO

from imaging.dicom.codecs import BIG_ENDIAN, DEFLATED, IMPLICIT, NATIVE
from imaging.dicom.instance import Fragment, PixelFormat, PixelSpan
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError

PIXELS = (0x7FE0, 0x0010)
ITEM = (0xFFFE, 0xE000)
DELIMITER = (0xFFFE, 0xE0DD)
UNDEFINED = 0xFFFFFFFF
_END_OF_IMAGE = b"\xff\xd9"


def locate_pixels(stream: BinaryIO, size: int, *, syntax: str, pixel_format: PixelFormat, frames: int) -> PixelSpan:
    """Measure the pixel element.

    Parameters
    ----------
    stream
        Standing at the tag of the pixel element.
    size
        Bytes in the stream.

    Raises
    ------
    RefusedFileError
        TRUNCATED when fewer bytes are there than rows × columns × samples × frames ask for.
    """
    tag, representation, length = _read_element(stream, syntax)
    if tag != PIXELS:
        raise RefusedFileError(Reason.UNSUPPORTED_SYNTAX, "floating-point pixels are not read yet")
    offset = stream.tell()
    if syntax in NATIVE:
        needed = (pixel_format.frame_bits * frames + 7) // 8
        if length == UNDEFINED:
            raise RefusedFileError(Reason.UNREADABLE, "native pixels of undefined length")
        # Some writers count the byte that makes a length even, and leave it out.
        if min(length, size - offset) < needed or length > size - offset + 1:
            raise RefusedFileError(Reason.TRUNCATED, "fewer pixel bytes than the header announces")
        if length - needed - needed % 2 >= needed / frames:
            # Of a lie about rows, columns or frames nobody would see that the rest is missing.
            raise RefusedFileError(Reason.UNREADABLE, "more pixels than the header announces")
        swapped = syntax == BIG_ENDIAN and representation == b"OW" and pixel_format.bits_allocated == 8
        return PixelSpan(offset, needed, deflated=syntax == DEFLATED, swapped=swapped)
    if length != UNDEFINED:
        raise RefusedFileError(Reason.UNREADABLE, "compressed pixels of defined length")
    fragments, table = _read_fragments(stream, size)
    return PixelSpan(offset, stream.tell() - offset, _group_fragments(stream, fragments, table, frames))


def _read_element(stream: BinaryIO, syntax: str) -> tuple[tuple[int, int], bytes, int]:
    order = ">" if syntax == BIG_ENDIAN else "<"
    try:
        tag: tuple[int, int] = struct.unpack(f"{order}HH", stream.read(4))
        if syntax == IMPLICIT:
            return tag, b"OW", int(struct.unpack("<L", stream.read(4))[0])
        representation, length = struct.unpack(f"{order}2sH", stream.read(4))
        if representation in (b"OB", b"OW", b"OF", b"OD", b"UN", b"OL", b"OV"):
            return tag, representation, int(struct.unpack(f"{order}L", stream.read(4))[0])
    except struct.error:
        raise RefusedFileError(Reason.TRUNCATED, "the file ends at its pixels") from None
    return tag, representation, int(length)


def _read_fragments(stream: BinaryIO, size: int) -> tuple[list[Fragment], list[int]]:
    """List the items of an encapsulated element; the first is the basic offset table."""
    fragments: list[Fragment] = []
    table: list[int] = []
    first = True
    while True:
        start = stream.read(8)
        if len(start) < 8:
            raise RefusedFileError(Reason.TRUNCATED, "the compressed pixels have no end")
        group, element, length = struct.unpack("<HHL", start)
        if (group, element) == DELIMITER:
            return fragments, table
        if (group, element) != ITEM:
            raise RefusedFileError(Reason.UNREADABLE, "the compressed pixels are not made of items")
        offset = stream.tell()
        if offset + length > size:
            raise RefusedFileError(Reason.TRUNCATED, "a compressed fragment ends early")
        if first:
            table = list(struct.unpack(f"<{length // 4}L", stream.read(length // 4 * 4)))
        else:
            fragments.append(Fragment(offset, length))
        first = False
        stream.seek(offset + length)


def _group_fragments(
    stream: BinaryIO, fragments: list[Fragment], table: list[int], frames: int
) -> tuple[tuple[Fragment, ...], ...]:
    if len(fragments) < frames:
        raise RefusedFileError(Reason.TRUNCATED, "fewer compressed frames than the header announces")
    if frames == 1:
        return (tuple(fragments),)
    if len(fragments) == frames:
        return tuple((fragment,) for fragment in fragments)
    grouped = _group_by_table(fragments, table) if len(table) == frames else _group_by_marker(stream, fragments)
    if len(grouped) != frames:
        raise RefusedFileError(Reason.UNREADABLE, "compressed fragments cannot be told apart into frames")
    return grouped


def _group_by_table(fragments: list[Fragment], table: list[int]) -> tuple[tuple[Fragment, ...], ...]:
    """Offsets count from the first byte of the first item after the table, item headers included."""
    origin = fragments[0].offset - 8
    starts = {origin + offset for offset in table}
    return _group_at(fragments, [fragment.offset - 8 in starts for fragment in fragments])


def _group_by_marker(stream: BinaryIO, fragments: list[Fragment]) -> tuple[tuple[Fragment, ...], ...]:
    begins = [True]
    for fragment in fragments[:-1]:
        stream.seek(fragment.offset + max(0, fragment.length - 10))
        begins.append(_END_OF_IMAGE in stream.read(min(10, fragment.length)))
    return _group_at(fragments, begins)


def _group_at(fragments: list[Fragment], begins: list[bool]) -> tuple[tuple[Fragment, ...], ...]:
    groups: list[list[Fragment]] = []
    for fragment, begin in zip(fragments, begins, strict=True):
        if begin or not groups:
            groups.append([])
        groups[-1].append(fragment)
    return tuple(tuple(group) for group in groups)
