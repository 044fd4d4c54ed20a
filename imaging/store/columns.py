"""Columns that many tables have."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer

from imaging.store.moment import Moment


def key_column() -> Column[int]:
    """The id of a thing."""
    return Column("id", BigInteger, primary_key=True, autoincrement=False)


def link_column(name: str, target: str, *, optional: bool = False, cascade: bool = False) -> Column[int]:
    """The id of a thing in another table; `cascade` makes the row go with it."""
    return Column(name, BigInteger, ForeignKey(f"{target}.id", ondelete="CASCADE" * cascade or None), nullable=optional)


def time_columns() -> tuple[Column[object], ...]:
    """When a row was made and changed, and how often."""
    return (
        Column("created", Moment, nullable=False),
        Column("updated", Moment, nullable=False),
        Column("version", Integer, nullable=False),
    )
