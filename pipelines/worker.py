"""The worker: takes jobs from the table, one at a time, until it is told to stop."""

from __future__ import annotations

import logging
import os
import threading

from imaging.domain.job import JobState
from imaging.errors import ImagingError, UnavailableError
from imaging.workspace import Workspace
from pipelines.jobs import LEASE_SECONDS, Runner, name_worker, run_job

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5


def draw_nothing(percent: int, message: str) -> None:
    """Show progress nowhere: the job row has it."""


def work_once(workspace: Workspace, runner: Runner) -> JobState | None:
    """Claim one job and run it to its end; None when nothing waits."""
    job = workspace.queue.claim(runner.worker, LEASE_SECONDS)
    if job is None:
        return None
    log.info("job started", extra={"job": job.id, "kind": job.kind})
    try:
        state = run_job(workspace, job, runner)
    except ImagingError as error:
        log.warning("job refused: %s", error, extra={"job": job.id})
        return JobState.FAILED
    except Exception as error:
        log.error("job failed: unexpected %s", type(error).__name__, extra={"job": job.id})
        if os.environ.get("IMAGING_DEBUG"):
            log.exception("where it failed", extra={"job": job.id})
        return JobState.FAILED
    log.info("job ended", extra={"job": job.id, "state": state.value})
    return state


def work(workspace: Workspace, stop: threading.Event, *, parent: int | None = None) -> None:
    """Run jobs as they come until `stop` is set or the parent process is gone."""
    runner = Runner(name_worker(), draw_nothing, stop)
    while not stop.is_set():
        if parent is not None and os.getppid() != parent:
            log.info("the web process is gone, so is its worker")
            return
        try:
            waits = work_once(workspace, runner) is None
        except UnavailableError as error:  # a database that restarts must not end the workers of a team
            log.warning("no job taken: %s", error)
            waits = True
        if waits:
            stop.wait(POLL_SECONDS)
