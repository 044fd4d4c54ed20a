"""Rows of annotations; filters, paging and counting happen in SQL."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import RowMapping, and_, delete, exists, func, insert, select, union_all, update

from imaging.domain.annotation import Annotation, AnnotationFilter, Box
from imaging.domain.base import AnnotationKey, LayerKey, ProjectKey, TermKey
from imaging.domain.image import Axis
from imaging.store.annotation_counts import Group, count_up, group_of, kept_count
from imaging.store.annotation_filters import matching
from imaging.store.comments import comment
from imaging.store.database import Transaction, batches
from imaging.store.schema import annotation, annotation_term

_FARTHEST = 16
"""No plane is wider than two to this many pixels."""
_COMMENTS = select(func.count()).where(comment.c.annotation == annotation.c.id).correlate(annotation)
_copy = annotation.alias("reviewed_copy")
_COLUMNS = [
    *(column for column in annotation.c if column.name not in {"x0", "y0", "x1", "y1", "reach", "token"}),
    _COMMENTS.scalar_subquery().label("comments"),
    exists().where(_copy.c.parent == annotation.c.id).label("accepted"),
]


@dataclass(frozen=True)
class Candidate:
    """An annotation whose bounding box meets the wanted one; whether the drawing does is for shapely to say."""

    key: AnnotationKey
    wkt: str
    inside: bool
    """Whether the bounding box lies wholly within the wanted one."""


def insert_annotations(transaction: Transaction, drawn: Sequence[tuple[Annotation, Box]]) -> None:
    """Add annotations with their bounding boxes and terms."""
    if not drawn:
        return
    transaction.execute(insert(annotation), [_values(record) | _place(box) for record, box in drawn])
    count_up(transaction, (_group(record) for record, _ in drawn))
    put_terms(transaction, {record.id: record.terms for record, _ in drawn})


def update_annotation(transaction: Transaction, record: Annotation, box: Box | None) -> None:
    """Write the record; `box` is None where the drawing stayed."""
    values = _values(record) | ({} if box is None else _place(box))
    transaction.execute(update(annotation).where(annotation.c.id == record.id).values(values))
    transaction.execute(delete(annotation_term).where(annotation_term.c.annotation == record.id))
    put_terms(transaction, {record.id: record.terms})


def put_terms(transaction: Transaction, terms: Mapping[AnnotationKey, Iterable[TermKey]]) -> None:
    """Give terms to annotations."""
    rows = [{"annotation": key, "term": term} for key, held in terms.items() for term in dict.fromkeys(held)]
    if rows:
        transaction.execute(insert(annotation_term), rows)


def delete_annotation(transaction: Transaction, key: AnnotationKey) -> None:
    """Remove an annotation."""
    group = group_of(transaction, key)
    if group is not None:
        count_up(transaction, [group], by=-1)
    transaction.execute(delete(annotation).where(annotation.c.id == key))


def get_annotation(
    transaction: Transaction, project: ProjectKey, key: AnnotationKey, *, lock: bool = False
) -> Annotation | None:
    """Find by id within the project; `lock` holds the row until the transaction ends."""
    statement = select(*_COLUMNS).where(annotation.c.id == key, annotation.c.project == project)
    rows = transaction.execute(statement.with_for_update() if lock else statement).mappings().all()
    return _records(transaction, rows)[0] if rows else None


def find_by_token(transaction: Transaction, layer: LayerKey, token: str) -> AnnotationKey | None:
    """Find what an earlier request with this token made in a layer."""
    statement = select(annotation.c.id).where(annotation.c.layer == layer, annotation.c.token == token)
    found = transaction.execute(statement).scalar_one_or_none()
    return None if found is None else AnnotationKey(found)


def set_token(transaction: Transaction, key: AnnotationKey, token: str) -> None:
    """Remember by which request an annotation came."""
    transaction.execute(update(annotation).where(annotation.c.id == key).values(token=token))


def count_annotations(transaction: Transaction, project: ProjectKey, wanted: AnnotationFilter) -> int:
    """Count all that match, apart from exact intersection."""
    kept = kept_count(project, wanted)
    if kept is not None:
        return transaction.execute(kept).scalar_one()
    statement = select(func.count()).select_from(annotation).where(matching(transaction, project, wanted))
    return int(transaction.execute(statement).scalar_one())


def list_annotations(transaction: Transaction, project: ProjectKey, wanted: AnnotationFilter) -> list[Annotation]:
    """One page of those that match, oldest first, apart from exact intersection."""
    statement = select(*_COLUMNS).where(matching(transaction, project, wanted)).order_by(annotation.c.id)
    statement = statement.offset(wanted.offset).limit(wanted.limit)
    return _records(transaction, transaction.execute(statement).mappings().all())


def list_candidates(
    transaction: Transaction, project: ProjectKey, wanted: AnnotationFilter, box: Box
) -> list[Candidate]:
    """All that match and whose bounding box meets `box`, oldest first."""
    columns = annotation.c
    matching_too = matching(transaction, project, wanted)
    meets = and_(columns.x1 >= box.x0, columns.y0 <= box.y1, columns.y1 >= box.y0)
    within = and_(columns.x0 >= box.x0, columns.x1 <= box.x1, columns.y0 >= box.y0, columns.y1 <= box.y1)
    # Of boxes not wider than so much, those that meet this one begin within a short stretch of the index.
    stretches = (
        select(columns.id, columns.wkt, within.label("inside")).where(
            matching_too, meets, columns.reach == reach, columns.x0 >= box.x0 - 2**reach, columns.x0 <= box.x1
        )
        for reach in range(_FARTHEST + 1)
    )
    found = union_all(*stretches).subquery()
    rows = transaction.execute(select(found).order_by(found.c.id))
    return [Candidate(AnnotationKey(key), wkt, bool(inside)) for key, wkt, inside in rows]


def fetch_annotations(transaction: Transaction, keys: Sequence[AnnotationKey]) -> list[Annotation]:
    """Load by id, in id order."""
    found: list[Annotation] = []
    for batch in batches(keys):
        statement = select(*_COLUMNS).where(annotation.c.id.in_(batch))
        rows = transaction.execute(statement.order_by(annotation.c.id)).mappings().all()
        found.extend(_records(transaction, rows))
    return found


def _place(box: Box) -> dict[str, float | int]:
    """The columns of a bounding box; `reach` is the least power of two that is not below its longer side."""
    side = max(box.x1 - box.x0, box.y1 - box.y0, 1.0)
    return box.model_dump() | {"reach": min(math.ceil(math.log2(side)), _FARTHEST)}


def _group(record: Annotation) -> Group:
    return record.image, record.layer, record.user, record.reviewed, record.parent is not None


def _values(record: Annotation) -> dict[str, object]:
    values = record.model_dump(exclude={"terms", "user", "axis", "comments", "accepted"})
    return values | {"account": record.user, "axis": record.axis.value, "measurements": values["measurements"] or None}


def _records(transaction: Transaction, rows: Sequence[RowMapping]) -> list[Annotation]:
    keys = [row["id"] for row in rows]
    terms: dict[object, list[TermKey]] = defaultdict(list)
    for batch in batches(keys):
        statement = select(annotation_term.c.annotation, annotation_term.c.term)
        statement = statement.where(annotation_term.c.annotation.in_(batch))
        for key, term in transaction.execute(statement.order_by(annotation_term.c.term)):
            terms[key].append(TermKey(term))
    return [_record(row, tuple(terms.get(row["id"], ()))) for row in rows]


def _record(row: RowMapping, terms: tuple[TermKey, ...]) -> Annotation:
    values = dict(row)
    user, measured = values.pop("account"), values.pop("measurements") or ()
    values |= {"measurements": measured}
    return Annotation.model_validate(values | {"user": user, "axis": Axis(str(row["axis"])), "terms": terms})
