"""The sealed mapping of a project: from pseudonym to identity, and who objects; a file in the secrets folder.

It lies apart from the data that it explains: neither the database nor a copy of the project's folder leads back to a
person. Each row is sealed with AES-256-GCM and bound to its project and pseudonym, so that rows cannot be swapped.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from imaging.domain.base import ProjectKey, UserKey
from imaging.domain.subject import Identity
from imaging.errors import StateError
from imaging.store.keys import Wrapper, make_private_folder

_TABLES = """
create table if not exists mapping (
    subject text primary key, sealed blob not null, created text not null, account integer not null
) strict;
create table if not exists opposed (
    subject text primary key, created text not null, account integer not null
) strict;
"""
_PATIENCE_SECONDS = 30.0


class SealedMapping:
    """Rows of one project.

    Parameters
    ----------
    folder
        The secrets folder of the workspace.
    key : 32 bytes
        Derived from the project's secret: destroying that destroys every way back.
    """

    def __init__(self, folder: Path, project: ProjectKey, key: bytes) -> None:
        self._file = folder / "subjects" / f"{project}.sqlite"
        self._project = project
        self._wrapper = Wrapper(key)

    def add(self, subject: str, identity: Identity, *, at: datetime, by: UserKey) -> bool:
        """Remember who a subject is; tells whether that is new.

        Raises
        ------
        StateError
            Another person has the same pseudonym: they are never merged.
        VerificationError
            The row that is there was sealed under another key, or changed.
        """
        with self._open() as rows:
            known = rows.execute("select sealed from mapping where subject = ?", (subject,)).fetchone()
            if known is not None:
                if self._unseal(subject, known[0]) != identity:
                    raise StateError("subject", "another person has the same pseudonym")
                return False
            sealed = self._wrapper.wrap(identity.model_dump_json().encode(), self._context(subject))
            rows.execute("insert into mapping values (?, ?, ?, ?)", (subject, sealed, at.isoformat(), by))
        return True

    def find(self, subject: str) -> Identity | None:
        """Give back who a subject is; None when nobody remembers."""
        if not self._file.is_file():
            return None
        with self._open() as rows:
            known = rows.execute("select sealed from mapping where subject = ?", (subject,)).fetchone()
        return None if known is None else self._unseal(subject, known[0])

    def named(self, patient_ids: Collection[str]) -> set[str]:
        """Give the subjects that have one of these IDs, of whatever issuer."""
        if not self._file.is_file() or not patient_ids:
            return set()
        with self._open() as rows:
            everybody = rows.execute("select subject, sealed from mapping").fetchall()
        return {subject for subject, sealed in everybody if self._unseal(subject, sealed).patient_id in patient_ids}

    def forget(self, subject: str) -> bool:
        """Destroy a row; tells whether there was one."""
        if not self._file.is_file():
            return False
        with self._open() as rows:
            return rows.execute("delete from mapping where subject = ?", (subject,)).rowcount > 0

    def subjects(self) -> frozenset[str]:
        """Give all subjects that somebody remembers."""
        if not self._file.is_file():
            return frozenset()
        with self._open() as rows:
            return frozenset(str(row[0]) for row in rows.execute("select subject from mapping"))

    def oppose(self, persons: Collection[frozenset[str]], *, at: datetime, by: UserKey) -> int:
        """Note that persons object, each known by several pseudonyms; gives how many of them are new."""
        values = [(subject, at.isoformat(), int(by)) for subject in sorted(frozenset().union(*persons))]
        with self._open() as rows:
            before = _opposed(rows)
            rows.executemany("insert or ignore into opposed values (?, ?, ?)", values)
        return sum(before.isdisjoint(person) for person in persons)

    def withdraw(self, persons: Collection[frozenset[str]]) -> int:
        """Note that persons object no longer; gives how many of them did."""
        with self._open() as rows:
            before = _opposed(rows)
            gone = [(subject,) for subject in frozenset().union(*persons)]
            rows.executemany("delete from opposed where subject = ?", gone)
        return sum(not before.isdisjoint(person) for person in persons)

    def opposed(self) -> frozenset[str]:
        """Give the pseudonyms of all who object."""
        if not self._file.is_file():
            return frozenset()
        with self._open() as rows:
            return _opposed(rows)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        make_private_folder(self._file.parent)
        if not self._file.exists():
            os.close(os.open(self._file, os.O_CREAT | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(self._file, timeout=_PATIENCE_SECONDS, isolation_level=None)) as rows:
            rows.execute("pragma secure_delete = on")
            rows.execute("pragma synchronous = full")
            rows.executescript(_TABLES)
            rows.execute("begin immediate")
            try:
                yield rows
            except BaseException:
                rows.execute("rollback")
                raise
            rows.execute("commit")

    def _unseal(self, subject: str, sealed: bytes) -> Identity:
        return Identity.model_validate_json(self._wrapper.unwrap(sealed, self._context(subject)))

    def _context(self, subject: str) -> str:
        return f"subject:{self._project}:{subject}"


def _opposed(rows: sqlite3.Connection) -> frozenset[str]:
    return frozenset(str(row[0]) for row in rows.execute("select subject from opposed"))
