"""The database connection: SQLite in the workspace folder, or PostgreSQL through pg8000."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from imaging.errors import UnavailableError

Transaction: TypeAlias = Connection
"""An open transaction; the name that the floors above use, so that they need not know SQLAlchemy."""

_IMMEDIATE = "imaging_immediate"
_BUSY_MILLISECONDS = 30_000


def now() -> datetime:
    """Read the clock, in UTC."""
    return datetime.now(UTC)


class Database:
    """Opens transactions; a write transaction on SQLite takes the write lock at once."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        if parsed.get_backend_name() == "postgresql":
            parsed = parsed.set(drivername="postgresql+pg8000")
        self.engine: Engine = create_engine(parsed, pool_pre_ping=parsed.get_backend_name() == "postgresql")
        if self.embedded:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)

    @property
    def embedded(self) -> bool:
        """Whether this is SQLite."""
        return self.engine.dialect.name == "sqlite"

    @property
    def file(self) -> Path | None:
        """The SQLite file, or None on PostgreSQL."""
        return Path(self.engine.url.database) if self.embedded and self.engine.url.database else None

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Open a transaction that sees one state."""
        with self._connected(immediate=False) as transaction, transaction.begin():
            yield transaction

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Open a transaction that commits at the end and rolls back on any exception."""
        with self._connected(immediate=True) as transaction, transaction.begin():
            yield transaction

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    @contextmanager
    def _connected(self, *, immediate: bool) -> Iterator[Connection]:
        try:
            connection = self.engine.connect()
        except (OperationalError, InterfaceError, DBAPIError) as error:
            raise UnavailableError("database", "check IMAGING_DATABASE_URL and that the server runs") from error
        with connection:
            yield connection.execution_options(**{_IMMEDIATE: immediate})


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    # The driver's own transaction handling is off: it opens none before SELECT and so sees no stable state.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get(_IMMEDIATE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
