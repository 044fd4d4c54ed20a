"""Files beside projects, images and annotations, and what members say to each other about annotations."""

from __future__ import annotations

from functools import partial
from pathlib import PureWindowsPath
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response

from imaging.domain.base import AnnotationKey
from imaging.domain.command import Thing
from imaging.domain.remark import AttachedFile, Target
from imaging.errors import InvalidInputError
from imaging.project.attached_files import LARGEST
from imaging.project.project import Project
from viewer.api.changes import tell
from viewer.api.shapes.attached_file import (
    AttachedFileChanged,
    AttachedFileShape,
    CommentChanged,
    CommentSent,
    CommentShape,
)
from viewer.api.shapes.envelope import Collection
from viewer.api.targets import ClassName, enter_target
from viewer.deps import LARGEST_ID, Door, Entry, Id, Page
from viewer.multipart import FORM, Fetch, MultipartReader
from viewer.streaming import read_body

router = APIRouter(prefix="/api", tags=["attached file", "comment"])

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"files[]": {"type": "array", "items": _BINARY["schema"]}},
                    "required": ["files[]"],
                }
            }
        },
    }
}
_CONTENT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"application/octet-stream": _BINARY}}
}
_FORM_BYTES = 1 << 20
"""What a form takes beside its file."""

Ident = Annotated[int, Query(alias="domainIdent", ge=1, le=LARGEST_ID)]
Named = Annotated[str, Query(alias="domainClassName", max_length=128)]
_ITEM = "/attachedfile/{file}"


@router.post("/attachedfile.json", openapi_extra=_FILE, max_body_size=LARGEST + _FORM_BYTES)
async def attach_file(
    ident: Ident, class_name: Named, door: Entry, request: Request, filename: Annotated[str | None, Query()] = None
) -> AttachedFileShape:
    """Put a file beside a thing; as in Cytomine the answer is the file itself."""
    project, target = await run_sync(enter_target, door, class_name, ident)
    return AttachedFileShape.of(await read_body(request, partial(_attach, project, target, filename)))


def _attach(project: Project, target: Target, name: str | None, content_type: str, fetch: Fetch) -> AttachedFile:
    made = None
    for part in MultipartReader(content_type, fetch, FORM).files():
        if made is not None:
            project.attached_files.delete(made.id)
            raise InvalidInputError("one file at a time")
        # Cytomine's client sends the whole path, which is nobody's business.
        plain = PureWindowsPath(name or part.filename).name
        made = project.attached_files.add(target, plain, part)
    if made is None:
        raise InvalidInputError("the request holds no file in a field files[]")
    return made


@router.get("/domain/{class}/{ident}/attachedfile.json")
def list_attached_files(class_: ClassName, ident: Id, door: Entry, page: Page) -> Collection[AttachedFileShape]:
    """List the files beside a thing."""
    project, target = enter_target(door, class_, ident)
    shapes = [AttachedFileShape.of(one) for one in project.attached_files.list(target)]
    return Collection[AttachedFileShape].cut(shapes, page)


@router.get(f"{_ITEM}.json")
def show_attached_file(file: Id, door: Entry) -> AttachedFileShape:
    """Show what a file is."""
    return AttachedFileShape.of(door.locate("attached file", file).attached_files.get(file))


@router.get(f"{_ITEM}/download", responses=_CONTENT, response_class=Response)
def read_attached_file(file: Id, door: Entry) -> Response:
    """Send what is in a file, never as something that a browser would run."""
    content = door.locate("attached file", file).attached_files.read(file)
    headers = {"Content-Disposition": "attachment", "Cache-Control": "no-store"}
    return Response(content, headers=headers, media_type="application/octet-stream")


@router.delete(f"{_ITEM}.json")
def detach_file(file: Id, door: Entry) -> AttachedFileChanged:
    """Take a file away."""
    project = door.locate("attached file", file)
    gone = AttachedFileShape.of(project.attached_files.delete(file))
    return AttachedFileChanged(**tell(project, "Delete", Thing.ATTACHED_FILE, file), attachedfile=gone)


_COMMENTED = "/userannotation/{annotation}/comment"


def _commented(door: Door, annotation: int) -> tuple[Project, AnnotationKey]:
    return door.locate("annotation", annotation), AnnotationKey(annotation)


@router.get(f"{_COMMENTED}.json")
def list_comments(annotation: Id, door: Entry, page: Page) -> Collection[CommentShape]:
    """List what members said about an annotation."""
    project, key = _commented(door, annotation)
    return Collection[CommentShape].cut([CommentShape.of(one) for one in project.comments.list(key)], page)


@router.post(f"{_COMMENTED}.json")
def add_comment(annotation: Id, sent: CommentSent, door: Entry) -> CommentChanged:
    """Say something about an annotation."""
    project, key = _commented(door, annotation)
    made = project.comments.add(key, sent.comment, sent.users)
    return CommentChanged(**tell(project, "Add", Thing.COMMENT, made.id), sharedannotation=CommentShape.of(made))


@router.get(f"{_COMMENTED}/{{comment}}.json")
def show_comment(annotation: Id, comment: Id, door: Entry) -> CommentShape:
    """Show one comment."""
    project, key = _commented(door, annotation)
    return CommentShape.of(project.comments.get(key, comment))


@router.delete(f"{_COMMENTED}/{{comment}}.json")
def delete_comment(annotation: Id, comment: Id, door: Entry) -> CommentChanged:
    """Take a comment back."""
    project, key = _commented(door, annotation)
    gone = CommentShape.of(project.comments.delete(key, comment))
    return CommentChanged(**tell(project, "Delete", Thing.COMMENT, comment), sharedannotation=gone)
