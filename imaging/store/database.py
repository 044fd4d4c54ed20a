"""The database connection: SQLite in the workspace folder, or PostgreSQL through pg8000."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from imaging.errors import ImagingError, InvalidInputError, StateError, UnavailableError

Transaction: TypeAlias = Connection
"""An open transaction; the name that the floors above use, so that they need not know SQLAlchemy."""

T = TypeVar("T")

_IMMEDIATE = "imaging_immediate"
_BUSY_MILLISECONDS = 30_000
_BATCH = 500
_NO_PLACE = "the workspace folder cannot be made here"
_AWAY = {"08", "25", "40", "53", "55", "57", "58"}


def now() -> datetime:
    """Read the clock, in UTC."""
    return datetime.now(UTC)


def batches(keys: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut keys into runs that one statement takes: SQLite binds a limited number of values."""
    for start in range(0, len(keys), _BATCH):
        yield keys[start : start + _BATCH]


class Database:
    """Opens transactions; a write transaction on SQLite takes the write lock at once."""

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise InvalidInputError("IMAGING_DATABASE_URL is not a database URL") from error
        if parsed.get_backend_name() == "postgresql":
            parsed = parsed.set(drivername="postgresql+pg8000")
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise InvalidInputError("IMAGING_DATABASE_URL names neither SQLite nor PostgreSQL")
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

    def create_file(self) -> bool:
        """Make an empty SQLite file of mode 0600; tells whether it is new (always on PostgreSQL)."""
        if self.file is None:
            return True
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            if self.file.is_file():
                return False
            raise InvalidInputError(_NO_PLACE) from None
        except OSError:
            raise InvalidInputError(_NO_PLACE) from None
        return True

    def delete_file(self) -> None:
        """Close, and remove the SQLite file with what lies beside it."""
        self.close()
        if self.file is not None:
            for suffix in ("", "-wal", "-shm", "-journal"):
                self.file.with_name(self.file.name + suffix).unlink(missing_ok=True)

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
        except DBAPIError as error:
            raise UnavailableError("database", "check IMAGING_DATABASE_URL and that the server runs") from error
        with connection:
            try:
                yield connection.execution_options(**{_IMMEDIATE: immediate})
            except DBAPIError as error:
                raise (_refusal(error) or error) from error


def _refusal(error: DBAPIError) -> ImagingError | None:
    # pg8000 tells most errors apart only by their SQLSTATE (PostgreSQL manual, appendix A).
    facts = error.orig.args[0] if error.orig and error.orig.args else None
    state = str(facts.get("C", "")) if isinstance(facts, dict) else ""
    if isinstance(error, IntegrityError) or state.startswith("23"):
        return StateError("record", "another change was made at the same time")
    if isinstance(error, OperationalError | InterfaceError) or state[:2] in _AWAY:
        return UnavailableError("database", "it is busy, full, read-only or away")
    return None


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
