"""Quarantine: held files, what they show and what somebody decides; uploads that stopped half-way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Response

from imaging.domain.base import UploadKey
from imaging.domain.job import IngestWork, ReviewWork
from imaging.errors import InvalidInputError, NotFoundError
from imaging.preview import NOTHING, Look, describe_frames, show_frame
from imaging.project.project import Project
from viewer.api.shapes.envelope import Collection
from viewer.api.shapes.quarantine import (
    Decided,
    DecidedTogether,
    HeldShape,
    PreviewShape,
    RefusalSent,
    ReviewSent,
    StoppedShape,
)
from viewer.api.shapes.work import JobShape
from viewer.deps import LARGEST_ID, Entry, Id, Page
from viewer.pixels import Encoding, encode_picture

router = APIRouter(prefix="/api/project/{project}/quarantine", tags=["quarantine"])

Frame = Annotated[int, Query(ge=0, le=LARGEST_ID)]


@router.get(".json")
def list_held(project: Id, door: Entry, page: Page) -> Collection[HeldShape]:
    """List the held files: all for who decides on them, else those of one's own uploads."""
    return Collection[HeldShape].cut([HeldShape.of(file) for file in door.project(project).quarantine.held()], page)


@router.get("/{item}/preview.json")
def preview(project: Id, item: Id, door: Entry) -> PreviewShape:
    """Tell how many frames a held file has: none where it shows nothing."""
    with _opened(door.project(project), item) as path:
        return PreviewShape.of(NOTHING if path is None else describe_frames(path))


@router.get("/{item}/frame.png", response_class=Response, responses={200: {"content": {"image/png": {}}}})
def show(project: Id, item: Id, door: Entry, frame: Frame = 0, look: Look = Look.RANGE) -> Response:
    """Draw one frame of a held file for whoever decides on it."""
    with _opened(door.project(project), item) as path:
        if path is None:
            raise NotFoundError("content of this quarantined file")
        picture = show_frame(path, frame, look)
    return Response(encode_picture(picture, Encoding.PNG), media_type=Encoding.PNG.media_type)


@router.post("/review.json")
def review(project: Id, sent: ReviewSent, door: Entry) -> JobShape:
    """Have images made of held files after all, painted over where asked."""
    if sent.accept is bool(sent.boxes or sent.find):
        raise InvalidInputError("accept the files as they are, or say what to paint over")
    work = ReviewWork(items=tuple(dict.fromkeys(sent.items)), boxes=sent.boxes, find=sent.find)
    return JobShape.of(door.project(project).jobs.submit(work))


@router.post("/refuse.json")
def refuse_together(project: Id, sent: RefusalSent, door: Entry) -> DecidedTogether:
    """Delete held files for good, all or none."""
    items = tuple(dict.fromkeys(sent.items))
    door.project(project).quarantine.refuse_together(items)
    return DecidedTogether(items=items, decision="refused")


@router.post("/{item}/refuse.json")
def refuse(project: Id, item: Id, door: Entry) -> Decided:
    """Delete a held file for good."""
    door.project(project).quarantine.refuse(item)
    return Decided(id=item, decision="refused")


@router.get("/uploads.json")
def list_stopped(project: Id, door: Entry, page: Page) -> Collection[StoppedShape]:
    """List uploads whose files wait while no job works on them: all for who decides on them, else one's own."""
    stopped = door.project(project).uploads.stopped()
    return Collection[StoppedShape].cut([StoppedShape.of(upload) for upload in stopped], page)


@router.post("/uploads/{upload}/resume.json")
def resume(project: Id, upload: Id, door: Entry) -> JobShape:
    """Have a stopped upload ingested after all."""
    opened = door.project(project)
    (stopped,) = opened.uploads.stopped(UploadKey(upload))
    return JobShape.of(opened.jobs.submit(IngestWork(upload=stopped.id)))


@router.post("/uploads/{upload}/discard.json")
def discard(project: Id, upload: Id, door: Entry) -> Decided:
    """Delete the files of a stopped upload for good."""
    door.project(project).uploads.discard(UploadKey(upload))
    return Decided(id=upload, decision="discarded")


@contextmanager
def _opened(project: Project, item: int) -> Iterator[Path | None]:
    with project.uploads.scratch() as scratch:
        yield project.quarantine.open(item, scratch)
