"""Rows of segmentations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import RowMapping, delete, insert, select, update

from imaging.domain.base import ImageKey, ProjectKey, SegmentationKey
from imaging.domain.segmentation import Segmentation, TermVoxels
from imaging.store.database import Transaction, batches
from imaging.store.schema import segmentation, segmentation_term


def insert_segmentation(transaction: Transaction, record: Segmentation) -> None:
    """Add a segmentation and its terms."""
    transaction.execute(insert(segmentation).values(record.model_dump(exclude={"terms"})))
    _put_terms(transaction, record)


def update_segmentation(transaction: Transaction, record: Segmentation) -> None:
    """Write the record."""
    statement = update(segmentation).where(segmentation.c.id == record.id)
    transaction.execute(statement.values(record.model_dump(exclude={"terms", "id"})))
    transaction.execute(delete(segmentation_term).where(segmentation_term.c.segmentation == record.id))
    _put_terms(transaction, record)


def delete_segmentation(transaction: Transaction, key: SegmentationKey) -> None:
    """Remove a segmentation."""
    transaction.execute(delete(segmentation).where(segmentation.c.id == key))


def get_segmentation(
    transaction: Transaction, project: ProjectKey, key: SegmentationKey, *, lock: bool = False
) -> Segmentation | None:
    """Find by id within the project; `lock` holds the row until the transaction ends."""
    statement = select(segmentation).where(segmentation.c.id == key, segmentation.c.project == project)
    rows = transaction.execute(statement.with_for_update() if lock else statement).mappings().all()
    return _records(transaction, rows)[0] if rows else None


def list_segmentations(
    transaction: Transaction, project: ProjectKey, *, image: ImageKey | None = None
) -> list[Segmentation]:
    """The segmentations of a project or of one image, oldest first."""
    statement = select(segmentation).where(segmentation.c.project == project).order_by(segmentation.c.id)
    if image is not None:
        statement = statement.where(segmentation.c.image == image)
    return _records(transaction, transaction.execute(statement).mappings().all())


def _put_terms(transaction: Transaction, record: Segmentation) -> None:
    rows = [item.model_dump() | {"segmentation": record.id} for item in record.terms]
    if rows:
        transaction.execute(insert(segmentation_term), rows)


def _records(transaction: Transaction, rows: Sequence[RowMapping]) -> list[Segmentation]:
    terms: dict[object, list[TermVoxels]] = defaultdict(list)
    keys = [row["id"] for row in rows]
    for batch in batches(keys):
        statement = select(segmentation_term).where(segmentation_term.c.segmentation.in_(batch))
        for row in transaction.execute(statement.order_by(segmentation_term.c.value)):
            terms[row.segmentation].append(TermVoxels(term=row.term, value=row.value, voxels=row.voxels))
    return [Segmentation.model_validate({**row, "terms": tuple(terms.get(row["id"], ()))}) for row in rows]
