"""Tables and rows of uploads that stay open, and of the files that were announced to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    LargeBinary,
    RowMapping,
    String,
    Table,
    UniqueConstraint,
    delete,
    insert,
    select,
    update,
)

from imaging.domain.base import ProjectKey, UploadKey, UserKey
from imaging.store.database import Transaction
from imaging.store.moment import Moment
from imaging.store.schema import metadata, upload, upload_file

open_upload = Table(
    "open_upload",
    metadata,
    Column("upload", BigInteger, ForeignKey("upload.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("touched", Moment, nullable=False),
    Column("alone", Boolean, nullable=False),
)

# A file that has arrived whole has a row in `upload_file` too, under the same id.
announced_file = Table(
    "announced_file",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("upload", BigInteger, ForeignKey("upload.id", ondelete="CASCADE"), nullable=False),
    Column("name", LargeBinary, nullable=False),
    Column("length", BigInteger, nullable=False),
    Column("told", LargeBinary, nullable=False),
    Column("token", String(64), nullable=True),
    UniqueConstraint("upload", "token"),
)


@dataclass(frozen=True)
class AnnouncedRow:
    """A file that was announced; `name` and `told`, what its sender says of it, are sealed; `length` is in bytes."""

    id: int
    upload: UploadKey
    name: bytes
    length: int
    told: bytes
    token: str | None
    whole: bool = False


@dataclass(frozen=True)
class OpenRow:
    """An upload that takes more files; `touched` is when something of it came last."""

    upload: UploadKey
    created: datetime
    touched: datetime
    alone: bool


def insert_open(transaction: Transaction, key: UploadKey, at: datetime, *, alone: bool) -> None:
    """Let an upload take more files."""
    transaction.execute(insert(open_upload).values(upload=key, touched=at, alone=alone))


def get_open(transaction: Transaction, project: ProjectKey, key: UploadKey, user: UserKey) -> OpenRow | None:
    """Find a member's own open upload."""
    return next((row for row in list_open(transaction, project, user=user, key=key)), None)


def list_open(
    transaction: Transaction, project: ProjectKey, *, user: UserKey | None = None, key: UploadKey | None = None
) -> list[OpenRow]:
    """Open uploads, oldest first; only those of one uploader or one id, where given."""
    statement = select(open_upload, upload.c.created).join(upload, upload.c.id == open_upload.c.upload)
    statement = statement.where(upload.c.project == project)
    if user is not None:
        statement = statement.where(upload.c.account == user)
    if key is not None:
        statement = statement.where(upload.c.id == key)
    found = transaction.execute(statement.order_by(upload.c.id)).mappings()
    return [OpenRow(UploadKey(row["upload"]), row["created"], row["touched"], row["alone"]) for row in found]


def touch_open(transaction: Transaction, key: UploadKey, at: datetime) -> bool:
    """Note that something of an upload came; tells whether it is open still."""
    done = transaction.execute(update(open_upload).where(open_upload.c.upload == key).values(touched=at))
    return done.rowcount > 0


def delete_open(transaction: Transaction, key: UploadKey) -> None:
    """Let an upload take no more files."""
    transaction.execute(delete(open_upload).where(open_upload.c.upload == key))


def insert_announced(transaction: Transaction, row: AnnouncedRow) -> None:
    """Add a file that is to arrive."""
    values = {name: value for name, value in vars(row).items() if name != "whole"}
    transaction.execute(insert(announced_file).values(values))


def list_announced(
    transaction: Transaction, key: UploadKey, *, file: int | None = None, token: str | None = None
) -> list[AnnouncedRow]:
    """The announced files of an upload in order; only the one of this id or token, where given."""
    whole = (upload_file.c.id.is_not(None)).label("whole")
    statement = select(announced_file, whole).outerjoin(upload_file, upload_file.c.id == announced_file.c.id)
    statement = statement.where(announced_file.c.upload == key)
    if file is not None:
        statement = statement.where(announced_file.c.id == file)
    if token is not None:
        statement = statement.where(announced_file.c.token == token)
    return [_announced(row) for row in transaction.execute(statement.order_by(announced_file.c.id)).mappings()]


def delete_announced(transaction: Transaction, key: UploadKey) -> None:
    """Forget the announced files of an upload."""
    transaction.execute(delete(announced_file).where(announced_file.c.upload == key))


def delete_file(transaction: Transaction, file: int) -> None:
    """Forget one file that was announced, whole or not."""
    transaction.execute(delete(announced_file).where(announced_file.c.id == file))
    transaction.execute(delete(upload_file).where(upload_file.c.id == file))


def _announced(row: RowMapping) -> AnnouncedRow:
    return AnnouncedRow(
        id=row["id"],
        upload=UploadKey(row["upload"]),
        name=bytes(row["name"]),
        length=row["length"],
        told=bytes(row["told"]),
        token=row["token"],
        whole=bool(row["whole"]),
    )
