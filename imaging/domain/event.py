"""One entry of the journal."""

from __future__ import annotations

from datetime import datetime

from pydantic import JsonValue

from imaging.domain.base import JobKey, ProjectKey, Record, UserKey


class Event(Record):
    """Who did what to which thing, when, from which job; chained by `previous` and `digest` (SHA-256, hex)."""

    project: ProjectKey | None
    number: int
    at: datetime
    actor: UserKey | None
    action: str
    kind: str
    key: int | None = None
    job: JobKey | None = None
    detail: JsonValue = None
    previous: str
    digest: str
