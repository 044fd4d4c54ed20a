"""Rows of tracks, image groups and annotation groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Index,
    Select,
    String,
    Table,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    update,
)

from imaging.domain.base import ProjectKey, Record
from imaging.domain.grouping import AnnotationGroup, AnnotationLink, GroupedImage, ImageGroup, Track, Tracked
from imaging.store.columns import key_column, link_column, time_columns
from imaging.store.database import Transaction, batches
from imaging.store.moment import Moment
from imaging.store.schema import annotation, metadata

RecordT = TypeVar("RecordT", bound=Record)


track = Table(
    "track",
    metadata,
    key_column(),
    link_column("project", "project"),
    link_column("image", "image", cascade=True),
    Column("name", String(256), nullable=False),
    Column("color", String(7), nullable=False),
    *time_columns(),
    UniqueConstraint("image", "name"),
    Index(None, "project"),
)

annotation_track = Table(
    "annotation_track",
    metadata,
    key_column(),
    link_column("track", "track", cascade=True),
    link_column("annotation", "annotation", cascade=True),
    Column("created", Moment, nullable=False),
    UniqueConstraint("annotation", "track"),
    Index(None, "track"),
)

image_group = Table(
    "image_group",
    metadata,
    key_column(),
    link_column("project", "project"),
    Column("name", String(256), nullable=False),
    *time_columns(),
    UniqueConstraint("project", "name"),
)

image_group_image = Table(
    "image_group_image",
    metadata,
    key_column(),
    link_column("group", "image_group", cascade=True),
    link_column("image", "image", cascade=True),
    Column("created", Moment, nullable=False),
    UniqueConstraint("group", "image"),
    Index(None, "image"),
)

annotation_group = Table(
    "annotation_group",
    metadata,
    key_column(),
    link_column("project", "project"),
    link_column("image_group", "image_group", optional=True),
    Column("kind", String(32), nullable=False),
    *time_columns(),
    Index(None, "project"),
    Index(None, "image_group"),
)

annotation_link = Table(
    "annotation_link",
    metadata,
    key_column(),
    link_column("group", "annotation_group", cascade=True),
    link_column("annotation", "annotation", cascade=True),
    Column("created", Moment, nullable=False),
    UniqueConstraint("annotation"),
    Index(None, "group"),
)

_TABLES: dict[type[Record], Table] = {
    Track: track,
    Tracked: annotation_track,
    ImageGroup: image_group,
    GroupedImage: image_group_image,
    AnnotationGroup: annotation_group,
    AnnotationLink: annotation_link,
}
_COMPUTED = {ImageGroup: {"images"}, AnnotationLink: {"image"}}
"""What a record tells beside the columns of its table."""


def insert_one(transaction: Transaction, record: Record) -> None:
    """Add a record of any of these kinds."""
    transaction.execute(insert(_TABLES[type(record)]).values(_values(record)))


def update_one(transaction: Transaction, record: Track | ImageGroup | AnnotationGroup) -> None:
    """Write a record."""
    table = _TABLES[type(record)]
    transaction.execute(update(table).where(table.c.id == record.id).values(_values(record)))


def delete_one(transaction: Transaction, kind: type[Record], key: int) -> None:
    """Remove a record; what is in it stays, without it."""
    table = _TABLES[kind]
    transaction.execute(delete(table).where(table.c.id == key))


def get_track(transaction: Transaction, project: ProjectKey, key: int) -> Track | None:
    """Find by id within the project."""
    return _first(transaction, Track, select(track).where(track.c.id == key, track.c.project == project))


def list_tracks(transaction: Transaction, project: ProjectKey, *, image: int | None = None) -> list[Track]:
    """The tracks of a project or of one image, oldest first."""
    statement = select(track).where(track.c.project == project).order_by(track.c.id)
    return _all(transaction, Track, statement if image is None else statement.where(track.c.image == image))


def list_tracked(
    transaction: Transaction, *, annotation_key: int | None = None, track_key: int | None = None
) -> list[Tracked]:
    """Which annotations show the object of which track, of one annotation, one track, or both."""
    statement = select(annotation_track).order_by(annotation_track.c.id)
    if annotation_key is not None:
        statement = statement.where(annotation_track.c.annotation == annotation_key)
    if track_key is not None:
        statement = statement.where(annotation_track.c.track == track_key)
    return _all(transaction, Tracked, statement)


def list_tracked_of(transaction: Transaction, project: ProjectKey, keys: Sequence[int]) -> list[Tracked]:
    """Which of some annotations of a project show the object of which track."""
    statement = select(annotation_track).join(annotation, annotation.c.id == annotation_track.c.annotation)
    statement = statement.where(annotation.c.project == project).order_by(annotation_track.c.id)
    found: list[Tracked] = []
    for batch in batches(keys):
        found += _all(transaction, Tracked, statement.where(annotation_track.c.annotation.in_(batch)))
    return found


def get_image_group(transaction: Transaction, project: ProjectKey, key: int) -> ImageGroup | None:
    """Find by id within the project."""
    return _first(transaction, ImageGroup, _image_groups(project).where(image_group.c.id == key))


def list_image_groups(transaction: Transaction, project: ProjectKey) -> list[ImageGroup]:
    """The image groups of a project, oldest first."""
    return _all(transaction, ImageGroup, _image_groups(project).order_by(image_group.c.id))


def list_grouped_images(
    transaction: Transaction, project: ProjectKey, *, group: int | None = None, image: int | None = None
) -> list[GroupedImage]:
    """Which images are in which groups, of one group, one image, or both."""
    statement = select(image_group_image).join(image_group, image_group.c.id == image_group_image.c.group)
    wheres: list[ColumnElement[bool]] = [image_group.c.project == project]
    wheres += [] if group is None else [image_group_image.c.group == group]
    wheres += [] if image is None else [image_group_image.c.image == image]
    return _all(transaction, GroupedImage, statement.where(*wheres).order_by(image_group_image.c.id))


def get_annotation_group(transaction: Transaction, project: ProjectKey, key: int) -> AnnotationGroup | None:
    """Find by id within the project."""
    statement = select(annotation_group).where(annotation_group.c.id == key, annotation_group.c.project == project)
    return _first(transaction, AnnotationGroup, statement)


def list_annotation_groups(
    transaction: Transaction, project: ProjectKey, *, image_group_key: int | None = None
) -> list[AnnotationGroup]:
    """The annotation groups of a project or of one image group, oldest first."""
    statement = select(annotation_group).where(annotation_group.c.project == project).order_by(annotation_group.c.id)
    if image_group_key is not None:
        statement = statement.where(annotation_group.c.image_group == image_group_key)
    return _all(transaction, AnnotationGroup, statement)


def list_links(
    transaction: Transaction, *, group: int | None = None, annotation_key: int | None = None
) -> list[AnnotationLink]:
    """Which annotations are in which group, of one group or one annotation."""
    statement = select(annotation_link, annotation.c.image)
    statement = statement.join(annotation, annotation.c.id == annotation_link.c.annotation)
    if group is not None:
        statement = statement.where(annotation_link.c.group == group)
    if annotation_key is not None:
        statement = statement.where(annotation_link.c.annotation == annotation_key)
    return _all(transaction, AnnotationLink, statement.order_by(annotation_link.c.id))


def move_links(transaction: Transaction, source: int, target: int) -> None:
    """Bring all annotations of one group into another."""
    transaction.execute(update(annotation_link).where(annotation_link.c.group == source).values(group=target))


def _image_groups(project: ProjectKey) -> Select[tuple[object, ...]]:
    count = select(func.count()).where(image_group_image.c.group == image_group.c.id).correlate(image_group)
    return select(*image_group.c, count.scalar_subquery().label("images")).where(image_group.c.project == project)


def _values(record: Record) -> dict[str, object]:
    return record.model_dump(exclude=_COMPUTED.get(type(record), set()))


def _first(transaction: Transaction, kind: type[RecordT], statement: Select[tuple[object, ...]]) -> RecordT | None:
    found = _all(transaction, kind, statement)
    return found[0] if found else None


def _all(transaction: Transaction, kind: type[RecordT], statement: Select[tuple[object, ...]]) -> list[RecordT]:
    return [kind(**row) for row in transaction.execute(statement).mappings()]
