"""Background work: looking at it, stopping it, asking for it."""

from __future__ import annotations

from fastapi import APIRouter

from imaging.domain.base import ImageKey, JobKey, ModelKey
from imaging.domain.job import PredictWork, ResampleWork, TrainWork
from viewer.api.shapes.envelope import Collection
from viewer.api.shapes.work import JobShape, ModelShape, PredictSent, ResampleSent, TrainSent
from viewer.deps import Entry, Id, Page

router = APIRouter(prefix="/api", tags=["work"])


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


@router.post("/imageinstance/{image}/resample.json")
def resample(image: Id, sent: ResampleSent, door: Entry) -> JobShape:
    """Make a regular image of one whose planes are tilted, uneven or missing; that one stays."""
    work = ResampleWork(image=ImageKey(image), across_gaps=sent.across_gaps)
    return JobShape.of(door.locate("image", image).jobs.submit(work))
