"""Cytomine's storages and uploads: everybody has one storage, and each file goes to the project that it is for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from anyio import sleep
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Query, Request, Response

from imaging.access import Action
from imaging.domain.base import ImageKey, JobKey, UploadKey
from imaging.domain.job import JobState
from imaging.domain.outcome import FileOutcome
from imaging.domain.received import ReceivedUpload
from imaging.errors import InvalidInputError, NoDownloadError, NotFoundError, StateError
from imaging.project.project import Project
from viewer.api.shapes.abstract import AbstractImageShape
from viewer.api.shapes.envelope import Collection, call_back
from viewer.api.shapes.image import ImageShape
from viewer.api.shapes.storage import SentFile, SentImage, StorageShape, UploadedFileChanged, UploadedFileShape
from viewer.api.upload import FILES
from viewer.deps import LARGEST_ID, Door, Entry, Id, Page, Site
from viewer.multipart import LARGEST_UPLOAD
from viewer.streaming import read_body
from viewer.taking import TakenForm, take_form

router = APIRouter(tags=["storage"])

PATIENCE = 10.0
"""Seconds after which a job that nobody has taken is not waited for: no worker runs, or all are busy."""

_LONGEST = 600.0
_PAUSE = 0.2
_Ids = Annotated[str | None, Query(pattern=r"^[0-9]{1,16}(,[0-9]{1,16})*$")]
_StorageId = Annotated[int | None, Query(ge=1, le=LARGEST_ID)]
_Words = Annotated[str, Query(max_length=65_536)]


@dataclass(frozen=True)
class Sending:
    """What the client says of the files that it sends; it says storage and project twice, for older servers.

    Attributes
    ----------
    keys, values
        Properties that the images are to have, each list joined by commas.
    sync
        Whether the answer may wait for the images.
    """

    storage: _StorageId = None
    id_storage: Annotated[_StorageId, Query(alias="idStorage")] = None
    projects: _Ids = None
    id_project: Annotated[_Ids, Query(alias="idProject")] = None
    keys: _Words = ""
    values: _Words = ""
    sync: bool = False

    def find_project(self) -> int:
        """Give the one project that the files are for."""
        named = {int(key) for ids in (self.projects, self.id_project) if ids for key in ids.split(",")}
        if len(named) != 1:
            raise InvalidInputError("name the one project that the files are for: idProject or projects")
        return named.pop()

    def require_storage(self, door: Door) -> None:
        """Refuse a storage that is not the caller's own."""
        for key in (self.storage, self.id_storage):
            if key is not None:
                _require_own(door, key)

    def properties(self) -> list[tuple[str, str]]:
        """Pair the keys with their values."""
        keys, values = (text.split(",") if text else [] for text in (self.keys, self.values))
        if len(keys) != len(values):
            raise InvalidInputError("keys and values are lists of the same length, joined by commas")
        return list(zip(keys, values, strict=True))


@router.get("/api/storage.json")
def list_storages(door: Entry, page: Page) -> Collection[StorageShape]:
    """List one's own storage."""
    return Collection[StorageShape].cut([StorageShape.of(door.user)], page)


@router.get("/api/storage/{storage}.json")
def show_storage(storage: Id, door: Entry) -> StorageShape:
    """Show one's own storage."""
    _require_own(door, storage)
    return StorageShape.of(door.user)


@router.post("/api/storage.json")
def add_storage(door: Entry) -> StorageShape:
    """Refuse: everybody has one storage, and files lie in the projects that they were sent to."""
    raise StateError("storage", "everybody has one already; files lie in the project that they were sent to")


@router.get("/api/uploadedfile.json")
def list_uploaded_files(
    door: Entry, page: Page, parent: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None
) -> Collection[UploadedFileShape]:
    """List the uploads of all projects of the caller: one's own, or all where one decides on held files."""
    found: list[tuple[Project, ReceivedUpload]] = []
    # No upload has a parent: what an archive holds is told as its outcomes.
    for record in door.workspace.projects_of(door.user.id) if parent is None else ():
        project = door.project(record.id)
        if project.may(Action.UPLOAD) or project.may(Action.DECIDE_QUARANTINE):
            found += [(project, upload) for upload in project.received.list()]
    found.sort(key=lambda pair: pair[1].id)
    cut = Collection[int].cut(range(len(found)), page)
    return Collection[UploadedFileShape].page([_shape(*found[place]) for place in cut.collection], cut.size, page)


@router.post("/api/uploadedfile.json")
def add_uploaded_file(door: Entry) -> UploadedFileShape:
    """Refuse: a file comes with its bytes."""
    raise InvalidInputError("a file comes with its bytes: send it to /upload")


@router.get("/api/uploadedfile/{upload}.json")
def show_uploaded_file(upload: Id, door: Entry) -> UploadedFileShape:
    """Show how far an upload is."""
    project = door.locate("upload", upload)
    return _shape(project, project.received.get(UploadKey(upload)))


@router.delete("/api/uploadedfile/{upload}.json")
def delete_uploaded_file(upload: Id, door: Entry) -> UploadedFileChanged:
    """Give up an upload of which nothing has become yet; needs the right to decide unless it takes files still."""
    project, key = door.locate("upload", upload), UploadKey(upload)
    received = project.received.get(key)
    if received.finished:
        raise StateError("upload", "its files are gone already; delete the images that it became")
    shape = _shape(project, received)
    if received.arriving and received.member == door.user.id:
        project.uploads.abandon(key)
    else:
        project.uploads.discard(key)
    callback = call_back("Delete", "UploadedFile", upload)
    return UploadedFileChanged(message="Uploaded file: Delete", callback=callback, uploadedfile=shape)


@router.get("/api/uploadedfile/{upload}/download", response_class=Response)
def download_uploaded_file(upload: Id, door: Entry) -> Response:
    """Refuse: what came in is pseudonymised and deleted, and what leaves a project leaves it by a release."""
    door.locate("upload", upload).received.get(UploadKey(upload))
    raise NoDownloadError


@router.post("/upload", openapi_extra=FILES, max_body_size=LARGEST_UPLOAD)
async def send_files(
    door: Entry, request: Request, site: Site, sending: Annotated[Sending, Depends()]
) -> list[SentFile]:
    """Take files into quarantine as one upload, have them ingested, and tell what is known of each."""
    sending.require_storage(door)
    said = sending.properties()
    project = await run_sync(door.project, sending.find_project())
    taken = await read_body(request, partial(take_form, project, source="cytomine", said=said))
    if sending.sync:
        await _wait(project, taken.job, request)
    return await run_sync(_tell, project, taken, site)


async def _wait(project: Project, job: JobKey, request: Request) -> None:
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < _LONGEST and not await request.is_disconnected():
        state = (await run_sync(project.jobs.get, job)).state
        if state.final or (state is JobState.QUEUED and waited > PATIENCE):
            return
        await sleep(_PAUSE)


def _tell(project: Project, taken: TakenForm, site: str) -> list[SentFile]:
    received = project.received.get(taken.upload)
    shape = UploadedFileShape.of(received, project.id, [file.name for file in taken.files])
    made = _find_made(project, received, site)
    ours = _match(project, taken, received)
    return [
        SentFile(
            name=file.name,
            size=file.size,
            uploaded_file=shape,
            images=[made[key] for key in ours[number] if key in made],
        )
        for number, file in enumerate(taken.files)
    ]


def _find_made(project: Project, received: ReceivedUpload, site: str) -> dict[ImageKey, SentImage]:
    if not (received.images and project.may(Action.SEE_IMAGES)):
        return {}
    return {
        image.id: SentImage(
            image=AbstractImageShape.of(image, site=site, uploaded_file=received.id),
            image_instances=[ImageShape.of(image, site=site)],
        )
        for image in project.images.list()
        if image.id in received.images
    }


def _match(project: Project, taken: TakenForm, received: ReceivedUpload) -> list[list[ImageKey]]:
    """Give for each file the images that it, or what it holds as an archive, became or became part of."""
    if len(taken.files) == 1:
        return [list(received.images)]
    outcomes = [(one.name, one.image) for one in _outcomes(project, received) if one.image is not None]
    return [
        list(dict.fromkeys(image for name, image in outcomes if name == file.name or name.startswith(f"{file.name}/")))
        for file in taken.files
    ]


def _shape(project: Project, received: ReceivedUpload) -> UploadedFileShape:
    mine = received.member == project.member.user.id
    return UploadedFileShape.of(received, project.id, _names(project, received) if mine else ())


def _names(project: Project, received: ReceivedUpload) -> list[str]:
    if not received.finished:
        return project.received.names(received.id)
    return [outcome.name for outcome in _outcomes(project, received)]


def _outcomes(project: Project, received: ReceivedUpload) -> list[FileOutcome]:
    try:
        return project.outcomes.read(received.id)
    except NotFoundError:
        # Its job has not ended, or so long ago that names are forgotten.
        return []


def _require_own(door: Door, storage: int) -> None:
    if storage != door.user.id:
        raise NotFoundError("storage", storage)
