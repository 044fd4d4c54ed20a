"""Background work: looking at it, stopping it, asking for it."""

from __future__ import annotations

from functools import partial
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request

from imaging.domain.base import ImageKey, JobKey, ModelKey, UploadKey
from imaging.domain.job import IngestWork, PredictWork, TrainWork
from imaging.errors import InvalidInputError
from imaging.project.project import Project
from viewer.api.shapes.envelope import Collection
from viewer.api.shapes.work import JobShape, ModelShape, PredictSent, TrainSent, Uploaded
from viewer.deps import Entry, Id, Page
from viewer.multipart import FIELD, FORM, LARGEST_UPLOAD, Fetch, MultipartReader
from viewer.streaming import read_body

router = APIRouter(prefix="/api", tags=["work"])

_MULTIPART: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {FIELD: {"type": "array", "items": {"type": "string", "format": "binary"}}},
                    "required": [FIELD],
                }
            }
        },
    }
}


@router.get("/project/{project}/job.json")
def list_jobs(project: Id, door: Entry, page: Page) -> Collection[JobShape]:
    """List the jobs of a project, newest first."""
    return Collection[JobShape].cut([JobShape.of(job) for job in door.project(project).jobs.list()], page)


@router.get("/job/{job}.json")
def show_job(job: Id, door: Entry) -> JobShape:
    """Show how far a job is."""
    return JobShape.of(door.locate("job", job).jobs.get(JobKey(job)))


@router.post("/job/{job}/cancel.json")
def cancel_job(job: Id, door: Entry) -> JobShape:
    """Ask a job to stop."""
    jobs = door.locate("job", job).jobs
    jobs.cancel(JobKey(job))
    return JobShape.of(jobs.get(JobKey(job)))


@router.get("/project/{project}/model.json")
def list_models(project: Id, door: Entry, page: Page) -> Collection[ModelShape]:
    """List the models of a project."""
    return Collection[ModelShape].cut([ModelShape.of(model) for model in door.project(project).models.list()], page)


@router.get("/model/{model}.json")
def show_model(model: Id, door: Entry) -> ModelShape:
    """Show a model with its card."""
    return ModelShape.of(door.locate("model", model).models.get(ModelKey(model)))


@router.post("/project/{project}/train.json")
def train(project: Id, sent: TrainSent, door: Entry) -> JobShape:
    """Train a model on the project's reviewed annotations."""
    work = TrainWork(task=sent.task, device=sent.device, split=sent.split, config=sent.config)
    return JobShape.of(door.project(project).jobs.submit(work))


@router.post("/project/{project}/predict.json")
def predict(project: Id, sent: PredictSent, door: Entry) -> JobShape:
    """Run a model over images; its answers become its layer."""
    images = tuple(ImageKey(key) for key in dict.fromkeys(sent.images))
    work = PredictWork(model=ModelKey(sent.model), images=images, device=sent.device)
    return JobShape.of(door.project(project).jobs.submit(work))


@router.post("/project/{project}/upload", openapi_extra=_MULTIPART, max_body_size=LARGEST_UPLOAD)
async def upload(project: Id, door: Entry, request: Request) -> Uploaded:
    """Take files or archives into quarantine, encrypted as they arrive, and have them ingested."""
    opened = await run_sync(door.project, project)
    return await read_body(request, partial(_take, opened))


def _take(project: Project, content_type: str, fetch: Fetch) -> Uploaded:
    reader = MultipartReader(content_type, fetch, FORM)
    key = project.uploads.create("page")
    with project.uploads.arriving(key):
        count = _take_files(project, key, reader)
        job = project.jobs.submit(IngestWork(upload=key))
    return Uploaded(upload=key, job=job.id, files=count)


def _take_files(project: Project, upload: UploadKey, reader: MultipartReader) -> int:
    count = 0
    try:
        for part in reader.files():
            project.uploads.add(upload, part.filename, part)
            count += 1
        if not count:
            raise InvalidInputError(f"the upload holds no file in a field {FIELD}")
    except BaseException:
        # What arrived is of no use without the rest; whoever sent it is told so and sends it again.
        project.uploads.finish(upload)
        raise
    return count
