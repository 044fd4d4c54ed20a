"""Rows that say which images are reviewed, by whom, since and until when."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Table, delete, insert, select, update

from imaging.domain.base import AnnotationKey, ImageKey, LayerKey
from imaging.domain.review import ImageReview
from imaging.store.columns import link_column
from imaging.store.database import Transaction, batches
from imaging.store.moment import Moment
from imaging.store.schema import annotation, metadata

image_review = Table(
    "image_review",
    metadata,
    Column("image", BigInteger, ForeignKey("image.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    link_column("reviewer", "account"),
    Column("started", Moment, nullable=False),
    Column("stopped", Moment, nullable=True),
)


def get_review(transaction: Transaction, image: ImageKey) -> ImageReview | None:
    """Find the review of an image."""
    row = transaction.execute(select(image_review).where(image_review.c.image == image)).mappings().one_or_none()
    return None if row is None else ImageReview(**row)


def insert_review(transaction: Transaction, record: ImageReview) -> None:
    """Start the review of an image."""
    transaction.execute(insert(image_review).values(record.model_dump()))


def update_review(transaction: Transaction, record: ImageReview) -> None:
    """Write the review of an image."""
    values = record.model_dump(exclude={"image"})
    transaction.execute(update(image_review).where(image_review.c.image == record.image).values(values))


def delete_review(transaction: Transaction, image: ImageKey) -> None:
    """Take the start of a review back."""
    transaction.execute(delete(image_review).where(image_review.c.image == image))


def copies_of(transaction: Transaction, layer: LayerKey, parents: list[AnnotationKey]) -> dict[AnnotationKey, int]:
    """The reviewed copies of some annotations, by what they were copied from."""
    found: dict[AnnotationKey, int] = {}
    for batch in batches(parents):
        statement = select(annotation.c.parent, annotation.c.id).where(annotation.c.layer == layer)
        rows = transaction.execute(statement.where(annotation.c.parent.in_(batch)))
        found.update((AnnotationKey(parent), key) for parent, key in rows)
    return found
