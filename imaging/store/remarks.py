"""Rows of what is said of projects, images and annotations."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import (
    Column,
    ColumnElement,
    Index,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    exists,
    insert,
    or_,
    select,
    update,
)

from imaging.domain.base import ProjectKey, UserKey
from imaging.domain.remark import Description, Property, Tag, TagUse, Target
from imaging.store.columns import key_column, link_column, time_columns
from imaging.store.database import Transaction, batches
from imaging.store.moment import Moment
from imaging.store.schema import member, metadata
from imaging.store.targets import on_target, target_columns, target_facts, target_row

property_ = Table(
    "property",
    metadata,
    key_column(),
    *target_columns(),
    Column("key", String(256), nullable=False),
    Column("value", Text, nullable=False),
    *time_columns(),
    Index(None, "project", "key"),
    Index(None, "image"),
    Index(None, "annotation"),
)

description = Table(
    "description",
    metadata,
    key_column(),
    *target_columns(),
    Column("text", Text, nullable=False),
    *time_columns(),
    Index(None, "project"),
    Index(None, "image", unique=True),
    Index(None, "annotation", unique=True),
)

tag = Table(
    "tag",
    metadata,
    key_column(),
    Column("name", String(256), nullable=False),
    link_column("creator", "account"),
    Column("created", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("creator", "name"),
)

tag_use = Table(
    "tag_use",
    metadata,
    key_column(),
    *target_columns(),
    link_column("tag", "tag", cascade=True),
    Column("created", Moment, nullable=False),
    Index(None, "project", "tag"),
    Index(None, "image"),
    Index(None, "annotation"),
    Index(None, "tag"),
)


def insert_properties(transaction: Transaction, project: ProjectKey, records: Sequence[Property]) -> None:
    """Add properties."""
    rows = [target_row(project, record) | record.model_dump(exclude={"target", "user"}) for record in records]
    if rows:
        transaction.execute(insert(property_), rows)


def update_property(transaction: Transaction, record: Property) -> None:
    """Write key, value and times."""
    values = record.model_dump(exclude={"id", "target", "user"})
    transaction.execute(update(property_).where(property_.c.id == record.id).values(values))


def delete_property(transaction: Transaction, key: int) -> None:
    """Remove a property."""
    transaction.execute(delete(property_).where(property_.c.id == key))


def get_property(transaction: Transaction, project: ProjectKey, key: int) -> Property | None:
    """Find by id within the project."""
    statement = select(property_).where(property_.c.id == key, property_.c.project == project)
    row = transaction.execute(statement).mappings().one_or_none()
    return None if row is None else _property(row)


def list_properties(
    transaction: Transaction, project: ProjectKey, target: Target, *, key: str | None = None
) -> list[Property]:
    """What is said of one thing, oldest first, or under one key."""
    statement = select(property_).where(on_target(property_, project, target)).order_by(property_.c.id)
    if key is not None:
        statement = statement.where(property_.c.key == key)
    return [_property(row) for row in transaction.execute(statement).mappings()]


def list_properties_of_images(
    transaction: Transaction, project: ProjectKey, keys: Collection[int] | None = None
) -> list[Property]:
    """Properties of some images, or of all of a project, by image and key."""
    statement = select(property_).where(property_.c.project == project, property_.c.image.is_not(None))
    statement = statement.where(property_.c.annotation.is_(None)).order_by(property_.c.image, property_.c.key)
    if keys is None:
        return [_property(row) for row in transaction.execute(statement).mappings()]
    found: list[Property] = []
    for batch in batches(sorted(keys)):
        rows = transaction.execute(statement.where(property_.c.image.in_(batch))).mappings()
        found += (_property(row) for row in rows)
    return found


def put_description(transaction: Transaction, project: ProjectKey, record: Description) -> None:
    """Write what a thing is described as, in place of what was said before."""
    transaction.execute(delete(description).where(on_target(description, project, record.target)))
    values = target_row(project, record) | record.model_dump(exclude={"target", "user"})
    transaction.execute(insert(description).values(values))


def delete_description(transaction: Transaction, key: int) -> None:
    """Remove a description."""
    transaction.execute(delete(description).where(description.c.id == key))


def get_description(transaction: Transaction, project: ProjectKey, target: Target) -> Description | None:
    """Find what a thing is described as."""
    statement = select(description).where(on_target(description, project, target))
    row = transaction.execute(statement).mappings().one_or_none()
    return None if row is None else Description(**target_facts(row))


def insert_tag(transaction: Transaction, record: Tag) -> None:
    """Add a tag."""
    transaction.execute(insert(tag).values(record.model_dump()))


def rename_tag(transaction: Transaction, key: int, name: str) -> None:
    """Give another name and count the version up."""
    transaction.execute(update(tag).where(tag.c.id == key).values(name=name, version=tag.c.version + 1))


def delete_tag(transaction: Transaction, key: int) -> None:
    """Remove a tag and all its uses."""
    transaction.execute(delete(tag_use).where(tag_use.c.tag == key))
    transaction.execute(delete(tag).where(tag.c.id == key))


def list_tags(transaction: Transaction, user: UserKey) -> list[Tag]:
    """A user's own tags and those that mark something in their projects, oldest first."""
    rows = transaction.execute(select(tag).where(_seen_by(user)).order_by(tag.c.id)).mappings()
    return [Tag(**row) for row in rows]


def get_tag(transaction: Transaction, user: UserKey, key: int) -> Tag | None:
    """Find by id among those that the user sees."""
    row = transaction.execute(select(tag).where(tag.c.id == key, _seen_by(user))).mappings().one_or_none()
    return None if row is None else Tag(**row)


def find_tag(transaction: Transaction, user: UserKey, name: str) -> Tag | None:
    """Find a user's own by name."""
    row = transaction.execute(select(tag).where(tag.c.creator == user, tag.c.name == name)).mappings().one_or_none()
    return None if row is None else Tag(**row)


def projects_of_tag(transaction: Transaction, key: int) -> set[ProjectKey]:
    """The projects in which a tag marks something."""
    rows = transaction.execute(select(tag_use.c.project).where(tag_use.c.tag == key).distinct()).scalars()
    return {ProjectKey(row) for row in rows}


def insert_tag_use(transaction: Transaction, project: ProjectKey, record: TagUse) -> None:
    """Mark a thing."""
    values = target_row(project, record) | record.model_dump(exclude={"target", "name", "user"})
    transaction.execute(insert(tag_use).values(values))


def delete_tag_use(transaction: Transaction, key: int) -> None:
    """Take a mark away."""
    transaction.execute(delete(tag_use).where(tag_use.c.id == key))


def get_tag_use(transaction: Transaction, project: ProjectKey, key: int) -> TagUse | None:
    """Find by id within the project."""
    found = _tag_uses(transaction, (tag_use.c.id == key) & (tag_use.c.project == project))
    return found[0] if found else None


def list_tag_uses(transaction: Transaction, project: ProjectKey, target: Target) -> list[TagUse]:
    """What a thing is marked with, oldest first."""
    return _tag_uses(transaction, on_target(tag_use, project, target))


def _tag_uses(transaction: Transaction, wanted: ColumnElement[bool]) -> list[TagUse]:
    statement = select(tag_use, tag.c.name).join(tag, tag.c.id == tag_use.c.tag).where(wanted).order_by(tag_use.c.id)
    return [TagUse(**target_facts(row)) for row in transaction.execute(statement).mappings()]


def _seen_by(user: UserKey) -> ColumnElement[bool]:
    mine = select(member.c.project).where(member.c.account == user)
    used = exists().where(tag_use.c.tag == tag.c.id, tag_use.c.project.in_(mine))
    return or_(tag.c.creator == user, used)


def _property(row: RowMapping) -> Property:
    return Property(**target_facts(row))
