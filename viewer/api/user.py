"""Accounts as their owners, their project fellows and operators see them."""

from __future__ import annotations

from fastapi import APIRouter

from imaging.accounts import Details
from imaging.domain.base import UserKey
from imaging.domain.people import User
from imaging.errors import InvalidInputError, NotFoundError, StateError
from viewer.api.shapes.envelope import Collection, call_back
from viewer.api.shapes.people import CurrentUser, Keys, UserChanged, UserSent, UserShape
from viewer.deps import Door, Entry, Id, Page

router = APIRouter(prefix="/api", tags=["user"])


def _visible(door: Door) -> dict[UserKey, User]:
    """Everyone for an operator; else the caller and the members of the caller's projects."""
    if door.user.operator:
        return {user.id: user for user in door.workspace.accounts.list()}
    seen = {door.user.id: door.user}
    for record in door.workspace.projects_of(door.user.id):
        seen |= {member.user.id: member.user for member in door.project(record.id).members.list()}
    return seen


def _find(door: Door, key: int) -> User:
    user = _visible(door).get(UserKey(key))
    if user is None:
        raise NotFoundError("user", key)
    return user


def _public_key(door: Door) -> str | None:
    keys = door.workspace.accounts.public_keys(door.user.id)
    return keys[0] if keys else None


def _details(sent: UserSent) -> Details:
    details = Details()
    if sent.firstname is not None:
        details["firstname"] = sent.firstname
    if sent.lastname is not None:
        details["lastname"] = sent.lastname
    if sent.email is not None:
        details["email"] = sent.email
    if sent.language is not None:
        # Cytomine's clients write ENGLISH or FR.
        details["language"] = sent.language[:2].lower()
    return details


@router.get("/user/current.json")
def show_current_user(door: Entry) -> CurrentUser:
    """Show the caller's account."""
    return CurrentUser.of_self(door.user, _public_key(door))


@router.get("/user.json")
def list_users(door: Entry, page: Page) -> Collection[UserShape]:
    """List the accounts that the caller may know of."""
    return Collection[UserShape].cut([UserShape.of(user) for user in _visible(door).values()], page)


@router.get("/user/{user}.json")
def show_user(user: Id, door: Entry) -> UserShape:
    """Show one account."""
    return UserShape.of(_find(door, user))


@router.post("/user.json")
def add_user(sent: UserSent, door: Entry) -> UserChanged:
    """Make an account; operators only."""
    if sent.username is None or sent.password is None:
        raise InvalidInputError("an account needs a username and a password")
    accounts = door.workspace.accounts
    user, _ = accounts.add(sent.username, password=sent.password, by=door.user.id, **_details(sent))
    return UserChanged(message="User added", callback=call_back("Add", "User", user.id), user=UserShape.of(user))


@router.put("/user/{user}.json")
def edit_user(user: Id, sent: UserSent, door: Entry) -> UserChanged:
    """Edit one's own account, or as an operator any."""
    key = _find(door, user).id
    edited = door.workspace.accounts.edit(key, password=sent.password, by=door.user.id, **_details(sent))
    return UserChanged(message="User edited", callback=call_back("Edit", "User", user), user=UserShape.of(edited))


@router.delete("/user/{user}.json")
def close_user(user: Id, door: Entry) -> UserChanged:
    """Close an account; it stays in the journal and keeps its layers."""
    key = _find(door, user).id
    if key == door.user.id:
        raise StateError("user", "another operator must close your account")
    closed = door.workspace.accounts.edit(key, active=False, by=door.user.id)
    return UserChanged(message="User closed", callback=call_back("Delete", "User", user), user=UserShape.of(closed))


@router.get("/user/{user}/keys.json")
def show_keys(user: Id, door: Entry) -> Keys:
    """Show one's own public key; private keys are shown once, when made."""
    if user != door.user.id:
        raise NotFoundError("user", user)
    return Keys(public_key=_public_key(door))


@router.get("/userkey/{public_key}/keys.json")
def show_key(public_key: str, door: Entry) -> Keys:
    """Confirm one's own public key."""
    if public_key not in door.workspace.accounts.public_keys(door.user.id):
        raise NotFoundError("key")
    return Keys(public_key=public_key)
