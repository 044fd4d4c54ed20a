"""The protocol of resumable uploads (tus 1.0.0, https://tus.io/protocols/resumable-upload): headers in, headers out.

Of its extensions: creation, creation-with-upload, termination. Nothing expires by itself, so that no expiry is told.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from imaging.domain.base import JobKey, UploadKey
from imaging.domain.upload import Announcement, ArrivingFile
from imaging.errors import InvalidInputError, TooLargeError
from imaging.project.resumable import LARGEST_FILE, LARGEST_PART
from viewer.deps import LARGEST_ID
from viewer.problem import RESUMABLE, MediaTypeError, ProtocolVersionError

EXTENSIONS = "creation,creation-with-upload,termination"
MEDIA_TYPE = "application/offset+octet-stream"
MARK = "tus-resumable"
"""The header by which a request is known to be of this protocol."""

SILENCE_SECONDS = 20.0
"""A sender from whom nothing comes for this long is taken for gone, so that it may go on over another connection."""

_UNNAMED = "file"


@dataclass(frozen=True)
class Creation:
    """What a request to create says.

    Attributes
    ----------
    upload
        The open upload that the file belongs to; None where it is an upload of its own.
    body
        Whether bytes of the file come with it.
    whole
        Whether all of them do, and are few enough to be taken at once.
    """

    file: Announcement
    upload: UploadKey | None
    body: bool
    whole: bool


def check_version(headers: Mapping[str, str]) -> None:
    """Refuse any other version of the protocol."""
    if headers.get(MARK) != RESUMABLE:
        raise ProtocolVersionError(RESUMABLE)


def read_creation(headers: Mapping[str, str]) -> Creation:
    """Read the headers of a request to create."""
    check_version(headers)
    length = _number(headers, "upload-length")
    if length > LARGEST_FILE:
        raise TooLargeError("file", LARGEST_FILE)
    told = headers.get("upload-metadata", "")
    said = _read_metadata(told)
    name = said.get("filename") or said.get("name") or _UNNAMED
    body = headers.get("content-type", "").partition(";")[0].strip() == MEDIA_TYPE
    sent = int(headers["content-length"]) if headers.get("content-length", "").isdecimal() else None
    if body and sent is not None and sent > length:
        raise TooLargeError("file", length)
    whole = length == 0 or (body and sent == length and length <= LARGEST_PART)
    return Creation(Announcement(name, length, told, said.get("token")), _read_upload(said), body, whole)


def read_offset(headers: Mapping[str, str], file: ArrivingFile) -> int:
    """Read where a sender goes on, and refuse what would be too long."""
    check_version(headers)
    if headers.get("content-type", "") != MEDIA_TYPE:
        raise MediaTypeError(MEDIA_TYPE)
    offset, sent = _number(headers, "upload-offset"), headers.get("content-length", "")
    if sent.isdecimal() and offset + int(sent) > file.length:
        raise TooLargeError("file", file.length)
    return offset


def read_announcement(name: str, told: str) -> Announcement:
    """Read what is said of a file that comes with others in one form; its `length` is said there too."""
    said = _read_metadata(told)
    return Announcement(name, _number(said, "length"), told, said.get("token"))


def tell_support() -> dict[str, str]:
    """Say what of the protocol is spoken here."""
    return {"Tus-Version": RESUMABLE, "Tus-Max-Size": str(LARGEST_FILE), "Tus-Extension": EXTENSIONS, **_mark()}


def tell_created(location: str, file: ArrivingFile, job: JobKey | None) -> dict[str, str]:
    """Say where a file is to be sent, and what of it is here."""
    return {"Location": location, **tell_offset(file, job)}


def tell_offset(file: ArrivingFile, job: JobKey | None) -> dict[str, str]:
    """Say what of a file is here, and which job has it."""
    told = {"Upload-Offset": str(file.offset), "X-Imaging-Upload": str(file.upload), **_mark()}
    return told if job is None else told | {"X-Imaging-Job": str(job)}


def tell_file(file: ArrivingFile, job: JobKey | None) -> dict[str, str]:
    """Say all that a sender must know to go on."""
    told = tell_offset(file, job) | {"Upload-Length": str(file.length), "Cache-Control": "no-store"}
    return told | {"Upload-Metadata": file.told} if file.told else told


def tell_done() -> dict[str, str]:
    """Say no more than by which version it was done."""
    return _mark()


def _mark() -> dict[str, str]:
    return {"Tus-Resumable": RESUMABLE}


def _number(headers: Mapping[str, str], name: str) -> int:
    text = headers.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise InvalidInputError(f"{name} must be a whole number of bytes")
    return int(text)


def _read_upload(said: Mapping[str, str]) -> UploadKey | None:
    text = said.get("upload")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and 0 < int(text) <= LARGEST_ID):
        raise InvalidInputError("the upload that a file belongs to is named by its id")
    return UploadKey(int(text))


def _read_metadata(text: str) -> dict[str, str]:
    """Take apart `key base64,key base64`; a key may have no value."""
    found = dict[str, str]()
    for pair in filter(None, (part.strip() for part in text.split(","))):
        key, _, value = pair.partition(" ")
        if not key.isascii():
            raise InvalidInputError("upload-metadata has a key that is not ASCII")
        try:
            found[key] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise InvalidInputError("upload-metadata is not base64 of UTF-8") from None
    return found
