"""Authorised byte ranges of an image's OME-Zarr."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from itertools import chain
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from imaging.domain.base import ImageKey, SegmentationKey
from imaging.errors import NotFoundError
from imaging.project.project import Project
from imaging.pyramid.objects import OBJECTS
from imaging.pyramid.shards import ShardName, find_shard
from viewer.deps import Entry, Id
from viewer.ranges import ByteRange, UnsatisfiableRangeError, parse_range
from viewer.reading import require_exact

router = APIRouter(prefix="/api", tags=["pixels"])

_ALLOWED = re.compile(
    r"(?P<array>(?:labels/(?:(?P<segmentation>[1-9]\d{0,15})/)?)?(?:(?P<level>\d{1,2})/)?)"
    r"(?:zarr\.json|(?P<shard>c(?:/\d{1,9}){1,8}))"
)
_BLOCK = 1 << 20
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


@router.get("/imageinstance/{image}/zarr/{path:path}", response_class=Response, responses={206: {}, 416: {}})
@router.head("/imageinstance/{image}/zarr/{path:path}", response_class=Response, include_in_schema=False)
def read_zarr(image: Id, path: str, door: Entry, request: Request) -> Response:
    """Send metadata or (parts of) shards; nothing else lies behind this route."""
    project = door.locate("image", image)
    require_exact(project)
    record = project.images.get(ImageKey(image))
    allowed = _ALLOWED.fullmatch(path)
    if allowed is None:
        raise NotFoundError("array")
    if path.startswith("labels/"):
        _require_segmentation(project, record.id, allowed["segmentation"])
    folder = project.images.path(record.id)
    if allowed["shard"] is not None:
        with suppress(_HereError):
            return _send_object(folder, allowed, request)
    file = open_beneath(folder, path)
    try:
        return _send(file, request)
    except BaseException:
        file.close()
        raise


def open_beneath(folder: Path, path: str) -> FileIO:
    """Open a regular file below a folder without following any link; NotFoundError where there is none."""
    *parents, name = path.split("/")
    # Without O_NONBLOCK a planted pipe would block the thread for good.
    steps = [*((parent, os.O_DIRECTORY) for parent in parents), (name, os.O_NONBLOCK)]
    try:
        opened = os.open(folder, _FLAGS | os.O_DIRECTORY)
        for step, flags in steps:
            opened = _descend(opened, step, flags)
    except OSError as error:
        raise NotFoundError("array") from error
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise NotFoundError("array")
    return FileIO(opened)


def _descend(folder: int, name: str, flags: int) -> int:
    try:
        return os.open(name, _FLAGS | flags, dir_fd=folder)
    finally:
        os.close(folder)


def _require_segmentation(project: Project, image: ImageKey, key: str | None) -> None:
    held = {segmentation.id for segmentation in project.segmentations.list(image)}
    if not held or (key is not None and SegmentationKey(int(key)) not in held):
        raise NotFoundError("segmentation")


class _HereError(Exception):
    """The shards of an array lie in its folder."""


def _send_object(folder: Path, allowed: re.Match[str], request: Request) -> Response:
    def read_place() -> bytes:
        try:
            file = open_beneath(folder, f"{allowed['array']}{OBJECTS}")
        except NotFoundError:
            raise _HereError from None
        with file:
            return file.read()

    key = allowed["segmentation"]
    asked = ShardName(None if key is None else SegmentationKey(int(key)), allowed["level"] or "", allowed["shard"])
    for last in (False, True):
        found = find_shard(folder, asked, read_place)
        answer = _Answer.to(request, found.size)
        if answer.part is None or request.method == "HEAD":
            return answer.without_content()
        blocks = found.stored.blocks(answer.part.start, answer.part.stop)
        try:
            # Before anything is sent: a store that does not answer is told as such.
            first = next(blocks, b"")
        except NotFoundError:
            # Replaced since it was found; what it was replaced by has another place.
            if last:
                raise
            continue
        if len(first) == answer.part.length:
            return answer.whole(first)
        return answer.streamed(chain([first], blocks))
    raise NotFoundError("array")


@dataclass(frozen=True)
class _Answer:
    """What is said of some bytes: `part` of them is sent; None where what is asked for lies outside."""

    status: int
    headers: dict[str, str]
    part: ByteRange | None
    media_type: str = "application/octet-stream"

    @classmethod
    def to(cls, request: Request, size: int) -> _Answer:
        """Decide what a request for something of this size gets."""
        headers = {"Accept-Ranges": "bytes"}
        try:
            asked = parse_range(request.headers.get("range"), size)
        except UnsatisfiableRangeError:
            return cls(416, headers | {"Content-Range": f"bytes */{size}"}, None)
        part = asked or ByteRange(0, size)
        if asked is not None:
            headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
        headers["Content-Length"] = str(part.length)
        media_type = "application/json" if request.url.path.endswith(".json") else cls.media_type
        return cls(200 if asked is None else 206, headers, part, media_type)

    def without_content(self) -> Response:
        """Answer HEAD, or a range that lies outside."""
        return Response(
            status_code=self.status,
            headers=self.headers,
            media_type=None if self.part is None else self.media_type,
        )

    def whole(self, content: bytes) -> Response:
        """Send all of it at once."""
        return Response(content, self.status, self.headers, self.media_type)

    def streamed(self, blocks: Iterator[bytes]) -> Response:
        """Send it block by block."""
        return StreamingResponse(blocks, self.status, self.headers, self.media_type)


def _send(file: FileIO, request: Request) -> Response:
    answer = _Answer.to(request, os.fstat(file.fileno()).st_size)
    part = answer.part
    if part is None or request.method == "HEAD":
        file.close()
        return answer.without_content()
    if part.length <= _BLOCK:
        with file:
            content = os.pread(file.fileno(), part.length, part.start)
        return answer.whole(content)
    return answer.streamed(_read_blocks(file, part))


def _read_blocks(file: FileIO, part: ByteRange) -> Iterator[bytes]:
    with file:
        for start in range(part.start, part.stop, _BLOCK):
            yield os.pread(file.fileno(), min(_BLOCK, part.stop - start), start)
