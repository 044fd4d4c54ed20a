"""Counts, all made in SQL; annotations are counted by the very condition that lists them."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Column, ColumnElement, Table, func, literal, select, type_coerce

from imaging.domain.activity import ActivityFilter, ActivityKind
from imaging.domain.annotation import AnnotationFilter
from imaging.domain.base import ProjectKey
from imaging.domain.counts import PlacedTerm, Totals
from imaging.store.activity import activity, matching_activity
from imaging.store.annotation_filters import matching
from imaging.store.database import Transaction
from imaging.store.moment import to_microseconds
from imaging.store.schema import account, annotation, annotation_term, image, ontology, project, term

_CARRIED = annotation.join(annotation_term, annotation_term.c.annotation == annotation.c.id)


def count_by_term(
    transaction: Transaction, key: ProjectKey, wanted: AnnotationFilter, *, images: bool = False
) -> dict[int, int]:
    """How many annotations, or images, carry each term; no term that none carries."""
    count = func.count(annotation.c.image.distinct()) if images else func.count()
    statement = select(annotation_term.c.term, count).select_from(_CARRIED).where(matching(transaction, key, wanted))
    rows = transaction.execute(statement.group_by(annotation_term.c.term))
    return {row[0]: row[1] for row in rows}


def count_by_user(
    transaction: Transaction, key: ProjectKey, wanted: AnnotationFilter, *, images: bool = False
) -> dict[int, int]:
    """How many annotations each account drew, or on how many images; none that no account drew."""
    count = func.count(annotation.c.image.distinct()) if images else func.count()
    drawn = matching(transaction, key, wanted) & annotation.c.account.is_not(None)
    rows = transaction.execute(select(annotation.c.account, count).where(drawn).group_by(annotation.c.account))
    return {row[0]: row[1] for row in rows}


def count_by_user_and_term(
    transaction: Transaction, key: ProjectKey, wanted: AnnotationFilter
) -> dict[tuple[int, int], int]:
    """How many annotations of each account carry each term."""
    pair = (annotation.c.account, annotation_term.c.term)
    drawn = matching(transaction, key, wanted) & annotation.c.account.is_not(None)
    rows = transaction.execute(select(*pair, func.count()).select_from(_CARRIED).where(drawn).group_by(*pair))
    return {(user, one): number for user, one, number in rows}


def list_placed_terms(
    transaction: Transaction, key: ProjectKey, wanted: AnnotationFilter
) -> tuple[list[PlacedTerm], int]:
    """One page of how many annotations of each image carry each term, with the count of all such pairs."""
    pair = (annotation.c.image, annotation_term.c.term)
    statement = select(*pair, func.count().label("count")).select_from(_CARRIED)
    statement = statement.where(matching(transaction, key, wanted)).group_by(*pair)
    total = transaction.execute(select(func.count()).select_from(statement.subquery())).scalar_one()
    rows = transaction.execute(statement.order_by(*pair).offset(wanted.offset).limit(wanted.limit)).mappings()
    return [PlacedTerm(**row) for row in rows], int(total)


def usernames(transaction: Transaction, keys: set[int]) -> dict[int, str]:
    """The names of some accounts."""
    rows = transaction.execute(select(account.c.id, account.c.username).where(account.c.id.in_(keys)))
    return {row[0]: row[1] for row in rows}


def count_annotations_by_period(
    transaction: Transaction, key: ProjectKey, wanted: AnnotationFilter, *, start: datetime, step: timedelta
) -> dict[int, int]:
    """How many annotations were made in each period from `start` on, by its number."""
    return _by_period(transaction, annotation, matching(transaction, key, wanted), start=start, step=step)


def count_activity_by_period(
    transaction: Transaction,
    key: ProjectKey,
    kind: ActivityKind,
    wanted: ActivityFilter,
    *,
    start: datetime,
    step: timedelta,
) -> dict[int, int]:
    """How often something was done in each period from `start` on, by its number."""
    return _by_period(transaction, activity, matching_activity(key, kind, wanted), start=start, step=step)


def count_all(transaction: Transaction) -> Totals:
    """How much the workspace holds."""
    counts = {
        "users": select(func.count()).select_from(account).where(account.c.active.is_(True)),
        "projects": select(func.count()).select_from(project),
        "images": select(func.count()).select_from(image),
        "annotations": select(func.count()).select_from(annotation).where(annotation.c.parent.is_(None)),
        "reviewed": select(func.count()).select_from(annotation).where(annotation.c.parent.is_not(None)),
        "terms": select(func.count()).select_from(term),
        "ontologies": select(func.count()).select_from(ontology),
    }
    columns = [statement.scalar_subquery().label(name) for name, statement in counts.items()]
    return Totals(**transaction.execute(select(*columns)).mappings().one())


def _by_period(
    transaction: Transaction, table: Table, where: ColumnElement[bool], *, start: datetime, step: timedelta
) -> dict[int, int]:
    created: Column[datetime] = table.c.created
    passed = type_coerce(created, BigInteger) - literal(to_microseconds(start), BigInteger)
    number = (passed // literal(step // timedelta(microseconds=1), BigInteger)).label("number")
    # Grouped by what an inner query made: PostgreSQL takes equal expressions with bound values for different ones.
    numbers = select(number).where(where).subquery()
    rows = transaction.execute(select(numbers.c.number, func.count()).group_by(numbers.c.number))
    return {int(one): count for one, count in rows}
