"""Rows of images, their source digests and the terms given to whole images."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import ColumnElement, RowMapping, Select, delete, func, insert, select, update

from imaging.domain.base import ImageKey, LayerKey, ProjectKey, TermKey, UserKey
from imaging.domain.image import Image, ImageAttributes, ImageTerm
from imaging.store.annotation_counts import annotation_count
from imaging.store.database import Transaction, batches
from imaging.store.reviews import image_review
from imaging.store.schema import image, image_term, segmentation, source_digest

_SEGMENTATIONS = select(func.count()).where(segmentation.c.image == image.c.id)
_ANNOTATIONS = select(func.coalesce(func.sum(annotation_count.c.number), 0))
_ANNOTATIONS = _ANNOTATIONS.where(annotation_count.c.image == image.c.id)

_FACTS = (
    _ANNOTATIONS.correlate(image).scalar_subquery().label("annotations"),
    _SEGMENTATIONS.correlate(image).scalar_subquery().label("segmentations"),
    _ANNOTATIONS.where(annotation_count.c.copied).correlate(image).scalar_subquery().label("reviewed_annotations"),
    image_review.c.reviewer,
    image_review.c.started.label("review_started"),
    image_review.c.stopped.label("review_stopped"),
)
_TOLD = {column.name for column in _FACTS}
"""What a record tells beside the columns of its table."""


def insert_image(transaction: Transaction, record: Image, digests: Iterable[str]) -> None:
    """Add an image and the digests of its sources."""
    values = record.model_dump(mode="json", exclude={*_TOLD, "created"})
    values |= {"created": record.created, "slices": record.slices}
    transaction.execute(insert(image).values(values))
    rows = [{"project": record.project, "digest": digest, "image": record.id} for digest in sorted(set(digests))]
    if rows:
        transaction.execute(insert(source_digest), rows)


def get_image(transaction: Transaction, project: ProjectKey, key: ImageKey) -> Image | None:
    """Find by id within the project."""
    return _first(transaction, _select(project).where(image.c.id == key))


def get_image_of_slice(transaction: Transaction, project: ProjectKey, slice_key: int) -> Image | None:
    """Find the image whose reserved block holds a slice id."""
    return _first(transaction, _select(project).where(holds_slice(slice_key)))


def holds_slice(slice_key: int) -> ColumnElement[bool]:
    """Whether an image's reserved block holds a slice id: slices have no rows."""
    return (image.c.slice_base <= slice_key) & (image.c.slice_base + image.c.slices > slice_key)


def list_images(transaction: Transaction, project: ProjectKey, *, name: str | None = None) -> list[Image]:
    """All images of a project, oldest first; `name` restricts to an exact name."""
    statement = _select(project).order_by(image.c.id)
    if name is not None:
        statement = statement.where(image.c.name == name)
    return [_read(row) for row in transaction.execute(statement).mappings()]


def subjects_of(transaction: Transaction, project: ProjectKey) -> set[str]:
    """The subjects of whom there are images."""
    return set(transaction.execute(select(image.c.subject).where(image.c.project == project).distinct()).scalars())


def update_image(transaction: Transaction, key: ImageKey, values: Mapping[str, object]) -> None:
    """Change columns and count the version up."""
    transaction.execute(update(image).where(image.c.id == key).values(version=image.c.version + 1, **values))


def delete_image(transaction: Transaction, key: ImageKey) -> None:
    """Remove an image and all that hangs on it."""
    transaction.execute(delete(image).where(image.c.id == key))


def known_digests(transaction: Transaction, project: ProjectKey, digests: Collection[str]) -> set[str]:
    """Which of the source digests belong to an image already."""
    known = set[str]()
    for batch in batches(sorted(set(digests))):
        statement = select(source_digest.c.digest).where(source_digest.c.project == project)
        known.update(transaction.execute(statement.where(source_digest.c.digest.in_(batch))).scalars())
    return known


def digests_of(transaction: Transaction, keys: Collection[int]) -> dict[str, ImageKey]:
    """Give the digests of what some images were made of, each with its image."""
    found = dict[str, ImageKey]()
    for batch in batches(sorted(keys)):
        statement = select(source_digest.c.digest, source_digest.c.image).where(source_digest.c.attached.is_(None))
        rows = transaction.execute(statement.where(source_digest.c.image.in_(batch)))
        found.update((row.digest, ImageKey(row.image)) for row in rows)
    return found


def images_of(transaction: Transaction, project: ProjectKey, digests: Collection[str]) -> dict[str, ImageKey]:
    """Give those of some digests that images were made of, or that were attached to one, each with its image."""
    found = dict[str, ImageKey]()
    for batch in batches(sorted(set(digests))):
        statement = select(source_digest.c.digest, source_digest.c.image).where(source_digest.c.project == project)
        rows = transaction.execute(statement.where(source_digest.c.digest.in_(batch)))
        found.update((row.digest, ImageKey(row.image)) for row in rows)
    return found


def insert_attached(transaction: Transaction, project: ProjectKey, key: ImageKey, digest: str, kind: str) -> None:
    """Note that a file belongs to an image without being a part of it."""
    values = {"project": project, "digest": digest, "image": key, "attached": kind}
    transaction.execute(insert(source_digest).values(values))


def list_image_terms(transaction: Transaction, project: ProjectKey, *, key: ImageKey | None = None) -> list[ImageTerm]:
    """Terms given to whole images of a project, or of one image."""
    statement = select(image_term).join(image, image.c.id == image_term.c.image).where(image.c.project == project)
    if key is not None:
        statement = statement.where(image_term.c.image == key)
    statement = statement.order_by(image_term.c.image, image_term.c.layer, image_term.c.term)
    return [ImageTerm(**row) for row in transaction.execute(statement).mappings()]


def put_image_term(transaction: Transaction, record: ImageTerm) -> None:
    """Give a term to an image, replacing what the same layer said about it before."""
    delete_image_term(transaction, record.image, record.term, record.layer)
    transaction.execute(insert(image_term).values(record.model_dump()))


def delete_image_term(transaction: Transaction, key: ImageKey, term: TermKey, layer: LayerKey) -> bool:
    """Take a term from an image; tells whether it was there."""
    place = (image_term.c.image == key) & (image_term.c.term == term) & (image_term.c.layer == layer)
    return transaction.execute(delete(image_term).where(place)).rowcount > 0


def _select(project: ProjectKey) -> Select[tuple[object, ...]]:
    statement = select(*image.c, *_FACTS).outerjoin(image_review, image_review.c.image == image.c.id)
    return statement.where(image.c.project == project)


def _first(transaction: Transaction, statement: Select[tuple[object, ...]]) -> Image | None:
    row = transaction.execute(statement).mappings().one_or_none()
    return None if row is None else _read(row)


def _read(row: RowMapping) -> Image:
    values = {name: row[name] for name in Image.model_fields if name not in {"attributes", "shape", "added_by"}}
    return Image(
        **values,
        shape=tuple(row["shape"]),
        attributes=ImageAttributes.model_validate(row["attributes"]),
        added_by=UserKey(row["added_by"]),
    )
