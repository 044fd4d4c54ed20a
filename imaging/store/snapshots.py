"""Things as they were: all rows of one, out of the database and back into it."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from pydantic import JsonValue
from sqlalchemy import Column, Table, delete, insert, select

from imaging.domain.command import Snapshot, Thing
from imaging.store.database import Transaction
from imaging.store.moment import Moment, from_microseconds, to_microseconds
from imaging.store.schema import annotation, annotation_term

_ROWS: dict[Thing, tuple[tuple[Table, str], ...]] = {
    Thing.ANNOTATION: ((annotation, "id"), (annotation_term, "annotation")),
}
"""The table of each kind of thing, first, and those of what hangs on it, with the column that says on which."""

_VOLATILE = frozenset({"version", "updated"})
"""What differs between two states that are the same to whoever looks."""


def take(transaction: Transaction, thing: Thing, key: int) -> Snapshot | None:
    """Read all rows of a thing; None where it is not there."""
    taken: Snapshot = {}
    for table, column in _ROWS[thing]:
        statement = select(table).where(table.c[column] == key).order_by(*table.primary_key.columns)
        rows = transaction.execute(statement).mappings().all()
        taken[table.name] = [{name: _pack(value) for name, value in row.items()} for row in rows]
    return taken if taken[_ROWS[thing][0][0].name] else None


def put(transaction: Transaction, thing: Thing, key: int, snapshot: Snapshot | None) -> None:
    """Make a thing what it was; None removes it. Its version goes on, so that nobody saves over it unawares."""
    main, column = _ROWS[thing][0]
    now = transaction.execute(select(main.c.version).where(main.c[column] == key)).scalar_one_or_none()
    for table, name in reversed(_ROWS[thing]):
        transaction.execute(delete(table).where(table.c[name] == key))
    for table, _ in _ROWS[thing]:
        rows = [_unpack(table, row) for row in (snapshot or {}).get(table.name, ())]
        if table is main:
            rows = [row | {"version": max(cast("int", row["version"]), now or 0) + 1} for row in rows]
        if rows:
            transaction.execute(insert(table), rows)


def same(one: Snapshot | None, other: Snapshot | None) -> bool:
    """Whether two states of a thing are the same to whoever looks."""
    return _settled(one) == _settled(other)


def _settled(snapshot: Snapshot | None) -> dict[str, list[dict[str, JsonValue]]] | None:
    if snapshot is None:
        return None
    return {
        table: [{name: value for name, value in row.items() if name not in _VOLATILE} for row in rows]
        for table, rows in snapshot.items()
        if rows
    }


def _pack(value: object) -> JsonValue:
    return to_microseconds(value) if isinstance(value, datetime) else cast("JsonValue", value)


def _unpack(table: Table, row: dict[str, JsonValue]) -> dict[str, object]:
    # A column that came with a later schema is not in rows of an earlier one, and has its default.
    columns: list[tuple[str, Column[object]]] = [(name, table.c[name]) for name in row if name in table.c]
    return {name: _read(column, row[name]) for name, column in columns}


def _read(column: Column[object], value: JsonValue) -> object:
    return from_microseconds(cast("int", value)) if isinstance(column.type, Moment) and value is not None else value
