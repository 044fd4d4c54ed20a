"""Run one job to its end: dispatch on the kind of work, heartbeat, progress, cancel."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from imaging.project.project import Project
from imaging.workspace import Workspace
from pydantic import JsonValue

from imaging.cli import Report
from imaging.domain.job import IngestWork, Job, JobState, PredictWork, TrainWork
from imaging.errors import ImagingError

log = logging.getLogger(__name__)

LEASE_SECONDS = 60
"""A job whose worker has been silent for this long is taken up again by another."""


class JobCancelledError(ImagingError):
    """Somebody asked for this job to stop."""

    def __init__(self) -> None:
        super().__init__("cancelled")


class Pulse:
    """Keeps the lease of one job alive and carries its progress to the row.

    The work itself may be silent for minutes inside a library, so a thread of its own renews the lease.
    """

    def __init__(self, workspace: Workspace, job: Job, worker: str, draw: Report) -> None:
        self._workspace = workspace
        self._job = job
        self._worker = worker
        self._draw = draw
        self._progress = 0
        self._message = ""
        self._cancelled = False
        self._ended = threading.Event()
        self._written = threading.Lock()

    def report(self, percent: int, message: str) -> None:
        """Record progress 0-100; raises JobCancelledError when the job is to stop."""
        changed = (percent, message) != (self._progress, self._message)
        self._progress, self._message = percent, message
        self._draw(percent, message)
        if changed:
            self._beat()
        if self._cancelled:
            raise JobCancelledError

    def _beat(self) -> None:
        with self._written:
            asked = self._workspace.queue.heartbeat(
                self._job.id, self._worker, progress=self._progress, message=self._message, lease_seconds=LEASE_SECONDS
            )
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


def run_work(project: Project, job: Job, report: Report) -> JsonValue:
    """Do the work of a job as the member who submitted it and return its result as JSON.

    The heavy libraries are imported by the kind of work that needs them, so that a worker that only ingests
    never loads torch.
    """
    match job.work:
        case IngestWork():
            from pipelines.ingest import ingest_upload

            return ingest_upload(project, job.work, report).model_dump(mode="json")
        case TrainWork():
            from pipelines.train import train

            return train(project, job.work, report).model_dump(mode="json")
        case PredictWork():
            from pipelines.predict import predict

            return predict(project, job.work, report).model_dump(mode="json")


def run_job(workspace: Workspace, job: Job, worker: str, draw: Report) -> JobState:
    """Run a claimed job to a final state; its rights are checked again as it starts.

    Raises
    ------
    ImagingError
        What the work refused at, after the row says so; the worker logs it, the command line prints it.
    """
    pulse = Pulse(workspace, job, worker, draw)
    try:
        with pulse.beating():
            project = workspace.open(job.project, job.submitted_by, job=job.id)
            result = run_work(project, job, pulse.report)
    except JobCancelledError:
        workspace.queue.finish(job.id, worker, JobState.CANCELLED, reason="cancelled")
        return JobState.CANCELLED
    except ImagingError as error:
        workspace.queue.finish(job.id, worker, JobState.FAILED, reason=str(error))
        raise
    except Exception as error:
        # A foreign message may quote file content; its type is all that may be kept.
        workspace.queue.finish(job.id, worker, JobState.FAILED, reason=f"unexpected {type(error).__name__}")
        raise
    workspace.queue.finish(job.id, worker, JobState.SUCCEEDED, result=result)
    return JobState.SUCCEEDED
