"""The job queue: leases, heartbeats, retries and cancelling."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import update

from imaging.domain.base import JobKey, ModelKey, UploadKey
from imaging.domain.image import Affine, ImageAttributes, ImageDraft
from imaging.domain.job import IngestWork, Job, JobState, PredictWork, RepseudonymiseWork, Task, TrainWork
from imaging.domain.model import ModelDraft
from imaging.domain.people import Role
from imaging.errors import ForbiddenError, NotFoundError, StateError
from imaging.project.project import Project
from imaging.store import schema
from imaging.store.database import Database, now
from imaging.workspace import Workspace

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
TRAIN = TrainWork(task=Task.SEGMENTATION, config={"epochs": 3})


@pytest.fixture
def database(workspace: Workspace):
    made = Database(workspace.settings.database_url)
    yield made
    made.close()


def let_the_lease_run_out(database: Database, job: Job) -> None:
    with database.write() as transaction:
        past = now() - timedelta(seconds=1)
        transaction.execute(update(schema.job).where(schema.job.c.id == job.id).values(lease_until=past))


def test_jobs_are_claimed_in_order_and_only_once(workspace: Workspace, project: Project) -> None:
    first, second = project.jobs.submit(TRAIN), project.jobs.submit(TRAIN)
    assert (first.state, first.work) == (JobState.QUEUED, TRAIN)
    claimed = [workspace.queue.claim(f"worker {n}", 60) for n in range(3)]
    assert [job and job.id for job in claimed] == [first.id, second.id, None]
    assert project.jobs.get(first.id).state is JobState.RUNNING
    assert project.jobs.list()[0].id == second.id


def test_a_worker_takes_only_the_kinds_it_knows(workspace: Workspace, project: Project) -> None:
    project.jobs.submit(TRAIN)
    assert workspace.queue.claim("worker", 60, ["ingest", "predict"]) is None
    assert workspace.queue.claim("worker", 60, ["train"])


def test_workers_at_once_never_take_the_same_job(workspace: Workspace, project: Project) -> None:
    submitted = [project.jobs.submit(TRAIN).id for _ in range(12)]
    taken: list[int] = []

    def work(name: str) -> None:
        while job := workspace.queue.claim(name, 60):
            taken.append(job.id)

    threads = [threading.Thread(target=work, args=(f"worker {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == submitted


def test_progress_shows_and_the_end_frees_the_job(workspace: Workspace, project: Project) -> None:
    job = project.jobs.submit(TRAIN)
    workspace.queue.claim("here", 60)
    assert workspace.queue.heartbeat(job.id, "here", 40, "epoch 2") is False
    shown = project.jobs.get(job.id)
    assert (shown.progress, shown.message, shown.attempts) == (40, "epoch 2", 1)
    ended = workspace.queue.finish(job.id, "here", JobState.SUCCEEDED, result={"dice": 0.9})
    assert ended == project.jobs.get(job.id)
    assert (ended.progress, ended.result, ended.finished is not None) == (100, {"dice": 0.9}, True)
    with pytest.raises(StateError):
        workspace.queue.heartbeat(job.id, "here", 50, "")
    assert workspace.queue.claim("here", 60) is None


def test_a_silent_workers_job_is_taken_up_and_the_silent_one_is_told(
    workspace: Workspace, project: Project, database: Database
) -> None:
    job = project.jobs.submit(TRAIN)
    workspace.queue.claim("first", 60)
    assert workspace.queue.claim("second", 60) is None
    let_the_lease_run_out(database, job)
    again = workspace.queue.claim("second", 60)
    assert again is not None
    assert (again.id, again.attempts) == (job.id, 2)
    with pytest.raises(StateError):
        workspace.queue.heartbeat(job.id, "first", 90, "")
    with pytest.raises(StateError):
        workspace.queue.finish(job.id, "first", JobState.SUCCEEDED)
    assert workspace.queue.heartbeat(job.id, "second", 10, "") is False


def test_a_heartbeat_prolongs_the_lease(workspace: Workspace, project: Project, database: Database) -> None:
    job = project.jobs.submit(TRAIN)
    workspace.queue.claim("first", 60)
    let_the_lease_run_out(database, job)
    workspace.queue.heartbeat(job.id, "first", 10, "")
    assert workspace.queue.claim("second", 60) is None
    let_the_lease_run_out(database, job)
    workspace.queue.heartbeat(job.id, "first", 10, "", lease_seconds=5)
    assert workspace.queue.claim("second", 60) is None


def test_a_job_fails_when_its_workers_went_silent_three_times(
    workspace: Workspace, project: Project, database: Database
) -> None:
    job, following = project.jobs.submit(TRAIN), project.jobs.submit(TRAIN)
    for _ in range(3):
        taken = workspace.queue.claim("worker", 60)
        assert taken is not None
        assert taken.id == job.id
        let_the_lease_run_out(database, job)
    after = workspace.queue.claim("worker", 60)
    assert after is not None
    assert after.id == following.id
    failed = project.jobs.get(job.id)
    assert (failed.state, failed.reason) == (JobState.FAILED, "the worker went silent 3 times")


def test_a_waiting_job_is_cancelled_at_once(workspace: Workspace, project: Project) -> None:
    job = project.jobs.submit(TRAIN)
    assert project.jobs.cancel(job.id).state is JobState.CANCELLED
    assert workspace.queue.claim("worker", 60) is None
    with pytest.raises(StateError):
        project.jobs.cancel(job.id)


def test_a_running_job_is_asked_to_stop(workspace: Workspace, project: Project, database: Database) -> None:
    job = project.jobs.submit(TRAIN)
    workspace.queue.claim("worker", 60)
    assert project.jobs.cancel(job.id).cancel_requested
    assert workspace.queue.heartbeat(job.id, "worker", 10, "") is True
    let_the_lease_run_out(database, job)
    assert workspace.queue.claim("another", 60) is None
    assert project.jobs.get(job.id).state is JobState.CANCELLED


def test_only_who_submitted_a_job_or_edits_the_project_cancels_it(workspace: Workspace, project: Project) -> None:
    scientist, _ = workspace.accounts.add("scientist")
    project.members.add(scientist.id, [Role.DATA_SCIENTIST])
    theirs = workspace.open(project.record.id, scientist.id)
    managers, own = project.jobs.submit(TRAIN), theirs.jobs.submit(TRAIN)
    with pytest.raises(ForbiddenError):
        theirs.jobs.cancel(managers.id)
    assert theirs.jobs.cancel(own.id).state is JobState.CANCELLED
    another = theirs.jobs.submit(TRAIN)
    assert project.jobs.cancel(another.id).state is JobState.CANCELLED


def test_work_that_names_what_is_not_there_is_refused(workspace: Workspace, project: Project) -> None:
    with pytest.raises(NotFoundError):
        project.jobs.submit(IngestWork(upload=UploadKey(999)))
    with pytest.raises(NotFoundError):
        project.jobs.submit(PredictWork(model=ModelKey(999), images=()))
    with pytest.raises(NotFoundError):
        project.jobs.get(JobKey(999))
    with pytest.raises(NotFoundError):
        workspace.queue.get(JobKey(999))
    other = workspace.create_project(project.member.user.id, "other")
    job = project.jobs.submit(TRAIN)
    with pytest.raises(NotFoundError):
        other.jobs.cancel(job.id)


def test_every_kind_of_work_survives_the_store(workspace: Workspace, project: Project) -> None:
    affine: Affine = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))
    attributes = ImageAttributes(axes="zyx", affine_lps=affine, spacing_mm=(1.0, 1.0, 1.0))
    draft = ImageDraft(name="p", subject="s", shape=(1, 2, 2), dtype="int16", attributes=attributes, sources=1)
    image = project.images.register(draft, lambda key: None)
    bundle = ModelDraft(name="m", task=Task.CLASSIFICATION, terms=(), sha256="0" * 64)
    model = project.models.register(bundle, lambda key: None)
    upload = project.uploads.create("page")
    predict = PredictWork(model=model.id, images=(image.id,))
    for work in (TRAIN, IngestWork(upload=upload), RepseudonymiseWork(), predict):
        job = project.jobs.submit(work)
        assert project.jobs.get(job.id).work == work
        assert workspace.queue.get(job.id) == project.jobs.get(job.id)


def test_starts_and_ends_are_in_the_journal(workspace: Workspace, project: Project) -> None:
    job = project.jobs.submit(TRAIN)
    workspace.queue.claim("here", 60)
    workspace.queue.heartbeat(job.id, "here", 50, "half")
    workspace.queue.finish(job.id, "here", JobState.FAILED, reason="no annotations")
    seen = [(event.action, event.key, event.job) for event in project.journal.list() if event.kind == "job"]
    assert seen == [("submit", job.id, None), ("start", job.id, job.id), ("end", job.id, job.id)]
