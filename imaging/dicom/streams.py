"""Takes out of compressed frames what is not picture: comments, application segments, boxes and tails.

Each format is walked by its own markers; a stream that does not follow them is refused rather than passed on.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping

from imaging.dicom.codecs import JPEG, RLE
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError

_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_ADOBE, _ADOBE_START = 0xEE, b"Adobe"
_SPIFF_COLOUR, _SPIFF_COLOUR_START = 0xE8, b"mrfx"
_COMMENT, _END, _SCAN, _LINES = 0xFE, 0xD9, 0xDA, 0xDC
_J2K_START, _J2K_SIZE = 0xFF4F, 0xFF51
_J2K_TILE, _J2K_DATA, _J2K_END, _J2K_COMMENT = 0xFF90, 0xFF93, 0xFFD9, 0xFF64
_J2K_NEEDED = frozenset(
    {_J2K_TILE, 0xFF50, 0xFF51, 0xFF52, 0xFF53, 0xFF59, 0xFF5C, 0xFF5D, 0xFF5E, 0xFF5F, 0xFF60, 0xFF61}
)
_J2K_POINTERS = frozenset({_J2K_COMMENT, 0xFF55, 0xFF57, 0xFF58, 0xFF63})
_BOX_START = b"\0\0\0\x0cjP  "
_RLE_HEADER = struct.Struct("<16L")


def clean_frame(syntax: str, frame: bytes, *, segment_bytes: int) -> bytes:
    """Give one compressed frame without anything that its decoder does not need.

    Parameters
    ----------
    syntax
        Transfer syntax UID.
    segment_bytes
        Rows × columns: what one RLE segment unpacks to.

    Raises
    ------
    RefusedFileError
        DECODE_FAILED: the stream does not follow its format.

    References
    ----------
    ITU-T T.81 annex B; T.87 annex C; T.800 annexes A and I; PS3.5 annex G
    """
    try:
        if syntax == RLE:
            return _clean_rle(frame, segment_bytes)
        return _CLEANERS[syntax](frame)
    except (KeyError, IndexError, struct.error):
        raise RefusedFileError(Reason.DECODE_FAILED, "a compressed frame does not follow its format") from None


def _clean_jpeg(frame: bytes) -> bytes:
    """Walk JPEG or JPEG-LS marker by marker; what comes after the end of the image goes."""
    if frame[:2] != b"\xff\xd8":
        raise IndexError
    kept = [b"\xff\xd8"]
    place = 2
    while True:
        marker, place = _next_marker(frame, place)
        if marker == _END:
            return b"".join([*kept, b"\xff\xd9"])
        length = struct.unpack_from(">H", frame, place)[0]
        segment = frame[place : place + length]
        if length < 2 or len(segment) < length:
            raise IndexError
        kept.append(_clean_segment(marker, segment))
        place += length
        if marker == _SCAN:
            after = _skip_scan(frame, place)
            kept.append(frame[place:after])
            place = after


def _next_marker(frame: bytes, place: int) -> tuple[int, int]:
    if frame[place] != 0xFF:
        raise IndexError
    while frame[place] == 0xFF:
        place += 1
    return frame[place], place + 1


def _clean_segment(marker: int, segment: bytes) -> bytes:
    """Drop comments and application segments; those that say how colours are coded are written anew."""
    if marker == 0xE0 and segment[2:7] == b"JFIF\0":
        return _JFIF
    if marker == _ADOBE and segment[2:7] == _ADOBE_START and len(segment) >= 14:
        return b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + segment[13:14]
    if marker == _SPIFF_COLOUR and segment[2:6] == _SPIFF_COLOUR_START and len(segment) >= 7:
        return b"\xff\xe8\x00\x07mrfx" + segment[6:7]
    if 0xE0 <= marker <= 0xEF or marker == _COMMENT:
        return b""
    if marker == _LINES and len(segment) != 4:
        raise IndexError
    return bytes((0xFF, marker)) + segment


def _skip_scan(frame: bytes, place: int) -> int:
    """Find the marker that ends the coded data: not a stuffed byte (JPEG-LS stuffs a bit) and not a restart."""
    while True:
        place = frame.find(b"\xff", place)
        if place < 0:
            raise IndexError
        following = frame[place + 1]
        if following < 0x80 or 0xD0 <= following <= 0xD7:
            place += 2
        elif following == 0xFF:
            place += 1
        else:
            return place


def _clean_j2k(frame: bytes) -> bytes:
    """Blank the comments of a JPEG 2000 or HTJ2K codestream in place, so that no length changes."""
    stream = bytearray(_unbox(frame))
    if struct.unpack_from(">HH", stream, 0) != (_J2K_START, _J2K_SIZE):
        raise IndexError
    place = _blank_comments(stream, 2)
    while struct.unpack_from(">H", stream, place)[0] == _J2K_TILE:
        length = struct.unpack_from(">L", stream, place + 6)[0]
        header_end = _blank_comments(stream, place)
        if length == 0:
            # The last tile-part runs to the end of the codestream; in coded data no marker can arise.
            return bytes(stream[: stream.index(b"\xff\xd9", header_end) + 2])
        if place + length > len(stream) or place + length < header_end:
            raise IndexError
        place += length
    if struct.unpack_from(">H", stream, place)[0] != _J2K_END:
        raise IndexError
    return bytes(stream[: place + 2])


def _blank_comments(stream: bytearray, place: int) -> int:
    """Walk the marker segments of a header; gives the place of the next tile-part, of data or of the end."""
    first = True
    while True:
        marker = struct.unpack_from(">H", stream, place)[0]
        if marker in (_J2K_DATA, _J2K_END) or (marker == _J2K_TILE and not first):
            return place
        length = struct.unpack_from(">H", stream, place + 2)[0]
        if marker not in _J2K_NEEDED | _J2K_POINTERS or length < 2 or place + 2 + length > len(stream):
            raise IndexError
        if marker in _J2K_POINTERS:
            # Pointers are for haste alone: they become empty comments, so that no length changes.
            stream[place : place + 2] = _J2K_COMMENT.to_bytes(2, "big")
            stream[place + 4 : place + 2 + length] = bytes(length - 2)
        place += 2 + length
        first = False


def _unbox(frame: bytes) -> bytes:
    """Take the codestream out of a JP2 file: DICOM asks for the bare one (PS3.5 A.4.4)."""
    if not frame.startswith(_BOX_START):
        return frame
    for kind, start, end in _boxes(frame):
        if kind == b"jp2c":
            return frame[start:end]
    raise IndexError


def _boxes(frame: bytes) -> Iterator[tuple[bytes, int, int]]:
    place = 0
    while place + 8 <= len(frame):
        length, kind = struct.unpack_from(">L4s", frame, place)
        header = 8
        if length == 1:
            length, header = struct.unpack_from(">Q", frame, place + 8)[0], 16
        end = len(frame) if length == 0 else place + length
        if end > len(frame) or end < place + header:
            raise IndexError
        yield kind, place + header, end
        place = end


def _clean_rle(frame: bytes, segment_bytes: int) -> bytes:
    """Lay the segments out anew, each cut where its last byte is unpacked; padding and gaps go."""
    count, *offsets = _RLE_HEADER.unpack_from(frame)
    if not 1 <= count <= 15:
        raise IndexError
    ends = [*offsets[1:count], len(frame)]
    segments = [_cut_packbits(frame[start:end], segment_bytes) for start, end in zip(offsets, ends, strict=False)]
    places, place = [], _RLE_HEADER.size
    for segment in segments:
        places.append(place)
        place += len(segment)
    header = _RLE_HEADER.pack(count, *places, *([0] * (15 - count)))
    return header + b"".join(segments)


def _cut_packbits(segment: bytes, unpacked: int) -> bytes:
    """Cut where the last byte is unpacked; a last run that is too long is shortened."""
    place, left, last = 0, unpacked, b""
    while left > 0:
        code = segment[place]
        count = code + 1 if code < 128 else 257 - code
        length = code + 2 if code < 128 else 2
        if code == 128:
            place += 1
            continue
        if count > left:
            run = segment[place + 1 : place + 1 + left] if code < 128 else segment[place + 1 : place + 2]
            last = bytes([left - 1 if code < 128 else 257 - left]) + run if left > 1 or code < 128 else b"\0" + run
            break
        left -= count
        place += length
    if place > len(segment):
        raise IndexError
    cut = segment[:place] + last
    return cut + b"\0" * (len(cut) % 2)


_CLEANERS: Mapping[str, Callable[[bytes], bytes]] = {
    **dict.fromkeys([JPEG + tail for tail in ("50", "51", "57", "70", "80", "81")], _clean_jpeg),
    **dict.fromkeys([JPEG + tail for tail in ("90", "91", "201", "202", "203")], _clean_j2k),
}
