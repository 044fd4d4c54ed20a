"""Jobs and models."""

from __future__ import annotations

from pydantic import Field, JsonValue

from imaging.domain.job import Device, IngestWork, Job, JobState, Split, Task
from imaging.domain.model import Model
from viewer.api.shapes.envelope import Sent, SentId, Shape, to_millis


class JobShape(Shape):
    """One unit of background work; `progress` is 0-100, `upload` what an ingest takes up."""

    id: int
    project: int
    kind: str
    state: JobState
    progress: int
    message: str
    reason: str
    result: JsonValue
    user: int
    upload: int | None
    created: str
    started: str | None
    finished: str | None

    @classmethod
    def of(cls, job: Job) -> JobShape:
        """Show a job."""
        return cls(
            id=job.id,
            project=job.project,
            kind=job.kind,
            state=job.state,
            progress=job.progress,
            message=job.message,
            reason=job.reason,
            result=job.result,
            user=job.submitted_by,
            upload=job.work.upload if isinstance(job.work, IngestWork) else None,
            created=to_millis(job.created),
            started=None if job.started is None else to_millis(job.started),
            finished=None if job.finished is None else to_millis(job.finished),
        )


class ModelShape(Shape):
    """A trained network and its card."""

    id: int
    project: int
    name: str
    version: str
    task: Task
    terms: list[int]
    sha256: str
    metrics: JsonValue
    card: JsonValue
    user: int
    created: str

    @classmethod
    def of(cls, model: Model) -> ModelShape:
        """Show a model."""
        return cls(
            id=model.id,
            project=model.project,
            name=model.name,
            version=model.version,
            task=model.task,
            terms=list(model.terms),
            sha256=model.sha256,
            metrics=model.metrics,
            card=model.card,
            user=model.created_by,
            created=to_millis(model.created),
        )


class TrainSent(Sent):
    """What to learn from the project's reviewed annotations."""

    task: Task
    device: Device = Device.AUTO
    split: Split = Split.SUBJECT
    config: dict[str, JsonValue] = Field(default={})


class ResampleSent(Sent):
    """Whether planes are made up where the image has none."""

    across_gaps: bool = False


class PredictSent(Sent):
    """Which model to run over which images."""

    model: SentId
    images: tuple[SentId, ...] = Field(min_length=1, max_length=100_000)
    device: Device = Device.AUTO
