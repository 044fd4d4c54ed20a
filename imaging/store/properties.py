"""Rows of what is said of whole images by name and value."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import BigInteger, Column, ForeignKey, String, Table, UniqueConstraint, delete, insert, select

from imaging.domain.base import ImageKey, ProjectKey
from imaging.domain.image import ImageProperty
from imaging.store.database import Transaction, batches
from imaging.store.moment import Moment
from imaging.store.schema import image, metadata

image_property = Table(
    "image_property",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("image", BigInteger, ForeignKey("image.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(256), nullable=False),
    Column("value", String(256), nullable=False),
    Column("created", Moment, nullable=False),
    UniqueConstraint("image", "name"),
)


def list_properties(
    transaction: Transaction, project: ProjectKey, *, keys: Collection[ImageKey] | None = None
) -> list[ImageProperty]:
    """Properties of all images of a project, or of some, by image and name."""
    joined = select(image_property).join(image, image.c.id == image_property.c.image)
    statement = joined.where(image.c.project == project).order_by(image_property.c.image, image_property.c.name)
    if keys is None:
        return [ImageProperty(**row) for row in transaction.execute(statement).mappings()]
    found: list[ImageProperty] = []
    for batch in batches(sorted(keys)):
        rows = transaction.execute(statement.where(image_property.c.image.in_(batch))).mappings()
        found += (ImageProperty(**row) for row in rows)
    return found


def delete_property(transaction: Transaction, key: ImageKey, number: int) -> bool:
    """Take back what is said of an image; tells whether it was said."""
    place = (image_property.c.image == key) & (image_property.c.id == number)
    return transaction.execute(delete(image_property).where(place)).rowcount > 0


def put_property(transaction: Transaction, record: ImageProperty) -> None:
    """Say something of an image, in place of what was said under this name before."""
    place = (image_property.c.image == record.image) & (image_property.c.name == record.name)
    transaction.execute(delete(image_property).where(place))
    transaction.execute(insert(image_property).values(record.model_dump()))
