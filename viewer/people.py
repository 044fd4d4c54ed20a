"""Whom a caller may know of: everyone for an operator, else who shares a project."""

from __future__ import annotations

from imaging.domain.base import UserKey
from imaging.domain.people import User
from imaging.errors import NotFoundError
from viewer.deps import Door


def list_known(door: Door) -> dict[UserKey, User]:
    """Everyone for an operator; else the caller and the members of the caller's projects."""
    if door.user.operator:
        return {user.id: user for user in door.workspace.accounts.list()}
    seen = {door.user.id: door.user}
    for record in door.workspace.projects_of(door.user.id):
        seen |= {member.user.id: member.user for member in door.project(record.id).members.list()}
    return seen


def find_known(door: Door, key: int) -> User:
    """Find somebody whom the caller may know of."""
    user = list_known(door).get(UserKey(key))
    if user is None:
        raise NotFoundError("user", key)
    return user
