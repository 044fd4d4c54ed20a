"""The journal: an append-only chain of events per project, plus one for the workspace.

Each event's digest is SHA-256 over its canonical JSON, which includes the digest before it. This module decides;
`imaging.store.events` keeps the rows and writes them in the transaction of the change that they speak of.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC

from pydantic import JsonValue

from imaging.domain.base import ProjectKey
from imaging.domain.event import Entry, Event
from imaging.errors import VerificationError

GENESIS = "0" * 64


def link(entry: Entry, *, project: ProjectKey | None, number: int, previous: str) -> Event:
    """Give an entry its place in the chain."""
    loose = Event(**dict(entry), project=project, number=number, previous=previous, digest="")
    return loose.model_copy(update={"digest": digest(loose)})


def digest(event: Event) -> str:
    """Compute what the event's `digest` must be."""
    facts = {
        "project": event.project,
        "number": event.number,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": event.actor,
        "action": event.action,
        "kind": event.kind,
        "key": event.key,
        "job": event.job,
        "detail": event.detail,
        "previous": event.previous,
    }
    return hashlib.sha256(_canonical(facts).encode()).hexdigest()


def verify(events: Iterable[Event], head: tuple[int, str] | None, *, scope: str) -> int:
    """Walk a chain from its start and count its events.

    Parameters
    ----------
    events
        In order of number.
    head
        Number and digest that the chain remembers of its last event; finds a cut-off end.
    scope
        How the chain is called in the error.

    Raises
    ------
    VerificationError
        Names the first event that was edited, moved, added or removed.
    """
    number, previous = 0, GENESIS
    for event in events:
        expected = number + 1
        if event.number != expected or event.previous != previous or event.digest != digest(event):
            raise VerificationError(f"journal of {scope}", f"event {expected}")
        number, previous = expected, event.digest
    if head is None or head != (number, previous):
        raise VerificationError(f"journal of {scope}", f"event {number + 1 if head and head[0] > number else number}")
    return number


def print_detail(detail: JsonValue) -> str:
    """Turn an event's detail into the text that is stored."""
    return _canonical(detail)


def parse_detail(text: str) -> JsonValue:
    """Read a stored detail; text that is no JSON stays text, so that verification names it."""
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text
    return value


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
