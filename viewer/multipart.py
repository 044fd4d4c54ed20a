"""Uploads read as they arrive: file by file, never a whole body in memory nor in a temporary file.

The framework's own form parser spools parts into unencrypted temporary files and stops at a thousand of them; a study
is larger, and what is uploaded may still name a person.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from typing_extensions import Buffer

from imaging.errors import InvalidInputError

FIELD = "files[]"
_BLOCK = 1 << 16

Fetch = Callable[[], bytes]
"""Gives the next bytes of the body; empty at its end."""


LARGEST_UPLOAD = 1 << 46
"""Practically no limit: what arrives is never held in memory, and ingestion has limits of its own."""


class Part(io.BufferedReader):
    """One uploaded file, readable once and in order; `field` is the name of the form's field that it came in."""

    def __init__(self, filename: str, pull: Fetch, field: str = "") -> None:
        super().__init__(_Arriving(pull), _BLOCK)
        self.filename = filename
        self.field = field

    def again(self, start: bytes) -> io.BufferedReader:
        """Give the whole file once more of which so much was read."""
        return io.BufferedReader(_Arriving(lambda: self.read(_BLOCK), start), _BLOCK)


class _Arriving(io.RawIOBase):
    def __init__(self, pull: Fetch, start: bytes = b"") -> None:
        super().__init__()
        self._pull = pull
        self._left = start
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        if not self._left and not self._ended:
            self._left = self._pull()
            self._ended = not self._left
        room = memoryview(buffer)
        count = min(len(room), len(self._left))
        room[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


@dataclass(frozen=True)
class Kind:
    """A kind of multipart body.

    Attributes
    ----------
    name
        Names a part by its headers and its number from 1; None for one that is no file.
    """

    media_type: str
    name: Callable[[Mapping[bytes, bytes], int], str | None]


class MultipartReader:
    """Pulls files out of a multipart body.

    Parameters
    ----------
    content_type
        Of the request, with its boundary.
    fetch
        Gives the next bytes of the body; empty at its end.
    kind
        What the body must be.
    """

    def __init__(self, content_type: str, fetch: Fetch, kind: Kind) -> None:
        media_type, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if media_type != kind.media_type.encode() or not boundary:
            raise InvalidInputError(f"files come as {kind.media_type}")
        self._fetch = fetch
        self._kind = kind
        self._events: deque[tuple[str, bytes]] = deque()
        self._ended = False
        self._count = 0
        self._header = b""
        self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._arrived: deque[Mapping[bytes, bytes]] = deque()
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._add_field,
                    "on_header_value": self._add_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": lambda data, start, stop: self._events.append(("data", data[start:stop])),
                    "on_part_end": lambda: self._events.append(("end", b"")),
                    "on_end": self._finish,
                },
            )
        except FormParserError as error:
            raise InvalidInputError("the boundary of the upload is too long") from error

    def files(self) -> Iterator[Part]:
        """Give the files one after the other; each must be read before the next is asked for."""
        while (event := self._next()) is not None:
            if event[0] != "part":
                continue
            self._count += 1
            headers = self._arrived.popleft()
            name = self._kind.name(headers, self._count)
            if name is not None:
                part = Part(name, self._pull, _field_of(headers))
                yield part
                while part.read(_BLOCK):
                    pass
        if not self._ended:
            raise InvalidInputError("the upload broke off")

    def _pull(self) -> bytes:
        while True:
            event = self._next()
            if event is None:
                raise InvalidInputError("the upload broke off")
            kind, data = event
            if kind == "end":
                return b""
            if data:
                return data

    def _next(self) -> tuple[str, bytes] | None:
        while not self._events:
            chunk = self._fetch()
            if not chunk:
                return None
            try:
                self._parser.write(chunk)
            except FormParserError as error:
                raise InvalidInputError("this is not a multipart body") from error
        return self._events.popleft()

    def _begin(self) -> None:
        self._header = self._value = b""
        self._headers = {}

    def _add_field(self, data: bytes, start: int, stop: int) -> None:
        self._header += data[start:stop]

    def _add_value(self, data: bytes, start: int, stop: int) -> None:
        self._value += data[start:stop]

    def _end_header(self) -> None:
        self._headers[self._header.lower()] = self._value
        self._header = self._value = b""

    def _end_headers(self) -> None:
        self._arrived.append(self._headers)
        self._events.append(("part", b""))

    def _finish(self) -> None:
        self._ended = True


def _name_field(headers: Mapping[bytes, bytes], number: int) -> str | None:
    return _name_any(headers, number) if _field_of(headers) in (FIELD, "files") else None


def _name_any(headers: Mapping[bytes, bytes], number: int) -> str | None:
    _, options = parse_options_header(headers.get(b"content-disposition"))
    name = options.get(b"filename")
    return None if name is None else name.decode("utf-8", "replace")


def _field_of(headers: Mapping[bytes, bytes]) -> str:
    _, options = parse_options_header(headers.get(b"content-disposition"))
    return options.get(b"name", b"").decode("utf-8", "replace")


def _name_instance(headers: Mapping[bytes, bytes], number: int) -> str:
    media_type, _ = parse_options_header(headers.get(b"content-type"))
    if media_type not in (b"", b"application/dicom"):
        raise InvalidInputError("each part is an instance, application/dicom")
    return f"{number:06d}.dcm"


FORM = Kind("multipart/form-data", _name_field)
"""What a page sends: files in the field `files[]`."""

ANNOUNCED = Kind("multipart/form-data", _name_any)
"""Several small files of an open upload; the name of each field says of its file what tus says in Upload-Metadata."""

INSTANCES = Kind("multipart/related", _name_instance)
"""What STOW-RS sends: DICOM instances without names (PS3.18 10.5)."""
