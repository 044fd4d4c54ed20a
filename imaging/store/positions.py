"""Rows of positions: where members were on images."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    Index,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    and_,
    delete,
    func,
    insert,
    select,
)

from imaging.domain.activity import ActivityFilter, Frequency, Look, Position, Stay
from imaging.domain.base import ImageKey, ProjectKey, UserKey
from imaging.domain.image import Axis
from imaging.store.columns import key_column, link_column
from imaging.store.database import Transaction
from imaging.store.moment import Moment
from imaging.store.schema import image, metadata

position = Table(
    "position",
    metadata,
    key_column(),
    link_column("project", "project", cascade=True),
    link_column("account", "account"),
    link_column("image", "image", cascade=True),
    Column("axis", String(1), nullable=False),
    Column("index", Integer, nullable=False),
    Column("t", Integer, nullable=False),
    Column("c", Integer, nullable=False),
    Column("wkt", Text, nullable=False),
    Column("zoom", Integer, nullable=False),
    Column("rotation", Float, nullable=False),
    Column("broadcast", Boolean, nullable=False),
    # Since the position before, where the member had not gone away in between; told once here rather than at each sum.
    Column("milliseconds", BigInteger, nullable=False),
    Column("created", Moment, nullable=False),
    Index(None, "image", "account", "created"),
    Index(None, "image", "created"),
    Index(None, "project", "created"),
    Index(None, "project", "account", "created"),
    Index(None, "created"),
)

_AWAY = timedelta(seconds=15)
"""Whoever sends no position for so long looks at something else."""

_LOOK = ("axis", "index", "t", "c", "wkt", "zoom", "rotation")


def insert_position(transaction: Transaction, record: Position, *, since: datetime | None) -> None:
    """Add a position; `since` is when the member was seen on the image before."""
    stayed = timedelta(0) if since is None else record.created - since
    lasted = stayed if timedelta(0) < stayed < _AWAY else timedelta(0)
    values = record.model_dump(exclude={"user", "axis"}) | {"account": record.user, "axis": record.axis.value}
    transaction.execute(insert(position).values(values | {"milliseconds": lasted // timedelta(milliseconds=1)}))


def delete_positions(transaction: Transaction, *, before: datetime) -> None:
    """Forget positions that are too old, in all projects."""
    transaction.execute(delete(position).where(position.c.created < before))


def find_last_position(transaction: Transaction, project: ProjectKey, wanted: ActivityFilter) -> Position | None:
    """The newest position that matches."""
    found = list_positions(transaction, project, wanted.model_copy(update={"offset": 0, "limit": 1}))
    return found[0] if found else None


def list_positions(transaction: Transaction, project: ProjectKey, wanted: ActivityFilter) -> list[Position]:
    """One page of those that match, newest first."""
    statement = select(position).where(_matching(project, wanted))
    statement = statement.order_by(position.c.created.desc(), position.c.id.desc())
    rows = transaction.execute(statement.offset(wanted.offset).limit(wanted.limit)).mappings()
    return [_record(row) for row in rows]


def count_positions(transaction: Transaction, project: ProjectKey, wanted: ActivityFilter) -> int:
    """Count all that match."""
    statement = select(func.count()).select_from(position).where(_matching(project, wanted))
    return int(transaction.execute(statement).scalar_one())


def list_frequencies(
    transaction: Transaction, project: ProjectKey, wanted: ActivityFilter
) -> tuple[list[Frequency], int]:
    """One page of what was looked at alike, most often first, with the count of all."""
    columns = [position.c[name] for name in ("image", *_LOOK)]
    count, first = func.count().label("count"), func.min(position.c.id)
    grouped = select(*columns, count).where(_matching(project, wanted)).group_by(*columns)
    total = transaction.execute(select(func.count()).select_from(grouped.subquery())).scalar_one()
    page = grouped.order_by(count.desc(), first).offset(wanted.offset).limit(wanted.limit)
    rows = transaction.execute(page).mappings()
    return [Frequency(image=ImageKey(row["image"]), look=_look(row), count=row["count"]) for row in rows], int(total)


def list_stays(
    transaction: Transaction, project: ProjectKey, *, after: datetime, image_key: ImageKey | None = None
) -> list[tuple[Stay, bool]]:
    """Where members are: each with the last position on each image since a moment, and whether it is broadcast."""
    here = position.c.project == project if image_key is None else position.c.image == image_key
    recent = (here, position.c.created >= after)
    newest = select(func.max(position.c.id)).where(*recent).group_by(position.c.account, position.c.image)
    statement = select(position, image.c.name).join(image, image.c.id == position.c.image)
    rows = transaction.execute(statement.where(position.c.id.in_(newest)).order_by(position.c.id.desc())).mappings()
    return [
        (
            Stay(
                user=row["account"],
                image=row["image"],
                image_name=row["name"],
                axis=Axis(row["axis"]),
                index=row["index"],
                t=row["t"],
                c=row["c"],
                at=row["created"],
            ),
            row["broadcast"],
        )
        for row in rows
    ]


def was_positioned(transaction: Transaction, project: ProjectKey, user: UserKey) -> bool:
    """Whether somebody was ever seen on an image of a project."""
    statement = select(position.c.id).where(position.c.project == project, position.c.account == user).limit(1)
    return transaction.execute(statement).first() is not None


def _matching(project: ProjectKey, wanted: ActivityFilter) -> ColumnElement[bool]:
    columns = position.c
    # Of one image its index serves; asked for both, SQLite would walk all positions of the project.
    wheres: list[ColumnElement[bool]] = [
        columns.project == project if wanted.image is None else columns.image == wanted.image
    ]
    if wanted.user is not None:
        wheres.append(columns.account == wanted.user)
    if wanted.place is not None:
        t, z, c = wanted.place
        wheres += [columns.axis == Axis.Z.value, columns.t == t, columns.index == z, columns.c == c]
    if wanted.broadcast is not None:
        wheres.append(columns.broadcast.is_(wanted.broadcast))
    if wanted.after is not None:
        wheres.append(columns.created >= wanted.after)
    if wanted.before is not None:
        wheres.append(columns.created < wanted.before)
    return and_(*wheres)


def _look(row: RowMapping) -> Look:
    return Look(**{name: row[name] for name in _LOOK} | {"axis": Axis(row["axis"])})


def _record(row: RowMapping) -> Position:
    values = {name: row[name] for name in Position.model_fields if name != "user"}
    return Position.model_validate(values | {"user": row["account"], "axis": Axis(row["axis"])})
