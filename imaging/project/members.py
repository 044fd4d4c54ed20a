"""The members of a project and their roles."""

from __future__ import annotations

from collections.abc import Iterable

from imaging.access import Action
from imaging.change import Change
from imaging.domain.base import UserKey
from imaging.domain.people import Member, Role
from imaging.errors import InvalidInputError, NotFoundError, StateError
from imaging.project.gate import Gate
from imaging.store import people
from imaging.store import projects as rows


class Members:
    """Members of one project; a change takes effect when the project is next opened."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def list(self) -> list[Member]:
        """All members with their roles, oldest account first."""
        with self._gate.read(Action.SEE_PROJECT) as transaction:
            return rows.list_members(transaction, self._gate.project)

    def add(self, user: UserKey, roles: Iterable[Role]) -> Member:
        """Give roles in addition to those held."""
        with self._gate.change(Action.MANAGE_MEMBERS) as change:
            held = self._roles(change).get(user, frozenset())
            return self._set(change, user, held | frozenset(roles))

    def set_roles(self, user: UserKey, roles: Iterable[Role]) -> Member:
        """Replace the roles of a member."""
        with self._gate.change(Action.MANAGE_MEMBERS) as change:
            if user not in self._roles(change):
                raise NotFoundError("member", user)
            return self._set(change, user, frozenset(roles))

    def remove(self, user: UserKey) -> None:
        """End a membership; what the member made stays."""
        with self._gate.change(Action.MANAGE_MEMBERS) as change:
            if user not in self._roles(change):
                raise NotFoundError("member", user)
            self._keep_a_manager(change, user, frozenset())
            rows.set_roles(change.transaction, self._gate.project, user, ())
            change.note("remove", "member", user)

    def _set(self, change: Change, user: UserKey, roles: frozenset[Role]) -> Member:
        person = people.get_user(change.transaction, user)
        if person is None or not person.active:
            raise NotFoundError("user", user)
        if not roles:
            raise InvalidInputError("a member has at least one role")
        self._keep_a_manager(change, user, roles)
        rows.set_roles(change.transaction, self._gate.project, user, roles)
        change.note("set roles", "member", user, {"roles": [*sorted(role.value for role in roles)]})
        return Member(project=self._gate.project, user=person, roles=roles)

    def _roles(self, change: Change) -> dict[UserKey, frozenset[Role]]:
        members = rows.list_members(change.transaction, self._gate.project)
        return {member.user.id: member.roles for member in members}

    def _keep_a_manager(self, change: Change, user: UserKey, roles: frozenset[Role]) -> None:
        others = (held for key, held in self._roles(change).items() if key != user)
        if Role.MANAGER not in roles and not any(Role.MANAGER in held for held in others):
            raise StateError("project", "needs at least one manager")
