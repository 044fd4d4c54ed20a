"""Authorised byte ranges of an image's OME-Zarr."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from imaging.domain.base import ImageKey, SegmentationKey
from imaging.errors import NotFoundError
from imaging.project.project import Project
from viewer.deps import Entry, Id
from viewer.ranges import ByteRange, UnsatisfiableRangeError, parse_range
from viewer.reading import require_exact

router = APIRouter(prefix="/api", tags=["pixels"])

_ALLOWED = re.compile(
    r"(?:labels/(?:(?P<segmentation>[1-9]\d{0,15})/)?)?(?:\d{1,2}/)?(?:zarr\.json|c(?:/\d{1,9}){1,8})"
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
    file = open_beneath(project.images.path(record.id), path)
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


def _send(file: FileIO, request: Request) -> Response:
    size = os.fstat(file.fileno()).st_size
    headers = {"Accept-Ranges": "bytes"}
    try:
        asked = parse_range(request.headers.get("range"), size)
    except UnsatisfiableRangeError:
        file.close()
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{size}"})
    part = asked or ByteRange(0, size)
    if asked is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    headers["Content-Length"] = str(part.length)
    status = 200 if asked is None else 206
    media_type = "application/json" if request.url.path.endswith(".json") else "application/octet-stream"
    if request.method == "HEAD":
        file.close()
        return Response(status_code=status, headers=headers, media_type=media_type)
    if part.length <= _BLOCK:
        with file:
            content = os.pread(file.fileno(), part.length, part.start)
        return Response(content, status, headers, media_type)
    return StreamingResponse(_read_blocks(file, part), status, headers, media_type)


def _read_blocks(file: FileIO, part: ByteRange) -> Iterator[bytes]:
    with file:
        for start in range(part.start, part.stop, _BLOCK):
            yield os.pread(file.fileno(), min(_BLOCK, part.stop - start), start)
