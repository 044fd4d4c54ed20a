"""Ids: one sequence for everything, below 2^53 so that JavaScript holds them exactly."""

from __future__ import annotations

from sqlalchemy import update

from imaging.errors import StateError
from imaging.store.database import Transaction
from imaging.store.schema import sequence

LAST = 2**53 - 1
NAME = "id"
FIRST = 1


def read_id(text: str) -> int | None:
    """Read an id that somebody typed; None where the text is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LAST))):
        return None
    return int(text)


def reserve(transaction: Transaction, count: int = 1) -> int:
    """Take `count` consecutive ids and return the first."""
    statement = (
        update(sequence)
        .where(sequence.c.name == NAME, sequence.c.next <= LAST + 1 - count)
        .values(next=sequence.c.next + count)
        .returning(sequence.c.next)
    )
    after = transaction.execute(statement).scalar_one_or_none()
    if after is None:
        raise StateError("workspace", "no ids are left")
    return int(after) - count
