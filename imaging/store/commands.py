"""Rows of commands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Index,
    RowMapping,
    String,
    Table,
    func,
    insert,
    select,
    update,
)

from imaging.domain.base import ProjectKey, UserKey
from imaging.domain.command import Command, Deed, Snapshot, Thing
from imaging.store.columns import key_column, link_column
from imaging.store.database import Transaction
from imaging.store.moment import Moment
from imaging.store.schema import metadata

command = Table(
    "command",
    metadata,
    key_column(),
    link_column("project", "project"),
    link_column("account", "account"),
    Column("deed", String(8), nullable=False),
    Column("thing", String(32), nullable=False),
    Column("key", BigInteger, nullable=False),
    # What was drawn on an image that is erased must not outlive it here.
    link_column("image", "image", optional=True, cascade=True),
    Column("before", JSON(none_as_null=True), nullable=True),
    Column("after", JSON(none_as_null=True), nullable=True),
    Column("batch", BigInteger, nullable=False),
    Column("created", Moment, nullable=False),
    Column("undone", Moment, nullable=True),
    Index(None, "project", "id"),
    Index(None, "account", "id"),
    Index(None, "batch"),
    Index(None, "image"),
)


def insert_commands(transaction: Transaction, records: Sequence[Command]) -> None:
    """Add commands."""
    if records:
        transaction.execute(insert(command), [_values(record) for record in records])


def get_command(transaction: Transaction, project: ProjectKey, key: int) -> Command | None:
    """Find by id within the project."""
    statement = select(command).where(command.c.id == key, command.c.project == project)
    row = transaction.execute(statement).mappings().one_or_none()
    return None if row is None else _record(row)


def list_batch(transaction: Transaction, project: ProjectKey, batch: int) -> list[Command]:
    """The commands of one request, in order."""
    statement = select(command).where(command.c.project == project, command.c.batch == batch)
    return [_record(row) for row in transaction.execute(statement.order_by(command.c.id)).mappings()]


def list_commands(
    transaction: Transaction,
    project: ProjectKey,
    *,
    user: UserKey | None = None,
    offset: int = 0,
    limit: int | None = None,
) -> tuple[list[Command], int]:
    """One page of the commands in a project, newest first, with the count of all."""
    wheres = [command.c.project == project, *([] if user is None else [command.c.account == user])]
    total = transaction.execute(select(func.count()).select_from(command).where(*wheres)).scalar_one()
    statement = select(command).where(*wheres).order_by(command.c.id.desc()).offset(offset).limit(limit)
    return [_record(row) for row in transaction.execute(statement).mappings()], int(total)


def find_latest(transaction: Transaction, project: ProjectKey, user: UserKey, thing: Thing, key: int) -> int | None:
    """Find a user's newest command on a thing."""
    wheres = (
        command.c.account == user,
        command.c.project == project,
        command.c.thing == thing.value,
        command.c.key == key,
    )
    statement = select(command.c.id).where(*wheres).order_by(command.c.id.desc()).limit(1)
    return transaction.execute(statement).scalar_one_or_none()


def find_last(transaction: Transaction, user: UserKey) -> tuple[ProjectKey, int] | None:
    """Find what a user did last, of what still stands, in whatever project."""
    statement = select(command.c.project, command.c.id).where(command.c.account == user, command.c.undone.is_(None))
    row = transaction.execute(statement.order_by(command.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else (ProjectKey(row[0]), int(row[1]))


def find_next(transaction: Transaction, user: UserKey) -> tuple[ProjectKey, int] | None:
    """Find what a user took back last, unless something was done since: the first after the last that stands."""
    last = find_last(transaction, user)
    statement = select(command.c.project, command.c.id).where(command.c.account == user, command.c.undone.is_not(None))
    if last is not None:
        statement = statement.where(command.c.id > last[1])
    row = transaction.execute(statement.order_by(command.c.id).limit(1)).one_or_none()
    return None if row is None else (ProjectKey(row[0]), int(row[1]))


def mark(transaction: Transaction, key: int, *, undone: datetime | None, after: Snapshot | None) -> None:
    """Note whether a command stands, and what it had made of its thing."""
    transaction.execute(update(command).where(command.c.id == key).values(undone=undone, after=after))


def _values(record: Command) -> dict[str, object]:
    values = record.model_dump(exclude={"user", "deed", "thing"})
    return values | {"account": record.user, "deed": record.deed.value, "thing": record.thing.value}


def _record(row: RowMapping) -> Command:
    values = dict(row)
    user = values.pop("account")
    return Command.model_validate(
        values | {"user": user, "deed": Deed(str(row["deed"])), "thing": Thing(str(row["thing"]))}
    )
