"""The jobs of a project as its members see them."""

from __future__ import annotations

from collections.abc import Collection

from imaging.access import Action
from imaging.change import Change
from imaging.domain.base import ImageKey, JobKey, UploadKey
from imaging.domain.job import (
    IngestWork,
    Job,
    JobState,
    PredictWork,
    PreprocessWork,
    RepseudonymiseWork,
    ResampleWork,
    ReviewWork,
    TrainWork,
    Work,
)
from imaging.errors import ForbiddenError, NotFoundError, StateError
from imaging.project.gate import Gate
from imaging.project.images import require_image
from imaging.project.quarantine import drop_decision
from imaging.project.uploads import close_upload
from imaging.queue import Queue, take
from imaging.store import jobs as rows
from imaging.store import models
from imaging.store.database import Transaction


class Jobs:
    """Jobs of one project."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def list(self) -> list[Job]:
        """All jobs, newest first."""
        with self._gate.read(Action.SEE_JOBS) as transaction:
            return rows.list_jobs(transaction, self._gate.project)

    def get(self, key: JobKey) -> Job:
        """Find by id."""
        with self._gate.read(Action.SEE_JOBS) as transaction:
            found = rows.get_job(transaction, key, project=self._gate.project)
        if found is None:
            raise NotFoundError("job", key)
        return found

    def taking(self, upload: UploadKey) -> Job | None:
        """Give the newest job that takes up an upload, where there is one."""
        with self._gate.read(Action.SEE_JOBS) as transaction:
            found = rows.list_ingests(transaction, self._gate.project, [upload])
        return found[-1][1] if found else None

    def submit(self, work: Work) -> Job:
        """Put work into the queue; it runs as this member."""
        with self._gate.change(required_action(work)) as change:
            return self._insert(change, work)

    def begin(self, work: Work, worker: str, lease_seconds: float) -> Job:
        """Submit work that this very process runs at once, so that no other worker can take it."""
        with self._gate.change(required_action(work)) as change:
            return take(change, self._insert(change, work), worker, lease_seconds)

    def _insert(self, change: Change, work: Work) -> Job:
        self._prepare(change, work)
        job = Job(
            id=JobKey(change.reserve()),
            project=self._gate.project,
            work=work,
            state=JobState.QUEUED,
            submitted_by=self._gate.user,
            created=change.at,
        )
        rows.insert_job(change.transaction, job)
        change.note("submit", "job", job.id, {"kind": job.kind})
        return job

    def cancel(self, key: JobKey) -> Job:
        """Stop a job; whoever submitted it may, and whoever edits the project."""
        job = self.get(key)
        if job.submitted_by != self._gate.user and not self._gate.may(Action.EDIT_PROJECT):
            raise ForbiddenError("cancel another member's job")
        return Queue(self._gate.database).cancel(self._gate.project, key, self._gate.user)

    def _require_undecided(self, transaction: Transaction, work: ReviewWork) -> None:
        """Refuse a second decision while the first is under way: which of them is carried out would be chance."""
        for job in rows.list_reviews(transaction, self._gate.project):
            if _names(job, work.items):
                raise StateError("quarantined file", f"is decided on by job {job.id}; wait for it, or cancel it")

    def _require_predictable(self, transaction: Transaction, work: PredictWork) -> None:
        if models.get_model(transaction, self._gate.project, work.model) is None:
            raise NotFoundError("model", work.model)
        self._require_images(transaction, work.images)

    def _require_images(self, transaction: Transaction, images: Collection[ImageKey]) -> None:
        for image in images:
            require_image(transaction, self._gate, image)

    def _prepare(self, change: Change, work: Work) -> None:
        """Refuse work on what is not there; a new decision on a held file ends an earlier one at once."""
        transaction = change.transaction
        match work:
            case IngestWork():
                close_upload(transaction, self._gate, work.upload)
            case PredictWork():
                self._require_predictable(transaction, work)
            case ReviewWork():
                self._require_undecided(transaction, work)
                for item in work.items:
                    drop_decision(change, self._gate, item)
            case ResampleWork():
                require_image(transaction, self._gate, work.image)
            case PreprocessWork():
                self._require_images(transaction, work.images)
            case RepseudonymiseWork() | TrainWork():
                pass


def _names(job: Job, items: Collection[int]) -> bool:
    return isinstance(job.work, ReviewWork) and not set(items).isdisjoint(job.work.items)


def required_action(work: Work) -> Action:
    """What a member must be allowed to do to submit this work, and again when it starts."""
    match work:
        case IngestWork():
            return Action.UPLOAD
        case ReviewWork():
            return Action.DECIDE_QUARANTINE
        case RepseudonymiseWork():
            return Action.EDIT_PROJECT
        case ResampleWork():
            return Action.EDIT_IMAGES
        case PreprocessWork() | TrainWork() | PredictWork():
            return Action.TRAIN
