"""Run one job to its end: dispatch on the kind of work, heartbeat, progress, cancel."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from pydantic import JsonValue

from imaging.cli import Report
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
from imaging.domain.outcome import IngestReport
from imaging.errors import ImagingError
from imaging.project.project import Project
from imaging.workspace import Workspace

log = logging.getLogger(__name__)

Do = Callable[[Project, Work, Report], JsonValue]

LEASE_SECONDS = 60
"""A job whose worker has been silent for this long is taken up again by another."""

_BEAT_SECONDS = 0.5
"""Between two notes of progress within one step: each is a transaction, and often enough for who watches."""


class JobCancelledError(ImagingError):
    """Somebody asked for this job to stop."""

    exit_code = 3

    def __init__(self) -> None:
        super().__init__("cancelled")


class WorkerStoppedError(ImagingError):
    """This worker is told to end; another takes the job up again."""

    def __init__(self) -> None:
        super().__init__("the worker was stopped")


@dataclass(frozen=True)
class Runner:
    """Who runs a job, where its progress is drawn, and what tells it to stop."""

    worker: str
    draw: Report
    stop: threading.Event


class Pulse:
    """Keeps the lease of one job alive and carries its progress to the row.

    The work itself may be silent for minutes inside a library, so a thread of its own renews the lease.
    """

    def __init__(self, workspace: Workspace, job: Job, runner: Runner) -> None:
        self._workspace = workspace
        self._job = job
        self._runner = runner
        self._progress = 0
        self._message = ""
        self._cancelled = False
        self._beaten = 0.0
        self._ended = threading.Event()
        self._written = threading.Lock()

    def report(self, percent: int, message: str) -> None:
        """Record progress 0-100.

        Raises
        ------
        JobCancelledError, WorkerStoppedError, StateError
            The job is to stop, the worker is to stop, or another worker has the job now.
        """
        changed, another_step = percent != self._progress, message != self._message
        self._progress, self._message = percent, message
        self._runner.draw(percent, message)
        if self._runner.stop.is_set():
            raise WorkerStoppedError
        if another_step or (changed and time.monotonic() - self._beaten >= _BEAT_SECONDS):
            self._beat()
        if self._cancelled:
            raise JobCancelledError

    def _beat(self) -> None:
        with self._written:
            self._beaten = time.monotonic()
            asked = self._workspace.queue.heartbeat(self._job.id, self._runner.worker, self._progress, self._message)
        self._cancelled = self._cancelled or asked

    def _renew(self) -> None:
        while not self._ended.wait(LEASE_SECONDS / 4):
            try:
                self._beat()
            except Exception as error:  # a database that is away for a moment must not end the work
                log.warning("lease not renewed", extra={"job": self._job.id, "error": type(error).__name__})

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Renew the lease in the background while the block runs."""
        thread = threading.Thread(target=self._renew, name=f"job-{self._job.id}-pulse", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()


def run_work(project: Project, work: Work, report: Report) -> JsonValue:
    """Do the work of a job as the member who submitted it and return its result as JSON.

    The heavy libraries are imported by the kind of work that needs them, so that a worker that only ingests
    never loads torch.
    """
    match work:
        case IngestWork():
            from pipelines.ingest import ingest_upload

            return without_names(ingest_upload(project, work, report))
        case ReviewWork():
            from pipelines.review import review

            return [outcome.model_dump(mode="json") for outcome in review(project, work, report)]
        case RepseudonymiseWork():
            from pipelines.repseudonymise import repseudonymise_project

            return repseudonymise_project(project, report).model_dump(mode="json")
        case ResampleWork():
            from pipelines.resample import resample_image

            return resample_image(project, work, report).model_dump(mode="json")
        case PreprocessWork():
            from pipelines.preprocess import preprocess
            from pipelines.preprocessing import check_recipe

            return preprocess(project, check_recipe(work.recipe), work.images, report).model_dump(mode="json")
        case TrainWork():
            from pipelines.train import train

            return train(project, work, report).model_dump(mode="json")
        case PredictWork():
            from pipelines.predict import predict

            return predict(project, work, report).model_dump(mode="json")


def without_names(made: IngestReport) -> JsonValue:
    """Give a report as a job may keep it: the names of files lie in quarantine only, encrypted."""
    return made.model_dump(
        mode="json",
        exclude={
            "images": {"__all__": {"inputs", "path"}},
            "documents": {"__all__": {"name"}},
            "quarantined": {"__all__": {"name"}},
            "duplicate_inputs": True,
        },
    )


def run_job(workspace: Workspace, job: Job, runner: Runner, do: Do = run_work) -> JobState:
    """Run a claimed job to a final state, or give it back when the worker is stopped; rights are checked again.

    Raises
    ------
    ImagingError
        What the work refused at, after the row says so; the worker logs it, the command line prints it.
    """
    pulse = Pulse(workspace, job, runner)
    try:
        with pulse.beating():
            project = workspace.open(job.project, job.submitted_by, job=job.id)
            result = do(project, job.work, pulse.report)
    except JobCancelledError:
        workspace.queue.finish(job.id, runner.worker, JobState.CANCELLED, reason="cancelled")
        return JobState.CANCELLED
    except WorkerStoppedError:
        workspace.queue.release(job.id, runner.worker)
        return JobState.QUEUED
    except ImagingError as error:
        workspace.queue.finish(job.id, runner.worker, JobState.FAILED, reason=str(error))
        raise
    except KeyboardInterrupt:
        workspace.queue.finish(job.id, runner.worker, JobState.CANCELLED, reason="stopped by hand")
        raise
    except BaseException as error:
        # A foreign message may quote file content; its type is all that may be kept.
        workspace.queue.finish(job.id, runner.worker, JobState.FAILED, reason=f"unexpected {type(error).__name__}")
        raise
    workspace.queue.finish(job.id, runner.worker, JobState.SUCCEEDED, result=result)
    return JobState.SUCCEEDED


def run_here(workspace: Workspace, project: Project, work: Work, draw: Report, do: Do = run_work) -> Job:
    """Submit work and run it to its end in this process, as the command line does; returns the ended job.

    Raises
    ------
    ImagingError
        What the work refused at.
    JobCancelledError
        Somebody cancelled the job meanwhile.
    """
    runner = Runner(name_worker(), draw, threading.Event())
    job = project.jobs.begin(work, runner.worker, LEASE_SECONDS)
    if run_job(workspace, job, runner, do) is JobState.CANCELLED:
        raise JobCancelledError
    return workspace.queue.get(job.id)


def name_worker() -> str:
    """Name this process so that its leases can be told from any other's."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
