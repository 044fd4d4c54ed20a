"""The one gate of a project: every manager reads and changes through it, and it checks the member's roles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from imaging.access import ANNOTATING, Action, allowed
from imaging.change import Change, changing
from imaging.domain.base import JobKey, ProjectKey, UserKey
from imaging.domain.event import Event
from imaging.domain.people import Member
from imaging.domain.project import EditingMode, ProjectRecord
from imaging.errors import ForbiddenError
from imaging.settings import Settings
from imaging.store import events, ids, jobs
from imaging.store.database import Database, Transaction
from imaging.store.epochs import open_first_epoch
from imaging.store.keys import Wrapper, derive


@dataclass(frozen=True)
class Gate:
    """A member's way into one project."""

    database: Database
    wrapper: Wrapper
    settings: Settings
    record: ProjectRecord
    member: Member
    sealed: bytes
    job: JobKey | None = None

    @property
    def project(self) -> ProjectKey:
        """The project's id."""
        return self.record.id

    @property
    def user(self) -> UserKey:
        """Who acts."""
        return self.member.user.id

    @property
    def folder(self) -> Path:
        """Where the project's files lie."""
        return self.settings.projects / str(self.project)

    @cached_property
    def secret(self) -> bytes:
        """The project's first 256-bit secret, which no rotation replaces: it seals quarantine and the way back.

        Managers hand out only what is derived from it.
        """
        return open_first_epoch(self.sealed, self.wrapper, self.project)

    def key(self, purpose: str) -> bytes:
        """A 256-bit key for one purpose inside this project."""
        return derive(self.secret, purpose)

    def may(self, *actions: Action) -> bool:
        """Whether the member's roles, and the editing mode of the project, allow any of the actions."""
        return any(allowed(self.member.roles, action) and not self._frozen(action) for action in actions)

    def require(self, *actions: Action) -> None:
        """Refuse unless the member's roles, and the editing mode of the project, allow one of the actions."""
        if not self.may(*actions):
            frozen = any(allowed(self.member.roles, action) for action in actions)
            raise ForbiddenError(actions[0].value + (" while the project is read-only" if frozen else ""))

    def _frozen(self, action: Action) -> bool:
        read_only = self.record.editing is EditingMode.READ_ONLY and action in ANNOTATING
        return read_only and not allowed(self.member.roles, Action.EDIT_PROJECT)

    @contextmanager
    def read(self, *actions: Action) -> Iterator[Transaction]:
        """Check, then open a transaction for reading."""
        self.require(*actions)
        with self.database.read() as transaction:
            yield transaction

    @contextmanager
    def change(self, *actions: Action) -> Iterator[Change]:
        """Check, then open a transaction that must be noted in the project's journal."""
        self.require(*actions)
        with changing(self.database, project=self.project, actor=self.user, job=self.job) as change:
            yield change

    @contextmanager
    def write(self, *actions: Action) -> Iterator[Transaction]:
        """Check, then open a transaction for what changes nothing in the project, and so is not in its journal."""
        self.require(*actions)
        with self.database.write() as transaction:
            yield transaction

    def done_by_job(self, action: str, kind: str) -> list[Event]:
        """What the job that acts did already, in an earlier attempt that was cut off; nothing where no job acts.

        A job that takes up an upload goes on where those before it ended that took up the same one.
        """
        if self.job is None:
            return []
        with self.database.read() as transaction:
            attempts = jobs.list_attempts(transaction, self.project, self.job)
            return events.read_events_of_jobs(transaction, self.project, attempts, action=action, kind=kind)

    def reserve(self, count: int = 1) -> int:
        """Take ids ahead of a change, so that files can lie under their id before the row appears."""
        with self.database.write() as transaction:
            return ids.reserve(transaction, count)
