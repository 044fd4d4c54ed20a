"""Jobs run as the member who submitted them, end in one final state, and are never lost with a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import JsonValue
from pydicom.data import get_testdata_file

from imaging.domain.base import UploadKey
from imaging.domain.job import IngestWork, Job, JobState, Work
from imaging.domain.people import Role
from imaging.errors import ForbiddenError, InvalidInputError, NotFoundError
from imaging.project.project import Project
from imaging.workspace import Workspace
from pipelines import jobs
from pipelines.jobs import JobCancelledError, Runner, run_here, run_job
from pipelines.worker import draw_nothing, work, work_once

LEASE = 60.0
Do = Callable[[Project, Work, Callable[[int, str], None]], JsonValue]


@pytest.fixture
def runner() -> Runner:
    return Runner("worker-1", draw_nothing, threading.Event())


@pytest.fixture
def upload(project: Project) -> UploadKey:
    """One CT slice that waits in quarantine."""
    key = project.uploads.create("page")
    with Path(str(get_testdata_file("CT_small.dcm"))).open("rb") as stream:
        project.uploads.add(key, "slice.dcm", stream)
    return key


def claim(workspace: Workspace, project: Project, upload: UploadKey) -> Job:
    project.jobs.submit(IngestWork(upload=upload))
    job = workspace.queue.claim("worker-1", LEASE)
    assert job is not None
    return job


def test_worker_turns_an_upload_into_an_image(
    workspace: Workspace, project: Project, upload: UploadKey, runner: Runner
) -> None:
    job = project.jobs.submit(IngestWork(upload=upload))
    assert work_once(workspace, runner) is JobState.SUCCEEDED
    ended = project.jobs.get(job.id)
    assert (ended.state, ended.progress, ended.attempts) == (JobState.SUCCEEDED, 100, 1)
    assert len(project.images.list()) == 1
    assert work_once(workspace, runner) is None


def test_result_of_an_ingest_keeps_no_file_name(
    workspace: Workspace, project: Project, upload: UploadKey, runner: Runner
) -> None:
    job = project.jobs.submit(IngestWork(upload=upload))
    work_once(workspace, runner)
    assert "slice" not in str(project.jobs.get(job.id).result)


def test_cancelled_job_ends_cancelled(
    workspace: Workspace, project: Project, upload: UploadKey, runner: Runner
) -> None:
    job = claim(workspace, project, upload)
    project.jobs.cancel(job.id)

    def do(project: Project, work: Work, report: Callable[[int, str], None]) -> JsonValue:
        report(10, "working")
        raise AssertionError("the report stops the work")

    assert run_job(workspace, job, runner, do) is JobState.CANCELLED
    assert project.jobs.get(job.id).state is JobState.CANCELLED


def test_progress_is_noted_at_each_step_and_within_one_now_and_then(
    workspace: Workspace, project: Project, upload: UploadKey, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_BEAT_SECONDS", 3600.0)
    job = claim(workspace, project, upload)
    seen = []

    def do(project: Project, work: Work, report: Callable[[int, str], None]) -> JsonValue:
        for percent, step in ((10, "looking"), (11, "looking"), (12, "looking"), (13, "writing"), (14, "writing")):
            report(percent, step)
            seen.append(project.jobs.get(job.id).progress)
        monkeypatch.setattr(jobs, "_BEAT_SECONDS", 0.0)
        report(15, "writing")
        seen.append(project.jobs.get(job.id).progress)
        return None

    run_job(workspace, job, runner, do)
    assert seen == [10, 10, 10, 13, 13, 15]


def test_stopped_worker_gives_its_job_back_uncounted(
    workspace: Workspace, project: Project, upload: UploadKey, runner: Runner
) -> None:
    job = claim(workspace, project, upload)
    runner.stop.set()
    assert run_job(workspace, job, runner) is JobState.QUEUED
    again = workspace.queue.claim("worker-2", LEASE)
    assert again is not None
    assert (again.id, again.attempts) == (job.id, 1)


def test_refusal_is_the_reason_of_the_failed_job(
    workspace: Workspace, project: Project, upload: UploadKey, runner: Runner
) -> None:
    job = claim(workspace, project, upload)

    def do(project: Project, work: Work, report: Callable[[int, str], None]) -> JsonValue:
        raise InvalidInputError("nothing to learn from")

    with pytest.raises(InvalidInputError):
        run_job(workspace, job, runner, do)
    ended = project.jobs.get(job.id)
    assert (ended.state, ended.reason) == (JobState.FAILED, "nothing to learn from")


def test_unexpected_error_leaves_only_its_type(
    workspace: Workspace, project: Project, upload: UploadKey, runner: Runner
) -> None:
    job = claim(workspace, project, upload)

    def do(project: Project, work: Work, report: Callable[[int, str], None]) -> JsonValue:
        raise ValueError("PHANTOM^SECRET")

    with pytest.raises(ValueError, match="PHANTOM"):
        run_job(workspace, job, runner, do)
    assert project.jobs.get(job.id).reason == "unexpected ValueError"


def test_rights_are_checked_again_when_the_job_starts(
    workspace: Workspace, project: Project, upload: UploadKey, runner: Runner
) -> None:
    other, _ = workspace.accounts.add("uploader", by=project.member.user.id)
    project.members.add(other.id, {Role.UPLOADER})
    theirs = workspace.open(project.record.id, other.id)
    key = theirs.uploads.create("page")
    job = theirs.jobs.submit(IngestWork(upload=key))
    project.members.remove(other.id)
    assert work_once(workspace, runner) is JobState.FAILED
    assert project.jobs.get(job.id).state is JobState.FAILED


def test_command_line_runs_its_own_job_and_no_worker_can_take_it(workspace: Workspace, project: Project) -> None:
    upload = project.uploads.create("command line")
    seen: list[Job | None] = []

    def do(project: Project, work: Work, report: Callable[[int, str], None]) -> JsonValue:
        seen.append(workspace.queue.claim("worker-2", LEASE))
        report(50, "half")
        return {"done": True}

    job = run_here(workspace, project, IngestWork(upload=upload), draw_nothing, do)
    assert seen == [None]
    assert (job.state, job.result) == (JobState.SUCCEEDED, {"done": True})


def test_command_line_tells_of_a_cancelled_job(workspace: Workspace, project: Project) -> None:
    upload = project.uploads.create("command line")

    def do(own: Project, work: Work, report: Callable[[int, str], None]) -> JsonValue:
        project.jobs.cancel(project.jobs.list()[0].id)
        report(50, "half")
        return None

    with pytest.raises(JobCancelledError) as refused:
        run_here(workspace, project, IngestWork(upload=upload), draw_nothing, do)
    assert refused.value.exit_code == 3


def test_reader_may_not_run_work(workspace: Workspace, project: Project, upload: UploadKey) -> None:
    other, _ = workspace.accounts.add("reader", by=project.member.user.id)
    project.members.add(other.id, {Role.READER})
    with pytest.raises((ForbiddenError, NotFoundError)):
        run_here(workspace, workspace.open(project.record.id, other.id), IngestWork(upload=upload), draw_nothing)


def test_worker_ends_when_its_parent_is_gone(workspace: Workspace) -> None:
    work(workspace, threading.Event(), parent=os.getppid() + 1)


def test_job_of_a_killed_worker_is_taken_up_again(
    workspace: Workspace, project: Project, upload: UploadKey, runner: Runner
) -> None:
    job = project.jobs.submit(IngestWork(upload=upload))
    code = (
        "import sys, time; from pathlib import Path; from imaging.settings import Settings;"
        "from imaging.workspace import Workspace; w = Workspace.at(Settings.read(Path(sys.argv[1]), {}));"
        "assert w.queue.claim('doomed', 0.2); print('claimed', flush=True); time.sleep(60)"
    )
    arguments = [sys.executable, "-c", code, str(workspace.settings.workspace)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as doomed:
        assert doomed.stdout is not None
        assert doomed.stdout.readline() == "claimed\n"
        doomed.send_signal(signal.SIGKILL)
    while (state := work_once(workspace, runner)) is None:
        time.sleep(0.05)
    assert state is JobState.SUCCEEDED
    ended = project.jobs.get(job.id)
    assert (ended.attempts, len(project.images.list())) == (2, 1)
