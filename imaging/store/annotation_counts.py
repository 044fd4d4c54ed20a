"""How many annotations each image holds, by layer and author: kept, so that nobody counts 300,000 rows to list one.

Changes of a project follow one another, so that a number is read and written by one of them at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    Select,
    Table,
    and_,
    func,
    insert,
    select,
    update,
)

from imaging.domain.annotation import AnnotationFilter
from imaging.domain.base import ProjectKey
from imaging.store.columns import link_column
from imaging.store.database import Transaction
from imaging.store.schema import annotation, image, metadata

annotation_count = Table(
    "annotation_count",
    metadata,
    link_column("image", "image", cascade=True),
    link_column("layer", "layer"),
    Column("account", BigInteger, nullable=True),
    Column("reviewed", Boolean, nullable=False),
    Column("copied", Boolean, nullable=False),
    Column("number", Integer, nullable=False),
    Index(None, "image"),
    Index(None, "layer"),
)

_COUNTED = frozenset({"images", "users", "layers", "reviewed"})
"""What a filter may name so that the kept numbers answer it."""
_PAGED = frozenset({"offset", "limit"})

Group = tuple[int, int, int | None, bool, bool]
"""Image, layer, account, whether reviewed, whether a reviewed copy."""


def count_up(transaction: Transaction, groups: Iterable[Group], *, by: int = 1) -> None:
    """Note that annotations came, or went where `by` is -1."""
    columns = annotation_count.c
    for group, number in Counter(groups).items():
        key, layer, account, reviewed, copied = group
        same = and_(
            columns.image == key,
            columns.layer == layer,
            columns.account.is_(None) if account is None else columns.account == account,
            columns.reviewed.is_(reviewed),
            columns.copied.is_(copied),
        )
        changed = update(annotation_count).where(same).values(number=columns.number + by * number)
        if not transaction.execute(changed).rowcount:
            values = {"image": key, "layer": layer, "account": account, "reviewed": reviewed, "copied": copied}
            transaction.execute(insert(annotation_count).values(values | {"number": by * number}))


def group_of(transaction: Transaction, key: int) -> Group | None:
    """In which number one annotation is counted; None where there is none."""
    columns = annotation.c
    statement = select(columns.image, columns.layer, columns.account, columns.reviewed, columns.parent.is_not(None))
    row = transaction.execute(statement.where(columns.id == key)).one_or_none()
    return None if row is None else (row[0], row[1], row[2], bool(row[3]), bool(row[4]))


def kept_count(project: ProjectKey, wanted: AnnotationFilter) -> Select[int] | None:
    """Sum up the kept numbers of what a filter wants; None where it asks for more than they tell."""
    plain = AnnotationFilter()
    asked = {name for name in AnnotationFilter.model_fields if getattr(wanted, name) != getattr(plain, name)}
    if not asked <= _COUNTED | _PAGED:
        return None
    columns = annotation_count.c
    wheres: list[ColumnElement[bool]] = [image.c.project == project]
    for column, keys in (
        (columns.image, wanted.images),
        (columns.account, wanted.users),
        (columns.layer, wanted.layers),
    ):
        if keys:
            wheres.append(column.in_(keys))
    if wanted.reviewed is not None:
        wheres.append(columns.reviewed.is_(wanted.reviewed))
    statement = select(func.coalesce(func.sum(columns.number), 0)).join(image, image.c.id == columns.image)
    return statement.where(*wheres)
