"""Rows of the journal: one chain per project, and chain 0 for the workspace."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import RowMapping, Select, insert, select, update

from imaging.domain.base import JobKey, ProjectKey, UserKey
from imaging.domain.event import Entry, Event
from imaging.journal import GENESIS, link, parse_detail, print_detail, verify
from imaging.store.database import Transaction
from imaging.store.schema import chain, event

_WORKSPACE = 0
_BATCH = 1000


def open_chain(transaction: Transaction, project: ProjectKey | None) -> None:
    """Start an empty chain."""
    transaction.execute(insert(chain).values(scope=project or _WORKSPACE, number=0, digest=GENESIS))


def lock_head(transaction: Transaction, project: ProjectKey | None) -> tuple[int, str]:
    """Return number and digest of the last event; other writers of this chain wait until this transaction ends."""
    number, digest = transaction.execute(_select_head(project).with_for_update()).one()
    return int(number), str(digest)


def append(transaction: Transaction, project: ProjectKey | None, entry: Entry, head: tuple[int, str]) -> Event:
    """Link an entry to the end of its chain, which `lock_head` gave within the same transaction."""
    number, previous = head
    linked = link(entry, project=project, number=number + 1, previous=previous)
    scope = project or _WORKSPACE
    values = linked.model_dump(exclude={"project", "detail"}) | {"scope": scope, "detail": print_detail(linked.detail)}
    transaction.execute(insert(event), values)
    values = {"number": linked.number, "digest": linked.digest}
    transaction.execute(update(chain).where(chain.c.scope == scope), values)
    return linked


def read_events(
    transaction: Transaction, project: ProjectKey | None, *, after: int = 0, limit: int | None = None
) -> Iterator[Event]:
    """Read events in order, a batch at a time."""
    scope, left = project or _WORKSPACE, limit
    while left is None or left > 0:
        size = _BATCH if left is None else min(_BATCH, left)
        statement = select(event).where(event.c.scope == scope, event.c.number > after).order_by(event.c.number)
        rows = transaction.execute(statement.limit(size)).mappings().all()
        for row in rows:
            yield _read(row)
        if len(rows) < size:
            return
        after, left = rows[-1]["number"], None if left is None else left - size


def read_events_of_jobs(
    transaction: Transaction, project: ProjectKey, jobs: Collection[JobKey], *, action: str, kind: str
) -> list[Event]:
    """What jobs did so far in all of their attempts, in order."""
    statement = select(event).where(event.c.scope == project, event.c.job.in_(jobs))
    statement = statement.where(event.c.action == action, event.c.kind == kind).order_by(event.c.number)
    return [_read(row) for row in transaction.execute(statement).mappings()]


def verify_chain(transaction: Transaction, project: ProjectKey | None) -> int:
    """Walk a stored chain (the workspace's own for None) and count its events.

    Raises
    ------
    VerificationError
        Names the first event that is not as it was written.
    """
    scope = "the workspace" if project is None else f"project {project}"
    return verify(read_events(transaction, project), _head(transaction, project), scope=scope)


def scopes(transaction: Transaction) -> list[ProjectKey | None]:
    """Every chain there is, the workspace's own (None) first."""
    found = transaction.execute(select(chain.c.scope).order_by(chain.c.scope)).scalars()
    return [ProjectKey(scope) if scope else None for scope in found]


def _head(transaction: Transaction, project: ProjectKey | None) -> tuple[int, str] | None:
    row = transaction.execute(_select_head(project)).one_or_none()
    return None if row is None else (int(row[0]), str(row[1]))


def _select_head(project: ProjectKey | None) -> Select[int, str]:
    return select(chain.c.number, chain.c.digest).where(chain.c.scope == (project or _WORKSPACE))


def _read(row: RowMapping) -> Event:
    return Event(
        project=ProjectKey(row["scope"]) if row["scope"] else None,
        number=row["number"],
        at=row["at"],
        actor=None if row["actor"] is None else UserKey(row["actor"]),
        action=row["action"],
        kind=row["kind"],
        key=row["key"],
        job=None if row["job"] is None else JobKey(row["job"]),
        detail=parse_detail(row["detail"]),
        previous=row["previous"],
        digest=row["digest"],
    )
