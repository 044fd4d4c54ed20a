"""Things as they were: all rows of one, out of the database and back into it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import datetime
from typing import cast

from pydantic import JsonValue
from sqlalchemy import Column, LargeBinary, Table, delete, insert, select, update

from imaging.domain.command import Snapshot, Thing
from imaging.store.annotation_counts import count_up, group_of
from imaging.store.attached_files import attached_file
from imaging.store.comments import comment
from imaging.store.database import Transaction
from imaging.store.groupings import (
    annotation_group,
    annotation_link,
    annotation_track,
    image_group,
    image_group_image,
    track,
)
from imaging.store.moment import Moment, from_microseconds, to_microseconds
from imaging.store.remarks import description, property_, tag_use
from imaging.store.reviews import image_review
from imaging.store.schema import annotation, annotation_term

_Rows = tuple[tuple[Table, str], ...]

_OWN: dict[Thing, _Rows] = {
    Thing.ANNOTATION: ((annotation, "id"), (annotation_term, "annotation")),
    Thing.IMAGE_REVIEW: ((image_review, "image"),),
    Thing.PROPERTY: ((property_, "id"),),
    Thing.DESCRIPTION: ((description, "id"),),
    Thing.TAG_USE: ((tag_use, "id"),),
    Thing.ATTACHED_FILE: ((attached_file, "id"),),
    Thing.COMMENT: ((comment, "id"),),
    Thing.TRACK: ((track, "id"),),
    Thing.TRACKED: ((annotation_track, "id"),),
    Thing.IMAGE_GROUP: ((image_group, "id"),),
    Thing.GROUPED_IMAGE: ((image_group_image, "id"),),
    Thing.ANNOTATION_GROUP: ((annotation_group, "id"),),
    Thing.ANNOTATION_LINK: ((annotation_link, "id"),),
}
"""The table of each kind of thing, first, and those that are a part of it, with the column that says of which."""

_HUNG: dict[Thing, _Rows] = {
    Thing.ANNOTATION: (
        (property_, "annotation"),
        (description, "annotation"),
        (tag_use, "annotation"),
        (attached_file, "annotation"),
        (comment, "annotation"),
        (annotation_track, "annotation"),
        (annotation_link, "annotation"),
    ),
    Thing.TRACK: ((annotation_track, "track"),),
    Thing.IMAGE_GROUP: ((image_group_image, "group"),),
    Thing.ANNOTATION_GROUP: ((annotation_link, "group"),),
}
"""What goes with a thing and comes back with it, and is changed by commands of its own."""

_VOLATILE = frozenset({"version", "updated"})
"""What differs between two states that are the same to whoever looks."""


def take(transaction: Transaction, thing: Thing, key: int) -> Snapshot | None:
    """Read all rows of a thing; None where it is not there."""
    taken: Snapshot = {}
    for table, column in (*_OWN[thing], *_HUNG.get(thing, ())):
        statement = select(table).where(table.c[column] == key).order_by(*table.primary_key.columns)
        rows = transaction.execute(statement).mappings().all()
        taken[table.name] = [{name: _pack(value) for name, value in row.items()} for row in rows]
    return taken if taken[_OWN[thing][0][0].name] else None


def put(transaction: Transaction, thing: Thing, key: int, snapshot: Snapshot | None) -> None:
    """Make a thing what it was; see `_put`. Kept numbers of annotations follow."""
    before = group_of(transaction, key) if thing is Thing.ANNOTATION else None
    _put(transaction, thing, key, snapshot)
    after = group_of(transaction, key) if thing is Thing.ANNOTATION else None
    if before != after:
        count_up(transaction, [] if before is None else [before], by=-1)
        count_up(transaction, [] if after is None else [after])


def _put(transaction: Transaction, thing: Thing, key: int, snapshot: Snapshot | None) -> None:
    """Make a thing what it was; None removes it. Its version goes on, so that nobody saves over it unawares.

    What hangs on it comes back where the thing was gone, and is left alone where it is there.
    """
    main, column = _OWN[thing][0]
    now = transaction.execute(select(main).where(main.c[column] == key)).mappings().one_or_none()
    for table, name in reversed(_OWN[thing]):
        # What hangs on the row of the thing itself would go with it.
        if snapshot is None or table is not main:
            transaction.execute(delete(table).where(table.c[name] == key))
    if snapshot is None:
        return
    (row,) = (_unpack(main, row) for row in snapshot[main.name])
    if "version" in row:
        row["version"] = max(cast("int", row["version"]), 0 if now is None else cast("int", now["version"])) + 1
    changed = insert(main) if now is None else update(main).where(main.c[column] == key)
    transaction.execute(changed.values(row))
    for table, _ in _OWN[thing][1:]:
        _insert(transaction, table, snapshot)
    for table, _ in _HUNG.get(thing, ()) if now is None else ():
        _insert(transaction, table, snapshot)


def _insert(transaction: Transaction, table: Table, snapshot: Snapshot) -> None:
    """Bring rows back, but for those that are there: what hung on a thing may hang on another by now."""
    rows = [_unpack(table, row) for row in snapshot.get(table.name, ())]
    if "id" in table.c and rows:
        known = select(table.c.id).where(table.c.id.in_([row["id"] for row in rows]))
        there = set(transaction.execute(known).scalars())
        rows = [row for row in rows if row["id"] not in there]
    if rows:
        transaction.execute(insert(table), rows)


def same(thing: Thing, one: Snapshot | None, other: Snapshot | None) -> bool:
    """Whether two states of a thing are the same to whoever looks, apart from what hangs on it."""
    return _settled(thing, one) == _settled(thing, other)


def _settled(thing: Thing, snapshot: Snapshot | None) -> dict[str, list[dict[str, JsonValue]]] | None:
    if snapshot is None:
        return None
    return {
        table.name: [{name: value for name, value in row.items() if name not in _VOLATILE} for row in rows]
        for table, _ in _OWN[thing]
        if (rows := snapshot.get(table.name))
    }


def _pack(value: object) -> JsonValue:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return to_microseconds(value) if isinstance(value, datetime) else cast("JsonValue", value)


def _unpack(table: Table, row: dict[str, JsonValue]) -> dict[str, object]:
    # A column that came with a later schema is not in rows of an earlier one, and has its default.
    columns: list[tuple[str, Column[object]]] = [(name, table.c[name]) for name in row if name in table.c]
    return {name: _read(column, row[name]) for name, column in columns}


def _read(column: Column[object], value: JsonValue) -> object:
    if isinstance(column.type, LargeBinary) and value is not None:
        return b64decode(cast("str", value))
    return from_microseconds(cast("int", value)) if isinstance(column.type, Moment) and value is not None else value
