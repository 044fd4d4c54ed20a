"""Rows of jobs: claimed with a lease, taken up again when the lease runs out."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import BigInteger, ColumnElement, RowMapping, and_, cast, insert, or_, select, update

from imaging.domain.base import JobKey, ProjectKey, UploadKey, UserKey
from imaging.domain.job import IngestWork, Job, JobState, Work
from imaging.store.database import Transaction
from imaging.store.schema import job

MOST_ATTEMPTS = 3
_WORK: TypeAdapter[Work] = TypeAdapter(Work)


def insert_job(transaction: Transaction, record: Job) -> None:
    """Add a job to the queue."""
    values = record.model_dump(exclude={"work", "state"}) | {"state": record.state.value, "kind": record.kind}
    values |= {"work": record.work.model_dump(mode="json"), "worker": "", "lease_seconds": 0.0}
    transaction.execute(insert(job).values(values))


def get_job(transaction: Transaction, key: JobKey, *, project: ProjectKey | None = None) -> Job | None:
    """Find by id, within a project where one is given."""
    statement = select(job).where(job.c.id == key)
    if project is not None:
        statement = statement.where(job.c.project == project)
    row = transaction.execute(statement).mappings().one_or_none()
    return None if row is None else _read(row)


def list_jobs(transaction: Transaction, project: ProjectKey) -> list[Job]:
    """The jobs of a project, newest first."""
    statement = select(job).where(job.c.project == project).order_by(job.c.id.desc())
    return [_read(row) for row in transaction.execute(statement).mappings()]


def any_unfinished(transaction: Transaction, project: ProjectKey, kinds: Collection[str]) -> bool:
    """Whether a job of one of these kinds waits or runs."""
    open_states = [state.value for state in JobState if not state.final]
    mine = select(job.c.id).where(job.c.project == project, job.c.kind.in_(sorted(kinds)))
    return transaction.execute(mine.where(job.c.state.in_(open_states)).limit(1)).first() is not None


def list_ingests(
    transaction: Transaction, project: ProjectKey, uploads: Collection[UploadKey] | None = None
) -> list[tuple[UploadKey, Job]]:
    """The jobs that take up these uploads, or any upload of the project, oldest first."""
    statement = select(job).where(job.c.project == project, job.c.kind == "ingest")
    if uploads is not None:
        # As a number in the widest type: SQLite gives the number itself, PostgreSQL its text.
        named = cast(job.c.work["upload"].as_string(), BigInteger)
        statement = statement.where(named.in_(uploads))
    found = (_read(row) for row in transaction.execute(statement.order_by(job.c.id)).mappings())
    return [(record.work.upload, record) for record in found if isinstance(record.work, IngestWork)]


def list_reviews(transaction: Transaction, project: ProjectKey) -> list[Job]:
    """The jobs that decide on held files and have not ended, oldest first."""
    open_states = [state.value for state in JobState if not state.final]
    statement = select(job).where(job.c.project == project, job.c.kind == "review", job.c.state.in_(open_states))
    return [_read(row) for row in transaction.execute(statement.order_by(job.c.id)).mappings()]


def list_attempts(transaction: Transaction, project: ProjectKey, key: JobKey) -> list[JobKey]:
    """This job, and the others that took up the same upload."""
    found = get_job(transaction, key, project=project)
    if found is None or not isinstance(found.work, IngestWork):
        return [key]
    return [record.id for _, record in list_ingests(transaction, project, [found.work.upload])]


def lock_job(transaction: Transaction, key: JobKey) -> tuple[Job, str, float] | None:
    """Find by id and hold the row; also gives the worker and the seconds of its lease."""
    row = transaction.execute(select(job).where(job.c.id == key).with_for_update()).mappings().one_or_none()
    return None if row is None else (_read(row), str(row["worker"]), float(row["lease_seconds"]))


def lock_next(transaction: Transaction, kinds: Collection[str], at: datetime) -> Job | None:
    """Take the oldest job that waits or whose worker went silent, passing over those that others are taking."""
    free = or_(job.c.state == JobState.QUEUED.value, _silent(at))
    statement = select(job).where(free)
    if kinds:
        statement = statement.where(job.c.kind.in_(sorted(kinds)))
    statement = statement.order_by(job.c.id).limit(1).with_for_update(skip_locked=True)
    row = transaction.execute(statement).mappings().one_or_none()
    return None if row is None else _read(row)


def take_job(transaction: Transaction, taken: Job, worker: str, lease_seconds: float, at: datetime) -> Job:
    """Give a job to a worker for the length of a lease."""
    record = taken.model_copy(
        update={
            "state": JobState.RUNNING,
            "attempts": taken.attempts + 1,
            "started": taken.started or at,
            "progress": 0,
            "message": "",
        }
    )
    _write(transaction, record, worker, at + timedelta(seconds=lease_seconds), lease_seconds)
    return record


def release_job(transaction: Transaction, taken: Job) -> None:
    """Let a job wait again; the attempt that was broken off on purpose does not count."""
    record = taken.model_copy(
        update={"state": JobState.QUEUED, "attempts": taken.attempts - 1, "progress": 0, "message": ""}
    )
    _write(transaction, record, "", None, 0.0)


def renew_job(transaction: Transaction, record: Job, lease_seconds: float, at: datetime) -> None:
    """Write progress and prolong the lease."""
    lease = {"lease_until": at + timedelta(seconds=lease_seconds)}
    values: dict[str, object] = {"progress": record.progress, "message": record.message, **lease}
    transaction.execute(update(job).where(job.c.id == record.id).values(values))


def end_job(
    transaction: Transaction, ended: Job, state: JobState, at: datetime, *, reason: str = "", result: JsonValue = None
) -> Job:
    """Write the final state and free the lease."""
    progress = 100 if state is JobState.SUCCEEDED else ended.progress
    facts = {"state": state, "finished": at, "reason": reason, "result": result, "progress": progress}
    record = ended.model_copy(update=facts)
    _write(transaction, record, "", None, 0.0)
    return record


def ask_to_stop(transaction: Transaction, key: JobKey) -> None:
    """Note that a running job is to be cancelled."""
    transaction.execute(update(job).where(job.c.id == key).values(cancel_requested=True))


def _silent(at: datetime) -> ColumnElement[bool]:
    return and_(job.c.state == JobState.RUNNING.value, job.c.lease_until < at)


def _write(
    transaction: Transaction, record: Job, worker: str, lease_until: datetime | None, lease_seconds: float
) -> None:
    values = record.model_dump(exclude={"id", "work", "state"}) | {"state": record.state.value}
    values |= {"worker": worker, "lease_until": lease_until, "lease_seconds": lease_seconds}
    transaction.execute(update(job).where(job.c.id == record.id).values(values))


def _read(row: RowMapping) -> Job:
    special = {"work", "state", "submitted_by"}
    values = {name: row[name] for name in Job.model_fields if name not in special}
    return Job(
        **values,
        work=_WORK.validate_python(row["work"]),
        state=JobState(row["state"]),
        submitted_by=UserKey(row["submitted_by"]),
    )
