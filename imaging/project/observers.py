"""Whose activity a member may look at: their own, and others' where they see the journal."""

from __future__ import annotations

from imaging.access import Action
from imaging.domain.base import UserKey
from imaging.errors import ForbiddenError, NotFoundError
from imaging.project.gate import Gate
from imaging.store import activity, positions, projects
from imaging.store.database import Transaction

_OTHERS = "see what other members looked at"


def observes(gate: Gate) -> bool:
    """Whether the member may look at what others did."""
    return gate.may(Action.SEE_JOURNAL)


def find_observed(transaction: Transaction, gate: Gate, user: UserKey | None) -> UserKey | None:
    """Give whose activity is shown to who asks for a user's, or for everybody's (None): their own, or what they ask.

    Raises
    ------
    ForbiddenError
        It is another member's, and the member does not see the journal.
    NotFoundError
        Nobody of this id is, or was, active in the project.
    """
    if user is None:
        return None if observes(gate) else gate.user
    if user != gate.user:
        require_known(transaction, gate, user)
        if not observes(gate):
            raise ForbiddenError(_OTHERS)
    return user


def require_known(transaction: Transaction, gate: Gate, user: UserKey) -> None:
    """Refuse an id that is no member's, nor of one who left and did something here."""
    if any(member.user.id == user for member in projects.list_members(transaction, gate.project)):
        return
    # Of who left the project what they did stays for the journal's readers, and for nobody else.
    left = observes(gate) and (
        activity.was_active(transaction, gate.project, user)
        or positions.was_positioned(transaction, gate.project, user)
    )
    if not left:
        raise NotFoundError("member", user)
