"""One entry of the journal."""

from __future__ import annotations

from datetime import datetime

from pydantic import JsonValue

from imaging.domain.base import JobKey, ProjectKey, Record, UserKey


class Entry(Record):
    """Who did what to which thing, when, from which job; ids only, never a name or a value from a header."""

    at: datetime
    actor: UserKey | None
    action: str
    kind: str
    key: int | None = None
    job: JobKey | None = None
    detail: JsonValue = None


class Event(Entry):
    """An entry at its place in a chain; `previous` and `digest` (SHA-256, hex) hold the chain together."""

    project: ProjectKey | None
    number: int
    previous: str
    digest: str
