"""Rows of comments on annotations."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, RowMapping, Select, Table, Text, delete, insert, select

from imaging.domain.base import AnnotationKey, ProjectKey
from imaging.domain.remark import Comment
from imaging.store.columns import key_column, link_column
from imaging.store.database import Transaction
from imaging.store.moment import Moment
from imaging.store.schema import annotation, metadata

comment = Table(
    "comment",
    metadata,
    key_column(),
    link_column("annotation", "annotation", cascade=True),
    link_column("account", "account"),
    Column("text", Text, nullable=False),
    Column("receivers", JSON, nullable=False),
    Column("created", Moment, nullable=False),
    Index(None, "annotation"),
)


def insert_comment(transaction: Transaction, record: Comment) -> None:
    """Add a comment."""
    values = record.model_dump(exclude={"user"}) | {"account": record.user, "receivers": [*record.receivers]}
    transaction.execute(insert(comment).values(values))


def delete_comment(transaction: Transaction, key: int) -> None:
    """Remove a comment."""
    transaction.execute(delete(comment).where(comment.c.id == key))


def get_comment(transaction: Transaction, project: ProjectKey, key: int) -> Comment | None:
    """Find by id within the project."""
    row = transaction.execute(_select(project).where(comment.c.id == key)).mappings().one_or_none()
    return None if row is None else _record(row)


def list_comments(transaction: Transaction, project: ProjectKey, key: AnnotationKey) -> list[Comment]:
    """The comments on one annotation, oldest first."""
    statement = _select(project).where(comment.c.annotation == key).order_by(comment.c.id)
    return [_record(row) for row in transaction.execute(statement).mappings()]


def _select(project: ProjectKey) -> Select[tuple[object, ...]]:
    statement = select(*comment.c).join(annotation, annotation.c.id == comment.c.annotation)
    return statement.where(annotation.c.project == project)


def _record(row: RowMapping) -> Comment:
    facts = dict(row)
    return Comment.model_validate(facts | {"user": facts.pop("account"), "receivers": tuple(facts["receivers"])})
