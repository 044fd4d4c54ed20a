"""Accounts as their owners, their project fellows and operators see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from imaging.accounts import AccountDraft, Details
from imaging.domain.base import OntologyKey
from imaging.errors import InvalidInputError, NotFoundError, StateError
from viewer.api.shapes.envelope import Collection, call_back
from viewer.api.shapes.people import CurrentUser, Keys, UserChanged, UsersAdded, UserSent, UserShape
from viewer.api.shapes.role import SignatureShape
from viewer.deps import Door, Entry, Id, Page
from viewer.people import find_known, list_known
from viewer.signature import is_fresh, sign

router = APIRouter(prefix="/api", tags=["user"])

_Method = Annotated[str, Query(pattern="^[A-Z]{1,16}$")]
_ContentType = Annotated[str, Query(alias="content-type", pattern=r"^[\x20-\x7e]*$", max_length=256)]
_Date = Annotated[str | None, Query(pattern=r"^[\x20-\x7e]+$", max_length=64)]


@dataclass(frozen=True)
class Wanted:
    """Which accounts are asked for; an absent filter lets all through."""

    online: bool = False
    public_key: Annotated[str | None, Query(alias="publicKey", max_length=64)] = None


def _public_key(door: Door) -> str | None:
    keys = door.workspace.accounts.public_keys(door.user.id)
    return keys[0] if keys else None


def _draft(sent: UserSent) -> AccountDraft:
    if sent.username is None or sent.password is None:
        raise InvalidInputError("an account needs a username and a password")
    return AccountDraft(sent.username, sent.password, _details(sent))


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
def list_users(door: Entry, page: Page, wanted: Annotated[Wanted, Depends()]) -> Collection[UserShape]:
    """List the accounts that the caller may know of."""
    known = list(list_known(door).values())
    if wanted.online:
        lately = {door.user.id, *door.workspace.accounts.seen_lately()}
        known = [user for user in known if user.id in lately]
    if wanted.public_key is not None:
        mine = wanted.public_key in door.workspace.accounts.public_keys(door.user.id)
        known = [user for user in known if mine and user.id == door.user.id]
    return Collection[UserShape].cut([UserShape.of(user) for user in known], page)


@router.get("/ontology/{ontology}/user.json")
def list_ontology_users(ontology: Id, door: Entry, page: Page) -> Collection[UserShape]:
    """List who works with an ontology in the caller's projects, and the caller where it is their own."""
    found = door.workspace.ontologies.get(door.user.id, OntologyKey(ontology))
    people = {door.user.id: door.user} if found.creator == door.user.id else {}
    for project in found.projects:
        people |= {member.user.id: member.user for member in door.project(project).members.list()}
    return Collection[UserShape].cut([UserShape.of(people[key]) for key in sorted(people)], page)


@router.get("/user/{user}.json")
def show_user(user: Id, door: Entry) -> UserShape:
    """Show one account."""
    return UserShape.of(find_known(door, user))


@router.post("/user.json")
def add_user(sent: UserSent | list[UserSent], door: Entry) -> UserChanged | UsersAdded:
    """Make an account, or several at once; operators only."""
    drafts = [_draft(one) for one in (sent if isinstance(sent, list) else [sent])]
    made = [UserShape.of(user) for user in door.workspace.accounts.add_together(drafts, by=door.user.id)]
    if isinstance(sent, list):
        return UsersAdded(message=f"{len(made)} users added", collection=made, size=len(made))
    return UserChanged(message="User added", callback=call_back("Add", "User", made[0].id), user=made[0])


@router.put("/user/{user}.json")
def edit_user(user: Id, sent: UserSent, door: Entry) -> UserChanged:
    """Edit one's own account, or as an operator any."""
    known = find_known(door, user)
    if sent.username not in (None, known.username):
        raise InvalidInputError("the name of an account stays as it is")
    key = known.id
    edited = door.workspace.accounts.edit(key, password=sent.password, by=door.user.id, **_details(sent))
    return UserChanged(message="User edited", callback=call_back("Edit", "User", user), user=UserShape.of(edited))


@router.delete("/user/{user}.json")
def close_user(user: Id, door: Entry) -> UserChanged:
    """Close an account; it stays in the journal and keeps its layers."""
    key = find_known(door, user).id
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


@router.get("/signature.json")
def make_signature(
    door: Entry, method: _Method = "GET", content_type: _ContentType = "", date: _Date = None
) -> SignatureShape:
    """Sign a request with one's own newest key, for a date of now and in the form that holds no path."""
    now = datetime.now(UTC)
    if date is None:
        date = format_datetime(now)
    elif not is_fresh(date, now):
        raise InvalidInputError("only a date of now is signed")
    public_key, signature = door.workspace.accounts.sign(
        door.user.id, lambda private: sign(private, method=method, content_type=content_type, date=date)
    )
    return SignatureShape(signature=signature, public_key=public_key, date=date)
