"""Cytomine's platform roles: everybody is a user, operators are its administrators."""

from __future__ import annotations

from fastapi import APIRouter

from imaging.domain.people import User
from imaging.errors import NotFoundError, StateError
from viewer.api.shapes.envelope import Collection, call_back
from viewer.api.shapes.role import Authority, RoleShape, UserRoleChanged, UserRoleSent, UserRoleShape
from viewer.deps import Door, Entry, Id, Page
from viewer.people import find_known

router = APIRouter(prefix="/api", tags=["role"])


@router.get("/role.json")
def list_roles(door: Entry, page: Page) -> Collection[RoleShape]:
    """List the platform roles; what a member is in a project stands in the project's list of users."""
    return Collection[RoleShape].cut([RoleShape.of(authority) for authority in Authority], page)


@router.get("/role/{role}.json")
def show_role(role: Id, door: Entry) -> RoleShape:
    """Show a platform role."""
    return RoleShape.of(_find(role))


@router.get("/user/{user}/role.json")
def list_user_roles(user: Id, door: Entry, page: Page) -> Collection[UserRoleShape]:
    """List the platform roles of somebody."""
    known = find_known(door, user)
    held = [UserRoleShape.of(known, authority) for authority in Authority if authority.is_held(known)]
    return Collection[UserRoleShape].cut(held, page)


@router.get("/user/{user}/role/{role}.json")
def show_user_role(user: Id, role: Id, door: Entry) -> UserRoleShape:
    """Show that somebody has a platform role."""
    return UserRoleShape.of(*_find_held(door, user, role))


@router.post("/user/{user}/role.json")
def add_user_role(user: Id, sent: UserRoleSent, door: Entry) -> UserRoleChanged:
    """Make somebody an operator; operators only. It shows them no content."""
    known, authority = find_known(door, user), _find(sent.role)
    door.workspace.accounts.require_operator(door.user.id)
    if authority is Authority.ADMIN:
        known = door.workspace.accounts.edit(known.id, operator=True, by=door.user.id)
    return _changed("Add", known, authority)


@router.delete("/user/{user}/role/{role}.json")
def delete_user_role(user: Id, role: Id, door: Entry) -> UserRoleChanged:
    """Let somebody be no operator any more; operators only."""
    known, authority = _find_held(door, user, role)
    if authority is Authority.USER:
        raise StateError("role", "everybody with an account has it; close the account instead")
    if known.id == door.user.id:
        raise StateError("role", "another operator must take it from you")
    known = door.workspace.accounts.edit(known.id, operator=False, by=door.user.id)
    return _changed("Delete", known, authority)


def _find(key: int) -> Authority:
    for authority in Authority:
        if authority.key == key:
            return authority
    raise NotFoundError("role", key)


def _find_held(door: Door, user: int, role: int) -> tuple[User, Authority]:
    known, authority = find_known(door, user), _find(role)
    if not authority.is_held(known):
        raise NotFoundError("role", role)
    return known, authority


def _changed(change: str, user: User, authority: Authority) -> UserRoleChanged:
    return UserRoleChanged(
        message=f"Role: {change}",
        callback=call_back(change, "SecUserSecRole", authority.key),
        secusersecrole=UserRoleShape.of(user, authority),
    )
