"""A change and its event in one transaction: neither can be written without the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from imaging.domain.base import JobKey, ProjectKey, UserKey
from imaging.domain.event import Entry
from imaging.store import events, ids
from imaging.store.database import Database, Transaction, now


@dataclass
class Change:
    """An open write transaction that must be noted in the journal before it ends."""

    transaction: Transaction
    at: datetime
    project: ProjectKey | None
    actor: UserKey | None
    head: tuple[int, str]
    job: JobKey | None = None
    noted: int = 0
    left: bool = False

    def note(self, action: str, kind: str, key: int | None = None, detail: JsonValue = None) -> None:
        """Append one event; ids only, never a name or a value from a header."""
        entry = Entry(at=self.at, actor=self.actor, action=action, kind=kind, key=key, job=self.job, detail=detail)
        written = events.append(self.transaction, self.project, entry, self.head)
        self.head = written.number, written.digest
        self.noted += 1

    def leave(self) -> None:
        """Say that nothing had to change after all."""
        self.left = True

    def reserve(self, count: int = 1) -> int:
        """Take consecutive ids and return the first."""
        return ids.reserve(self.transaction, count)


@contextmanager
def changing(
    database: Database, *, project: ProjectKey | None, actor: UserKey | None, job: JobKey | None = None
) -> Iterator[Change]:
    """Open a change to a project, or to the workspace (None); changes of one chain follow one another."""
    with database.write() as transaction:
        head = events.lock_head(transaction, project)
        change = Change(transaction, now(), project, actor, head, job)
        yield change
        if not (change.noted or change.left):
            raise AssertionError("a change must be noted in the journal")
