"""The job queue as workers see it: claim with a lease, heartbeat, finish."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import JsonValue

from imaging.change import Change
from imaging.domain.base import JobKey, ProjectKey, UserKey
from imaging.domain.job import Job, JobState
from imaging.errors import NotFoundError, StateError
from imaging.store import events, jobs
from imaging.store.database import Database, Transaction, now


class Queue:
    """Hands jobs to workers; a job whose worker went silent is handed out again, three times at most."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, worker: str, lease_seconds: float, kinds: Collection[str] = ()) -> Job | None:
        """Take the oldest job of these kinds (all where none is named), or None when nothing waits."""
        while True:
            with self._database.write() as transaction:
                found = jobs.lock_next(transaction, kinds, now())
                if found is None:
                    return None
                change = _change(transaction, found)
                if not _give_up(change, found):
                    return take(change, found, worker, lease_seconds)

    def heartbeat(
        self, key: JobKey, worker: str, progress: int, message: str, *, lease_seconds: float | None = None
    ) -> bool:
        """Prolong the lease (by its first length, or a new one) and show progress; tells whether to stop.

        Raises
        ------
        StateError
            The job is no longer this worker's: its lease ran out and another took it.
        """
        with self._database.write() as transaction:
            held, first_length = _held(transaction, key, worker)
            shown = held.model_copy(update={"progress": max(0, min(100, progress)), "message": message})
            jobs.renew_job(transaction, shown, lease_seconds or first_length, now())
            return held.cancel_requested

    def release(self, key: JobKey, worker: str) -> None:
        """Put a running job back into the queue, as if it had not been taken: its worker is told to stop."""
        with self._database.write() as transaction:
            held, _ = _held(transaction, key, worker)
            jobs.release_job(transaction, held)
            _change(transaction, held).note("release", "job", key)

    def finish(self, key: JobKey, worker: str, state: JobState, *, reason: str = "", result: JsonValue = None) -> Job:
        """End a job for good; `reason` and `result` hold no personal data."""
        if not state.final:
            raise StateError("job", "can only be finished with a final state")
        with self._database.write() as transaction:
            held, _ = _held(transaction, key, worker)
            return _end(_change(transaction, held), held, state, reason=reason, result=result)

    def get(self, key: JobKey) -> Job:
        """Find by id, in any project."""
        with self._database.read() as transaction:
            found = jobs.get_job(transaction, key)
        if found is None:
            raise NotFoundError("job", key)
        return found

    def cancel(self, project: ProjectKey, key: JobKey, actor: UserKey) -> Job:
        """Stop a job of a project: at once where it waits, else by asking its worker."""
        with self._database.write() as transaction:
            found = jobs.lock_job(transaction, key)
            if found is None or found[0].project != project:
                raise NotFoundError("job", key)
            job = found[0]
            if job.state.final:
                raise StateError("job", f"is {job.state.value}")
            change = _change(transaction, job, actor)
            if job.state is JobState.QUEUED:
                return _end(change, job, JobState.CANCELLED)
            jobs.ask_to_stop(transaction, key)
            change.note("cancel", "job", key)
            return job.model_copy(update={"cancel_requested": True})


def take(change: Change, job: Job, worker: str, lease_seconds: float) -> Job:
    """Give a job to a worker within a change that holds its row."""
    taken = jobs.take_job(change.transaction, job, worker, lease_seconds, change.at)
    change.note("start", "job", job.id, {"attempt": taken.attempts})
    return taken


def _held(transaction: Transaction, key: JobKey, worker: str) -> tuple[Job, float]:
    found = jobs.lock_job(transaction, key)
    if found is None:
        raise NotFoundError("job", key)
    job, holder, lease_seconds = found
    if job.state is not JobState.RUNNING or holder != worker:
        raise StateError("job", "is no longer this worker's")
    return job, lease_seconds


def _change(transaction: Transaction, job: Job, actor: UserKey | None = None) -> Change:
    # The job row is locked before the chain, here and everywhere, so that two workers cannot wait for each other.
    head = events.lock_head(transaction, job.project)
    return Change(transaction, now(), job.project, actor, head, job.id)


def _give_up(change: Change, job: Job) -> bool:
    if job.state is JobState.QUEUED:
        return False
    if job.cancel_requested:
        _end(change, job, JobState.CANCELLED)
        return True
    if job.attempts >= jobs.MOST_ATTEMPTS:
        _end(change, job, JobState.FAILED, reason=f"the worker went silent {job.attempts} times")
        return True
    return False


def _end(change: Change, job: Job, state: JobState, *, reason: str = "", result: JsonValue = None) -> Job:
    ended = jobs.end_job(change.transaction, job, state, change.at, reason=reason, result=result)
    change.note("end", "job", job.id, {"state": state.value})
    return ended
