"""Uploads: in one go as a form, or resumable as tus has it; and what became of each file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response

from imaging.domain.base import JobKey, UploadKey
from imaging.domain.job import IngestWork
from imaging.domain.upload import ArrivingFile
from imaging.errors import InvalidInputError
from imaging.project.project import Project
from viewer import tus
from viewer.api.shapes.envelope import Collection
from viewer.api.shapes.quarantine import Decided
from viewer.api.shapes.upload import ArrivingShape, OpenShape, OutcomeShape, Taken, Uploaded
from viewer.deps import Entry, Id, Page
from viewer.multipart import ANNOUNCED, FIELD, LARGEST_UPLOAD, Fetch, MultipartReader, Part
from viewer.streaming import read_body
from viewer.taking import take_form

router = APIRouter(prefix="/api/project/{project}/upload", tags=["upload"])

_BINARY = {"schema": {"type": "string", "format": "binary"}}
FILES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {FIELD: {"type": "array", "items": {"type": "string", "format": "binary"}}},
                    "required": [FIELD],
                }
            },
            tus.MEDIA_TYPE: _BINARY,
        },
    }
}
_PART: dict[str, Any] = {"requestBody": {"required": True, "content": {tus.MEDIA_TYPE: _BINARY}}}
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": {"type": "object", "additionalProperties": _BINARY["schema"]}}},
    }
}
_LOCATION = "/{upload}/file/{file}"
_CREATED: dict[int | str, dict[str, Any]] = {201: {"description": "a file is to be sent to the Location (tus)"}}


@router.post(".json", name="open_upload")
def open_upload(project: Id, door: Entry) -> OpenShape:
    """Open an upload: it takes files by tus until it is submitted."""
    resumable = door.project(project).resumable
    return OpenShape.of(resumable.get(resumable.open("page")))


@router.get(".json")
def list_open_uploads(project: Id, door: Entry, page: Page) -> Collection[OpenShape]:
    """List one's own uploads that take more files, oldest first."""
    return Collection[OpenShape].cut([OpenShape.of(one) for one in door.project(project).resumable.mine()], page)


@router.get("/{upload}.json")
def list_arriving(project: Id, upload: Id, door: Entry, page: Page) -> Collection[ArrivingShape]:
    """List what was announced to one's own open upload, and how much of it is here."""
    files = door.project(project).resumable.files(UploadKey(upload))
    return Collection[ArrivingShape].cut([ArrivingShape.of(file) for file in files], page)


@router.delete("/{upload}.json")
def abandon(project: Id, upload: Id, door: Entry) -> Decided:
    """Give up one's own open upload and delete its files."""
    door.project(project).uploads.abandon(UploadKey(upload))
    return Decided(id=upload, decision="abandoned")


@router.post("/{upload}/submit.json")
def submit(project: Id, upload: Id, door: Entry) -> Uploaded:
    """Have an open upload ingested once all its files are whole; asked again, it answers the same."""
    return _submit(door.project(project), UploadKey(upload))


@router.get("/{upload}/outcome.json")
def list_outcomes(project: Id, upload: Id, door: Entry, page: Page) -> Collection[OutcomeShape]:
    """List what became of each file, for whoever sent it or decides on held files."""
    found = door.project(project).outcomes.read(UploadKey(upload))
    return Collection[OutcomeShape].cut([OutcomeShape.of(outcome) for outcome in found], page)


@router.options("", response_class=Response, status_code=HTTPStatus.NO_CONTENT)
def describe(project: Id, door: Entry) -> Response:
    """Say what of tus is spoken here."""
    door.project(project)
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=tus.tell_support())


@router.post("", response_model=Uploaded, responses=_CREATED, openapi_extra=FILES, max_body_size=LARGEST_UPLOAD)
async def upload(project: Id, door: Entry, request: Request) -> Uploaded | Response:
    """Take files or archives into quarantine, encrypted as they arrive, and have them ingested; or announce one."""
    opened = await run_sync(door.project, project)
    if tus.MARK in request.headers:
        creation = tus.read_creation(request.headers)
        return await read_body(request, partial(_create, opened, creation), silence=tus.SILENCE_SECONDS)
    return await read_body(request, partial(_take, opened))


@router.post("/{upload}/file.json", openapi_extra=_FORM, max_body_size=LARGEST_UPLOAD)
async def add_files(project: Id, upload: Id, door: Entry, request: Request) -> Taken:
    """Take several small files into an open upload at once; sent again, those that are here are passed over."""
    opened = await run_sync(door.project, project)
    await run_sync(opened.resumable.require_open, UploadKey(upload))
    return await read_body(request, partial(_add, opened, UploadKey(upload)), silence=tus.SILENCE_SECONDS)


@router.head(_LOCATION, response_class=Response)
def show_arriving(project: Id, upload: Id, file: Id, door: Entry, request: Request) -> Response:
    """Say how much of a file is here (tus)."""
    opened = door.project(project)
    found = opened.resumable.file(UploadKey(upload), file)
    tus.check_version(request.headers)
    return Response(headers=tus.tell_file(found, _conclude(opened, found)))


@router.patch(
    _LOCATION,
    response_class=Response,
    status_code=HTTPStatus.NO_CONTENT,
    openapi_extra=_PART,
    max_body_size=LARGEST_UPLOAD,
)
async def receive(project: Id, upload: Id, file: Id, door: Entry, request: Request) -> Response:
    """Take more of a file, encrypted as it arrives (tus)."""
    opened = await run_sync(door.project, project)
    found = await run_sync(opened.resumable.file, UploadKey(upload), file)
    offset = tus.read_offset(request.headers, found)
    return await read_body(request, partial(_receive, opened, found, offset), silence=tus.SILENCE_SECONDS)


@router.delete(_LOCATION, response_class=Response, status_code=HTTPStatus.NO_CONTENT)
def remove(project: Id, upload: Id, file: Id, door: Entry, request: Request) -> Response:
    """Delete a file of an open upload (tus)."""
    opened, key = door.project(project), UploadKey(upload)
    opened.resumable.file(key, file)
    tus.check_version(request.headers)
    if opened.resumable.is_alone(key):
        opened.uploads.abandon(key)
    else:
        opened.resumable.remove(key, file)
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=tus.tell_done())


@router.post(_LOCATION, response_class=Response, openapi_extra=_PART, max_body_size=LARGEST_UPLOAD)
async def overridden(project: Id, upload: Id, file: Id, door: Entry, request: Request) -> Response:
    """Do what `X-HTTP-Method-Override` says, for senders whose network lets no other method through (tus)."""
    method = request.headers.get("x-http-method-override", "").upper()
    if method == "PATCH":
        return await receive(project, upload, file, door, request)
    acts: dict[str, Callable[..., Response]] = {"HEAD": show_arriving, "DELETE": remove}
    opened = await run_sync(door.project, project)
    await run_sync(opened.resumable.file, UploadKey(upload), file)
    if method not in acts:
        raise InvalidInputError("X-HTTP-Method-Override is HEAD, PATCH or DELETE")
    return await run_sync(acts[method], project, upload, file, door, request)


def _take(project: Project, content_type: str, fetch: Fetch) -> Uploaded:
    taken = take_form(project, content_type, fetch, source="page")
    return Uploaded(upload=taken.upload, job=taken.job, files=len(taken.files))


def _add(project: Project, upload: UploadKey, content_type: str, fetch: Fetch) -> Taken:
    files = 0
    for part in MultipartReader(content_type, fetch, ANNOUNCED).files():
        project.resumable.take(upload, tus.read_announcement(part.filename, part.field), part)
        files += 1
    return Taken(upload=upload, files=files)


def _create(project: Project, creation: tus.Creation, content_type: str, fetch: Fetch) -> Response:
    alone = creation.upload is None
    key = project.resumable.open("tus", alone=True) if creation.upload is None else creation.upload
    try:
        file = _announce(project, key, creation, fetch)
    except BaseException:
        if alone:
            # Its sender was never told where it is.
            project.uploads.abandon(key)
        raise
    location = f"/api/project/{project.id}/upload/{file.upload}/file/{file.id}"
    return Response(status_code=HTTPStatus.CREATED, headers=tus.tell_created(location, file, _conclude(project, file)))


def _announce(project: Project, upload: UploadKey, creation: tus.Creation, fetch: Fetch) -> ArrivingFile:
    stream = Part(creation.file.name, fetch)
    if creation.whole:
        return project.resumable.take(upload, creation.file, stream)
    file = project.resumable.announce(upload, creation.file)
    if creation.body and file.offset == 0:
        return project.resumable.receive(upload, file.id, 0, stream)
    return file


def _receive(project: Project, file: ArrivingFile, offset: int, content_type: str, fetch: Fetch) -> Response:
    found = project.resumable.receive(file.upload, file.id, offset, Part(file.name, fetch))
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=tus.tell_offset(found, _conclude(project, found)))


def _conclude(project: Project, file: ArrivingFile) -> JobKey | None:
    """Give the job that has a file; where the file is an upload of its own and whole, it gets one now."""
    if not file.whole:
        return None
    if project.resumable.is_alone(file.upload):
        return JobKey(_submit(project, file.upload).job)
    job = project.jobs.taking(file.upload)
    return None if job is None else job.id


def _submit(project: Project, upload: UploadKey) -> Uploaded:
    files = project.resumable.close(upload)
    job = project.jobs.taking(upload) or project.jobs.submit(IngestWork(upload=upload))
    return Uploaded(upload=upload, job=job.id, files=files)
