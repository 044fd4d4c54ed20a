"""The journal of a project as its members may read it."""

from __future__ import annotations

from pydantic import JsonValue

from imaging.access import Action
from imaging.domain.event import Event
from imaging.project.gate import Gate
from imaging.store import events


class ProjectJournal:
    """Events of one project; they are appended by the other managers."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def note_taking_out(self, kind: str, detail: dict[str, JsonValue]) -> None:
        """Note that data leave the project, before they do; only who may take data out can."""
        with self._gate.change(Action.TAKE_OUT) as change:
            change.note("take out", kind, None, detail)

    def list(self, *, after: int = 0, limit: int | None = None) -> list[Event]:
        """Events in order, from the one after a number."""
        with self._gate.read(Action.SEE_JOURNAL) as transaction:
            return list(events.read_events(transaction, self._gate.project, after=after, limit=limit))

    def verify(self) -> int:
        """Walk the chain and count its events; VerificationError names the first bad one."""
        with self._gate.read(Action.SEE_JOURNAL) as transaction:
            return events.verify_chain(transaction, self._gate.project)
