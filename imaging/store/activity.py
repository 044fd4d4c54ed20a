"""Rows of what members do: connections to projects, consultations of images, actions on annotations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    FromClause,
    Index,
    ScalarSelect,
    String,
    Subquery,
    Table,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
)

from imaging.domain.activity import (
    ActivityFilter,
    ActivityKind,
    AnnotationAction,
    Connection,
    Consultation,
    LastActivity,
)
from imaging.domain.base import ImageKey, ProjectKey, UserKey
from imaging.store.columns import key_column, link_column
from imaging.store.database import Transaction
from imaging.store.moment import Moment
from imaging.store.positions import position
from imaging.store.schema import annotation, image, metadata

activity = Table(
    "activity",
    metadata,
    key_column(),
    link_column("project", "project", cascade=True),
    link_column("account", "account"),
    Column("kind", String(16), nullable=False),
    link_column("image", "image", optional=True, cascade=True),
    # No foreign key: what was done with an annotation stays when it is deleted.
    Column("annotation", BigInteger, nullable=True),
    # No foreign key: slices have no rows.
    Column("slice", BigInteger, nullable=True),
    Column("word", String(64), nullable=False),
    Column("detail", JSON, nullable=False),
    Column("created", Moment, nullable=False),
    Index(None, "project", "kind", "account", "created"),
    Index(None, "image", "kind", "created"),
    Index(None, "created"),
)


def insert_connection(transaction: Transaction, record: Connection) -> None:
    """Add a connection."""
    detail = {"system": record.system, "browser": record.browser, "browser_version": record.browser_version}
    _insert(transaction, record, ActivityKind.CONNECTION, detail=detail)


def insert_consultation(transaction: Transaction, record: Consultation) -> None:
    """Add a consultation."""
    detail = {"connection": record.connection}
    _insert(transaction, record, ActivityKind.CONSULTATION, image=record.image, word=record.mode, detail=detail)


def insert_action(transaction: Transaction, record: AnnotationAction) -> None:
    """Add what was done with an annotation."""
    detail = {"creator": record.creator, "copied": record.copied}
    links = {"image": record.image, "annotation": record.annotation, "slice": record.slice}
    _insert(transaction, record, ActivityKind.ACTION, word=record.action, detail=detail, **links)


def delete_activity(transaction: Transaction, *, before: datetime) -> None:
    """Forget what is too old, in all projects."""
    transaction.execute(delete(activity).where(activity.c.created < before))


def count_activity(transaction: Transaction, project: ProjectKey, kind: ActivityKind, wanted: ActivityFilter) -> int:
    """Count all that match."""
    statement = select(func.count()).select_from(activity).where(matching_activity(project, kind, wanted))
    return int(transaction.execute(statement).scalar_one())


def list_actions(transaction: Transaction, project: ProjectKey, wanted: ActivityFilter) -> list[AnnotationAction]:
    """One page of those that match, oldest first."""
    statement = select(activity).where(matching_activity(project, ActivityKind.ACTION, wanted))
    statement = statement.order_by(activity.c.created, activity.c.id).offset(wanted.offset).limit(wanted.limit)
    rows = transaction.execute(statement).mappings()
    return [
        AnnotationAction(
            id=row["id"],
            project=row["project"],
            user=row["account"],
            image=row["image"],
            annotation=row["annotation"],
            slice=row["slice"],
            action=row["word"],
            created=row["created"],
            **row["detail"],
        )
        for row in rows
    ]


def list_connections(transaction: Transaction, project: ProjectKey, wanted: ActivityFilter) -> list[Connection]:
    """One page of those of a user, newest first, each with what followed until the next."""
    page = _page(project, ActivityKind.CONNECTION, wanted)
    seen = select(func.count(activity.c.image.distinct())).where(
        activity.c.project == project,
        activity.c.kind == ActivityKind.CONSULTATION.value,
        activity.c.account == page.c.account,
        _during(activity, page),
    )
    counts = (
        _stayed(page, position.c.project == project).label("milliseconds"),
        _drawn(page).label("annotations"),
        seen.scalar_subquery().label("images"),
    )
    rows = transaction.execute(select(page, *counts).order_by(page.c.created.desc(), page.c.id.desc())).mappings()
    names = ("id", "project", "created", "milliseconds", "annotations", "images")
    return [Connection(user=row["account"], **{name: row[name] for name in names}, **row["detail"]) for row in rows]


def list_consultations(
    transaction: Transaction, project: ProjectKey, wanted: ActivityFilter, *, last: bool = False
) -> list[Consultation]:
    """One page of those of a user, newest first, each with what followed until the next; of each image the `last`."""
    page = _page(project, ActivityKind.CONSULTATION, wanted, last=last)
    counts = (
        _stayed(page, position.c.image == page.c.image).label("milliseconds"),
        _drawn(page, annotation.c.image == page.c.image).label("annotations"),
    )
    statement = select(page, image.c.name, *counts).join(image, image.c.id == page.c.image)
    rows = transaction.execute(statement.order_by(page.c.created.desc(), page.c.id.desc())).mappings()
    names = ("id", "project", "image", "created", "milliseconds", "annotations")
    return [
        Consultation(
            user=row["account"],
            image_name=row["name"],
            mode=row["word"],
            **{name: row[name] for name in names},
            **row["detail"],
        )
        for row in rows
    ]


def count_consulted(transaction: Transaction, project: ProjectKey, wanted: ActivityFilter) -> int:
    """Count the images that were opened."""
    matching = matching_activity(project, ActivityKind.CONSULTATION, wanted)
    statement = select(func.count(activity.c.image.distinct())).where(matching)
    return int(transaction.execute(statement).scalar_one())


def find_last(
    transaction: Transaction, project: ProjectKey, kind: ActivityKind, user: UserKey, key: ImageKey | None = None
) -> tuple[int, datetime] | None:
    """Id and time of what a user did last of a kind, on one image where it is named."""
    matching = matching_activity(project, kind, ActivityFilter(user=user, image=key))
    statement = select(activity.c.id, activity.c.created).where(matching)
    row = transaction.execute(statement.order_by(activity.c.created.desc()).limit(1)).first()
    return None if row is None else (row.id, row.created)


def list_last(transaction: Transaction, project: ProjectKey, user: UserKey | None = None) -> list[LastActivity]:
    """What each user, or one, did last in a project: nobody who did nothing."""
    wanted = ActivityFilter(user=user)
    found: dict[int, dict[str, object]] = {}
    matching = matching_activity(project, ActivityKind.CONNECTION, wanted)
    connected = select(activity.c.account, func.count(), func.max(activity.c.created)).where(matching)
    for key, count, at in transaction.execute(connected.group_by(activity.c.account)):
        found[key] = {"connections": count, "connected": at}
    matching = matching_activity(project, ActivityKind.CONSULTATION, wanted)
    newest = select(func.max(activity.c.id)).where(matching).group_by(activity.c.account)
    opened = select(activity.c.account, activity.c.image, image.c.name, activity.c.created)
    opened = opened.join(image, image.c.id == activity.c.image).where(activity.c.id.in_(newest))
    for key, shown, name, at in transaction.execute(opened):
        found.setdefault(key, {}).update({"image": shown, "image_name": name, "consulted": at})
    return [LastActivity.model_validate(facts | {"user": key}) for key, facts in sorted(found.items())]


def was_active(transaction: Transaction, project: ProjectKey, user: UserKey) -> bool:
    """Whether somebody ever did something in a project that is remembered."""
    statement = select(activity.c.id).where(activity.c.project == project, activity.c.account == user).limit(1)
    return transaction.execute(statement).first() is not None


def matching_activity(project: ProjectKey, kind: ActivityKind, wanted: ActivityFilter) -> ColumnElement[bool]:
    """Whether a row is wanted."""
    columns = activity.c
    # Of one image its index serves, as in `positions`.
    here = columns.project == project if wanted.image is None else columns.image == wanted.image
    wheres: list[ColumnElement[bool]] = [here, columns.kind == kind.value]
    for column, value in (
        (columns.account, wanted.user),
        (columns.slice, wanted.slice),
        (columns.word, wanted.action),
    ):
        if value is not None:
            wheres.append(column == value)
    if wanted.after is not None:
        wheres.append(columns.created >= wanted.after)
    if wanted.before is not None:
        wheres.append(columns.created < wanted.before)
    return and_(*wheres)


def _insert(
    transaction: Transaction,
    record: AnnotationAction | Connection | Consultation,
    kind: ActivityKind,
    *,
    word: str = "",
    detail: Mapping[str, object],
    **links: int | None,
) -> None:
    values = {"id": record.id, "project": record.project, "account": record.user, "created": record.created}
    values |= {"kind": kind.value, "word": word, "detail": detail, **links}
    transaction.execute(insert(activity).values(values))


def _page(project: ProjectKey, kind: ActivityKind, wanted: ActivityFilter, *, last: bool = False) -> Subquery:
    """One page with, as `until`, when the same was done again: what is counted of a row is counted of these alone."""
    same = [activity.c.account, activity.c.image]
    order = (activity.c.created, activity.c.id)
    until = func.lead(activity.c.created).over(partition_by=same, order_by=order).label("until")
    whole = matching_activity(project, kind, wanted.model_copy(update={"after": None, "before": None}))
    told = select(activity, until).where(whole).subquery()
    statement = select(told)
    if last:
        statement = statement.where(told.c.until.is_(None))
    if wanted.after is not None:
        statement = statement.where(told.c.created >= wanted.after)
    if wanted.before is not None:
        statement = statement.where(told.c.created < wanted.before)
    statement = statement.order_by(told.c.created.desc(), told.c.id.desc())
    return statement.offset(wanted.offset).limit(wanted.limit).subquery()


def _during(table: Table, page: FromClause) -> ColumnElement[bool]:
    created = table.c.created
    return and_(created >= page.c.created, or_(page.c.until.is_(None), created < page.c.until))


def _stayed(page: FromClause, where: ColumnElement[bool]) -> ScalarSelect[int]:
    total = func.coalesce(func.sum(position.c.milliseconds), 0)
    return select(total).where(where, position.c.account == page.c.account, _during(position, page)).scalar_subquery()


def _drawn(page: FromClause, *wheres: ColumnElement[bool]) -> ScalarSelect[int]:
    columns = annotation.c
    theirs = (columns.project == page.c.project, columns.account == page.c.account, _during(annotation, page))
    return select(func.count(columns.id)).where(*theirs, *wheres).scalar_subquery()
