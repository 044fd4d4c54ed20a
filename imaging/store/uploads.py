"""Rows of uploads, of their waiting files and of the files that are held."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import ColumnElement, RowMapping, Select, Subquery, Table, delete, func, insert, or_, select, update

from imaging.domain.base import ProjectKey, UploadKey, UserKey
from imaging.domain.outcome import Reason
from imaging.domain.upload import Decision
from imaging.store.arriving import announced_file
from imaging.store.database import Transaction, batches
from imaging.store.schema import account, held_file, upload, upload_file


@dataclass(frozen=True)
class UploadRow:
    """An upload; `secret` is its key, sealed."""

    id: UploadKey
    account: UserKey
    source: str
    secret: bytes
    created: datetime
    finished: datetime | None


@dataclass(frozen=True)
class WaitingRow:
    """A file that waits to be ingested; `name` is sealed."""

    id: int
    name: bytes
    size: int


@dataclass(frozen=True)
class StoppedRow:
    """An upload with files that wait: whose it is, how many there are and their size in bytes.

    `partial` counts files that were announced and have not arrived whole; their bytes are not in `size`.
    """

    id: UploadKey
    account: UserKey
    username: str
    source: str
    created: datetime
    files: int
    size: int
    partial: int


@dataclass(frozen=True)
class HeldRow:
    """A file that stays in quarantine; `name` is sealed."""

    id: int
    upload: UploadKey
    name: bytes
    reason: Reason
    detail: str
    size: int
    created: datetime
    digest: str = ""
    series: str = ""
    subject: str = ""
    decision: Decision | None = None


def insert_upload(transaction: Transaction, project: ProjectKey, row: UploadRow) -> None:
    """Add an empty upload."""
    transaction.execute(insert(upload).values(vars(row) | {"project": project}))


def get_upload(transaction: Transaction, project: ProjectKey, key: UploadKey) -> UploadRow | None:
    """Find by id within the project."""
    statement = select(upload).where(upload.c.id == key, upload.c.project == project)
    row = transaction.execute(statement).mappings().one_or_none()
    return None if row is None else _upload(row)


def list_uploads(
    transaction: Transaction, project: ProjectKey, *, user: UserKey | None = None, key: UploadKey | None = None
) -> list[UploadRow]:
    """Uploads of a project, oldest first; only of one uploader or one id, where given."""
    statement = select(upload).where(upload.c.project == project).order_by(upload.c.id)
    if user is not None:
        statement = statement.where(upload.c.account == user)
    if key is not None:
        statement = statement.where(upload.c.id == key)
    return [_upload(row) for row in transaction.execute(statement).mappings()]


def count_waiting(transaction: Transaction, project: ProjectKey) -> dict[UploadKey, tuple[int, int]]:
    """How many files of each upload wait, and their size in bytes."""
    here = _per_upload(upload_file, func.count(), func.sum(upload_file.c.size))
    statement = select(here).join(upload, upload.c.id == here.c.upload).where(upload.c.project == project)
    return {UploadKey(row.upload): (int(row.first), int(row.second)) for row in transaction.execute(statement)}


def finish_upload(transaction: Transaction, key: UploadKey, at: datetime) -> None:
    """Note that nothing more comes of an upload."""
    transaction.execute(update(upload).where(upload.c.id == key).values(finished=at))


def insert_waiting(transaction: Transaction, key: UploadKey, row: WaitingRow, at: datetime) -> None:
    """Add a file to an upload."""
    transaction.execute(insert(upload_file), vars(row) | {"upload": key, "created": at})


def list_waiting(transaction: Transaction, key: UploadKey) -> list[WaitingRow]:
    """The files of an upload in order of arrival."""
    statement = select(upload_file).where(upload_file.c.upload == key).order_by(upload_file.c.id)
    return [WaitingRow(row.id, bytes(row.name), row.size) for row in transaction.execute(statement)]


def delete_waiting(transaction: Transaction, key: UploadKey) -> None:
    """Forget the waiting files of an upload."""
    transaction.execute(delete(upload_file).where(upload_file.c.upload == key))


def list_stopped(
    transaction: Transaction, project: ProjectKey, *, user: UserKey | None = None, key: UploadKey | None = None
) -> list[StoppedRow]:
    """Uploads with files that wait or were announced, oldest first; only of one uploader or one id, where given."""
    here = _per_upload(upload_file, func.count(), func.sum(upload_file.c.size))
    announced = _per_upload(announced_file, func.count(), func.count(upload_file.c.id))
    statement = select(
        upload,
        account.c.username,
        func.coalesce(here.c.first, 0).label("files"),
        func.coalesce(here.c.second, 0).label("size"),
        (func.coalesce(announced.c.first, 0) - func.coalesce(announced.c.second, 0)).label("partial"),
    )
    statement = statement.join(account, account.c.id == upload.c.account)
    statement = statement.outerjoin(here, here.c.upload == upload.c.id)
    statement = statement.outerjoin(announced, announced.c.upload == upload.c.id)
    statement = statement.where(upload.c.project == project, or_(here.c.first > 0, announced.c.first > 0))
    if user is not None:
        statement = statement.where(upload.c.account == user)
    if key is not None:
        statement = statement.where(upload.c.id == key)
    return [_stopped(row) for row in transaction.execute(statement.order_by(upload.c.id)).mappings()]


def _per_upload(table: Table, first: ColumnElement[int], second: ColumnElement[int]) -> Subquery:
    statement = select(table.c.upload, first.label("first"), second.label("second")).select_from(table)
    if table is not upload_file:
        statement = statement.outerjoin(upload_file, upload_file.c.id == table.c.id)
    return statement.group_by(table.c.upload).subquery()


def insert_held(transaction: Transaction, project: ProjectKey, row: HeldRow) -> None:
    """Add a file that is held."""
    values = vars(row) | {"project": project, "reason": row.reason.value, "decision": _decision_values(row.decision)}
    transaction.execute(insert(held_file).values(values))


def set_decision(transaction: Transaction, key: int, decision: Decision | None) -> None:
    """Keep what was decided on a held file, or forget it."""
    transaction.execute(update(held_file).where(held_file.c.id == key).values(decision=_decision_values(decision)))


def set_reason(transaction: Transaction, key: int, reason: Reason, detail: str) -> None:
    """Hold a file for another reason."""
    transaction.execute(update(held_file).where(held_file.c.id == key).values(reason=reason.value, detail=detail))


def _decision_values(decision: Decision | None) -> JsonValue:
    return None if decision is None else decision.model_dump(mode="json")


def list_held(
    transaction: Transaction,
    project: ProjectKey,
    *,
    user: UserKey | None = None,
    upload: UploadKey | None = None,
    key: int | None = None,
) -> list[HeldRow]:
    """Held files of a project, oldest first; only those of one uploader, upload or id, where given."""
    statement = select(held_file).where(held_file.c.project == project).order_by(held_file.c.id)
    if user is not None:
        statement = statement.where(held_file.c.upload.in_(_uploads_of(user)))
    if upload is not None:
        statement = statement.where(held_file.c.upload == upload)
    if key is not None:
        statement = statement.where(held_file.c.id == key)
    return [_held(row) for row in transaction.execute(statement).mappings()]


def list_held_of(
    transaction: Transaction, project: ProjectKey, user: UserKey, digests: Collection[str]
) -> list[HeldRow]:
    """Held files of one uploader with one of these digests."""
    ours = select(held_file).where(held_file.c.project == project, held_file.c.upload.in_(_uploads_of(user)))
    found = [
        row
        for some in batches(sorted(digests))
        for row in transaction.execute(ours.where(held_file.c.digest.in_(some))).mappings()
    ]
    return sorted(map(_held, found), key=lambda row: row.id)


def list_held_for(transaction: Transaction, project: ProjectKey, reason: Reason) -> list[HeldRow]:
    """Files of a project that are held for one reason, oldest first."""
    statement = select(held_file).where(held_file.c.project == project, held_file.c.reason == reason.value)
    return [_held(row) for row in transaction.execute(statement.order_by(held_file.c.id)).mappings()]


def held_subjects(transaction: Transaction, project: ProjectKey) -> set[str]:
    """The subjects of whom files are held."""
    statement = select(held_file.c.subject).where(held_file.c.project == project, held_file.c.subject != "")
    return set(transaction.execute(statement.distinct()).scalars())


def _uploads_of(user: UserKey) -> Select[tuple[int]]:
    return select(upload.c.id).where(upload.c.account == user)


def delete_held(transaction: Transaction, key: int) -> None:
    """Remove a held file's row."""
    transaction.execute(delete(held_file).where(held_file.c.id == key))


def _upload(row: RowMapping) -> UploadRow:
    return UploadRow(
        id=UploadKey(row["id"]),
        account=UserKey(row["account"]),
        source=row["source"],
        secret=bytes(row["secret"]),
        created=row["created"],
        finished=row["finished"],
    )


def _stopped(row: RowMapping) -> StoppedRow:
    return StoppedRow(
        id=UploadKey(row["id"]),
        account=UserKey(row["account"]),
        username=row["username"],
        source=row["source"],
        created=row["created"],
        files=int(row["files"]),
        size=int(row["size"]),
        partial=int(row["partial"]),
    )


def _held(row: RowMapping) -> HeldRow:
    return HeldRow(
        id=row["id"],
        upload=UploadKey(row["upload"]),
        name=bytes(row["name"]),
        reason=Reason(row["reason"]),
        detail=row["detail"],
        size=row["size"],
        created=row["created"],
        digest=row["digest"],
        series=row["series"],
        subject=row["subject"],
        decision=None if row["decision"] is None else Decision.model_validate(row["decision"], strict=False),
    )
