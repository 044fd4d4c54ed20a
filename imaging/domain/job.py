"""Background work as rows: claimed with a lease, retried, cancelled."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from imaging.domain.base import ImageKey, JobKey, ModelKey, ProjectKey, Record, UploadKey, UserKey
from imaging.domain.upload import Decision, PaintedBox


class JobState(Enum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)


class Device(Enum):
    """Where a model runs; `auto` takes CUDA when there is one."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Split(Enum):
    """How a dataset is divided for judging a model."""

    SUBJECT = "subject"
    NONE = "none"


class Task(Enum):
    """What a model learns."""

    SEGMENTATION = "segmentation"
    CLASSIFICATION = "classification"


class IngestWork(Record):
    """Turn an upload in quarantine into images."""

    kind: Literal["ingest"] = "ingest"
    upload: UploadKey


class ReviewWork(Record):
    """Turn held files into images after all.

    Attributes
    ----------
    boxes, find, boxes_cover
        What is done to each of them; see `Decision`.
    """

    kind: Literal["review"] = "review"
    items: tuple[int, ...] = Field(min_length=1)
    boxes: tuple[PaintedBox, ...] = ()
    find: bool = False
    boxes_cover: bool = False

    @property
    def decision(self) -> Decision:
        """What is done to each file."""
        return Decision(boxes=self.boxes, find=self.find, boxes_cover=self.boxes_cover)


class RepseudonymiseWork(Record):
    """Bring the headers of all images under the profile that the project has when the job runs."""

    kind: Literal["repseudonymise"] = "repseudonymise"


class ResampleWork(Record):
    """Make a regular image of one whose planes form no regular grid.

    Attributes
    ----------
    across_gaps
        Whether planes are made up where the source has none.
    """

    kind: Literal["resample"] = "resample"
    image: ImageKey
    across_gaps: bool = False


class PreprocessWork(Record):
    """Prepare images by a recipe, ahead of the training or prediction that uses it.

    Attributes
    ----------
    recipe
        As its TOML file has it; checked where the recipe is known.
    """

    kind: Literal["preprocess"] = "preprocess"
    images: tuple[ImageKey, ...] = Field(min_length=1)
    recipe: dict[str, JsonValue]


class TrainWork(Record):
    """Train a model on the project's reviewed annotations."""

    kind: Literal["train"] = "train"
    task: Task
    device: Device = Device.AUTO
    split: Split = Split.SUBJECT
    config: dict[str, JsonValue] = Field(default_factory=dict)


class PredictWork(Record):
    """Run a model over images and write its layer."""

    kind: Literal["predict"] = "predict"
    model: ModelKey
    images: tuple[ImageKey, ...]
    device: Device = Device.AUTO


Work = Annotated[
    IngestWork | ReviewWork | RepseudonymiseWork | ResampleWork | PreprocessWork | TrainWork | PredictWork,
    Field(discriminator="kind"),
]


class Job(Record):
    """One unit of background work; `progress` is 0-100; `message` and `reason` hold no personal data."""

    id: JobKey
    project: ProjectKey
    work: Work
    state: JobState
    progress: int = 0
    message: str = ""
    reason: str = ""
    result: JsonValue = None
    submitted_by: UserKey
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    attempts: int = 0
    cancel_requested: bool = False

    @property
    def kind(self) -> str:
        """The kind of work: ingest, review, repseudonymise, resample, preprocess, train or predict."""
        return self.work.kind
