"""The worker: takes jobs from the table, one at a time, until it is told to stop."""

from __future__ import annotations

import logging
import os
import socket
import threading
from uuid import uuid4

from imaging.workspace import Workspace

from imaging.domain.job import JobState
from imaging.errors import ImagingError
from pipelines.jobs import LEASE_SECONDS, run_job

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5


def name_worker() -> str:
    """Name this process so that its leases can be told from any other's."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"


def work_once(workspace: Workspace, worker: str) -> JobState | None:
    """Claim one job and run it to a final state; None when nothing waits."""
    job = workspace.queue.claim(worker, lease_seconds=LEASE_SECONDS)
    if job is None:
        return None
    log.info("job started", extra={"job": job.id, "kind": job.kind})
    try:
        state = run_job(workspace, job, worker, lambda percent, message: None)
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
    worker = name_worker()
    while not stop.is_set():
        if parent is not None and os.getppid() != parent:
            log.info("the web process is gone, so is its worker")
            return
        if work_once(workspace, worker) is None:
            stop.wait(POLL_SECONDS)
