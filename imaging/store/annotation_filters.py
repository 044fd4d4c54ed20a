"""Which annotations a listing wants, said in SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Column, ColumnElement, Table, and_, exists, false, func, or_, select

from imaging.domain.annotation import AnnotationFilter
from imaging.domain.base import ProjectKey
from imaging.domain.image import Axis, SliceOrder
from imaging.store.comments import comment
from imaging.store.database import Transaction
from imaging.store.groupings import annotation_link, annotation_track
from imaging.store.images import holds_slice
from imaging.store.remarks import description, property_, tag_use
from imaging.store.schema import annotation, annotation_term, image


def matching(transaction: Transaction, project: ProjectKey, wanted: AnnotationFilter) -> ColumnElement[bool]:
    """Whether an annotation of a project is wanted, apart from what its drawing meets."""
    columns = annotation.c
    wheres: list[ColumnElement[bool]] = []
    if wanted.images:
        # The project is asked of the few images, not of each annotation: a condition on both would let SQLite walk
        # all annotations of the project in id order. And of a single image its annotations lie in id order.
        own = select(image.c.id).where(image.c.project == project, image.c.id.in_(wanted.images))
        held = list(transaction.execute(own).scalars())
        wheres.append(columns.image == held[0] if len(held) == 1 else columns.image.in_(held))
    elif not wanted.slices:
        wheres.append(columns.project == project)
    for column, keys in (
        (columns.account, wanted.users),
        (columns.reviewer, wanted.reviewers),
        (columns.layer, wanted.layers),
    ):
        if keys:
            wheres.append(column.in_(keys))
    if wanted.excluded:
        wheres.append(columns.id.not_in(wanted.excluded))
    if wanted.beyond is not None:
        wheres.append(columns.id > wanted.beyond)
    if wanted.slices:
        wheres.append(_on_slices(transaction, project, wanted.slices))
    return and_(*wheres, *_when_and_where(wanted), *_marked(wanted), *_said(wanted))


def _marked(wanted: AnnotationFilter) -> list[ColumnElement[bool]]:
    """By terms, tracks, tags and groups: any of several, none at all, or more than one."""
    wheres: list[ColumnElement[bool]] = []
    for table, mark, keys, without, several in (
        (annotation_term, annotation_term.c.term, wanted.terms, wanted.without_term, wanted.several_terms),
        (annotation_track, annotation_track.c.track, wanted.tracks, wanted.without_track, wanted.several_tracks),
        (tag_use, tag_use.c.tag, wanted.tags, wanted.without_tag, False),
        (annotation_link, annotation_link.c.group, wanted.groups, False, False),
    ):
        if keys:
            wheres.append(annotation.c.id.in_(select(table.c.annotation).where(mark.in_(keys))))
        if without:
            wheres.append(~exists().where(table.c.annotation == annotation.c.id))
        if several:
            wheres.append(_count(table, mark) > 1)
    return wheres


def _said(wanted: AnnotationFilter) -> list[ColumnElement[bool]]:
    """By properties, and by words in what is said."""
    wheres: list[ColumnElement[bool]] = []
    if wanted.property is not None:
        key, value = wanted.property
        named = select(property_.c.annotation).where(property_.c.key == key)
        named = named.where(property_.c.annotation.is_not(None))
        wheres.append(annotation.c.id.in_(named if value is None else named.where(property_.c.value == value)))
    if wanted.text is not None:
        texts = ((description, description.c.text), (comment, comment.c.text), (property_, property_.c.value))
        # Whoever types % or _ looks for these; capitals do not matter.
        holding = (
            select(table.c.annotation).where(column.icontains(wanted.text, autoescape=True)) for table, column in texts
        )
        wheres.append(or_(*(annotation.c.id.in_(found) for found in holding)))
    return wheres


def _count(table: Table, mark: Column[int]) -> ColumnElement[int]:
    return select(func.count(mark)).where(table.c.annotation == annotation.c.id).scalar_subquery()


def _when_and_where(wanted: AnnotationFilter) -> list[ColumnElement[bool]]:
    columns = annotation.c
    wheres: list[ColumnElement[bool]] = []
    if wanted.axis is not None:
        wheres.append(columns.axis == wanted.axis.value)
    if wanted.index is not None:
        wheres.append(columns.index == wanted.index)
    if wanted.reviewed is not None:
        wheres.append(columns.reviewed.is_(wanted.reviewed))
    if wanted.unaccepted:
        copy = annotation.alias("reviewed_copy")
        wheres += [columns.reviewed.is_(False), ~exists().where(copy.c.parent == columns.id)]
    if wanted.after is not None:
        wheres.append(columns.created > wanted.after)
    if wanted.before is not None:
        wheres.append(columns.created < wanted.before)
    return wheres


def _on_slices(transaction: Transaction, project: ProjectKey, slices: Sequence[int]) -> ColumnElement[bool]:
    # Each id is turned into its place, and places that share all but z are asked for together.
    bases = select(image.c.slice_base, image.c.slices, image.c.id, image.c.shape, image.c.attributes)
    covered = or_(*(holds_slice(key) for key in slices))
    places: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for row in transaction.execute(bases.where(image.c.project == project, covered)):
        order = SliceOrder.of(row.attributes["axes"], row.shape, row.attributes["photometric"])
        for key in slices:
            if 0 <= key - row.slice_base < row.slices:
                t, z, c = order.place(key - row.slice_base)
                places[row.id, t, c].append(z)
    columns = annotation.c
    wheres = [
        and_(columns.image == key, columns.t == t, columns.c == c, columns.index.in_(planes))
        for (key, t, c), planes in places.items()
    ]
    return and_(columns.axis == Axis.Z.value, or_(false(), *wheres))
