"""DICOMweb: instances come in by STOW-RS (PS3.18 10.5), into quarantine like any other upload."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse

from imaging.dicom.announced import ENOUGH, Announced, read_announced
from imaging.domain.base import UploadKey
from imaging.domain.job import IngestWork
from imaging.errors import InvalidInputError
from imaging.project.project import Project
from viewer.deps import Entry, Id
from viewer.multipart import INSTANCES, LARGEST_UPLOAD, Fetch, MultipartReader, Part
from viewer.streaming import read_body

router = APIRouter(prefix="/dicom-web/{project}", tags=["dicomweb"])

Study = Annotated[str, Path(pattern=r"^[0-9.]{1,64}$")]

_NOT_OF_STUDY = 0xA900
_NOT_UNDERSTOOD = 0xC000
"""Failure reasons (PS3.4 B.2.3)."""

_NOWHERE: dict[str, Any] = {"00081190": {"vr": "UR"}}
"""Nothing can be fetched by the UIDs that were sent: images have pseudonymous ones."""

_RELATED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {'multipart/related; type="application/dicom"': {"schema": {"type": "string", "format": "binary"}}},
    }
}


class DicomJson(JSONResponse):
    """A data set as DICOM JSON (PS3.18 Annex F)."""

    media_type = "application/dicom+json"


@dataclass
class _Stored:
    """What became of the parts of one request."""

    taken: list[Announced] = field(default_factory=list)
    refused: list[Announced] = field(default_factory=list)
    unknown: int = 0
    """Parts that are no instance: held, so that nothing is lost, and told as a failure."""

    def answer(self) -> DicomJson:
        """Give the store instances response module (PS3.18 I.2) with the status of PS3.18 10.5.3."""
        failed = [_item(instance, _NOT_OF_STUDY) for instance in self.refused]
        unknown = [{"00081197": _of("US", _NOT_UNDERSTOOD)}] * self.unknown
        sequences = {
            "00081199": [_item(instance) for instance in self.taken],
            "00081198": failed,
            "0008119A": unknown,
        }
        body = _NOWHERE | {tag: {"vr": "SQ", "Value": items} for tag, items in sequences.items() if items}
        if not self.taken:
            return DicomJson(body, HTTPStatus.CONFLICT)
        return DicomJson(body, HTTPStatus.ACCEPTED if failed or unknown else HTTPStatus.OK)


@router.post("/studies", response_class=DicomJson, openapi_extra=_RELATED, max_body_size=LARGEST_UPLOAD)
async def store(project: Id, door: Entry, request: Request) -> DicomJson:
    """Take instances into quarantine, encrypted as they arrive, and have them ingested."""
    return await _store(project, door, request, None)


@router.post("/studies/{study}", response_class=DicomJson, openapi_extra=_RELATED, max_body_size=LARGEST_UPLOAD)
async def store_study(project: Id, study: Study, door: Entry, request: Request) -> DicomJson:
    """As above; instances of another study are refused."""
    return await _store(project, door, request, study)


async def _store(project: int, door: Entry, request: Request, study: str | None) -> DicomJson:
    opened = await run_sync(door.project, project)
    return await read_body(request, partial(_take, opened, study))


def _take(project: Project, study: str | None, content_type: str, fetch: Fetch) -> DicomJson:
    reader = MultipartReader(content_type, fetch, INSTANCES)
    key = project.uploads.create("DICOMweb")
    stored = _Stored()
    with project.uploads.arriving(key):
        try:
            for part in reader.files():
                _take_part(project, key, part, study, stored)
            if not (stored.taken or stored.refused or stored.unknown):
                raise InvalidInputError("the request holds no instance")
        except BaseException:
            # What arrived is of no use without the rest; whoever sent it is told so and sends it again.
            project.uploads.finish(key)
            raise
        if stored.taken or stored.unknown:
            project.jobs.submit(IngestWork(upload=key))
        else:
            project.uploads.finish(key)
    return stored.answer()


def _take_part(project: Project, upload: UploadKey, part: Part, study: str | None, stored: _Stored) -> None:
    start = part.read(ENOUGH)
    announced = read_announced(start)
    if announced is not None and study is not None and announced.study not in (study, ""):
        stored.refused.append(announced)
        return
    project.uploads.add(upload, part.filename, part.again(start))
    if announced is None:
        stored.unknown += 1
    else:
        stored.taken.append(announced)


def _item(instance: Announced, reason: int | None = None) -> dict[str, Any]:
    item = {"00081150": _of("UI", instance.sop_class), "00081155": _of("UI", instance.instance)}
    return item | (_NOWHERE if reason is None else {"00081197": _of("US", reason)})


def _of(representation: str, value: str | int) -> dict[str, Any]:
    return {"vr": representation, "Value": [value]}
