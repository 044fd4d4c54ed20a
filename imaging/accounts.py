"""The accounts of a workspace: people, passwords, sessions, API keys and tokens."""

from __future__ import annotations

import builtins
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypedDict, Unpack

from imaging.change import Change, changing
from imaging.domain.base import UserKey
from imaging.domain.people import ApiKey, User
from imaging.errors import ForbiddenError, InvalidInputError, NotFoundError, NotSignedInError, StateError
from imaging.settings import Settings
from imaging.store import passwords, people
from imaging.store.database import Database, now
from imaging.store.keys import Wrapper

_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_LANGUAGES = ("en", "fr")
_LONGEST = 128
LATELY = timedelta(minutes=5)
"""How long after a request somebody counts as online."""


class Details(TypedDict, total=False):
    """What an account may say about its person."""

    firstname: str
    lastname: str
    email: str
    language: str


@dataclass(frozen=True)
class AccountDraft:
    """What an account is made of."""

    username: str
    password: str
    details: Details = field(default_factory=lambda: Details())
    operator: bool = False


class Accounts:
    """Everything about who may sign in; `by` names the acting user, who must be an operator."""

    def list(self) -> list[User]:
        """All accounts, oldest first."""
        with self._database.read() as transaction:
            return people.list_users(transaction)

    def __init__(self, database: Database, wrapper: Wrapper, settings: Settings) -> None:
        self._database = database
        self._wrapper = wrapper
        self._idle = timedelta(seconds=settings.session_idle_seconds)
        self._longest = timedelta(seconds=settings.session_seconds)

    def add(
        self,
        username: str,
        *,
        password: str | None = None,
        operator: bool = False,
        by: UserKey | None = None,
        **details: Unpack[Details],
    ) -> tuple[User, str]:
        """Add an account; gives it and its password, which is drawn where none is given."""
        chosen = passwords.make_password() if password is None else password
        (user,) = self.add_together([AccountDraft(username, chosen, details, operator)], by=by)
        return user, chosen

    def add_together(self, drafts: Sequence[AccountDraft], *, by: UserKey | None = None) -> builtins.list[User]:
        """Add several accounts, all of them or none."""
        for draft in drafts:
            _check_draft(draft)
        self.require_operator(by)
        hashed = [passwords.hash_password(draft.password) for draft in drafts]
        with changing(self._database, project=None, actor=by) as change:
            if not drafts:
                change.leave()
            return [_insert(change, draft, secret) for draft, secret in zip(drafts, hashed, strict=True)]

    def get(self, key: UserKey) -> User:
        """Find by id."""
        with self._database.read() as transaction:
            user = people.get_user(transaction, key)
        if user is None:
            raise NotFoundError("user", key)
        return user

    def find(self, username: str) -> User:
        """Find by name."""
        with self._database.read() as transaction:
            found = people.find_user(transaction, username)
        if found is None:
            raise NotFoundError("user", username)
        return found[0]

    def acting(self, name: str | None) -> User:
        """Whoever acts on the command line: the named user, or the first operator."""
        if name is not None:
            user = self.find(name)
            if not user.active:
                raise NotFoundError("user", name)
            return user
        with self._database.read() as transaction:
            first = people.first_operator(transaction)
        if first is None:
            raise NotFoundError("operator")
        return first

    def edit(
        self,
        key: UserKey,
        *,
        password: str | None = None,
        active: bool | None = None,
        operator: bool | None = None,
        by: UserKey | None = None,
        **details: Unpack[Details],
    ) -> User:
        """Change what is given; a new password or an end of activity ends all sessions at once."""
        _check_details(details)
        values: dict[str, object] = dict(details)
        if password is not None:
            values["password"] = passwords.hash_password(password)
        if active is not None:
            values["active"] = active
        if operator is not None:
            values["operator"] = operator
        if by != key or active is not None or operator is not None:
            self.require_operator(by)
        user = self.get(key)
        if not values:
            return user
        with changing(self._database, project=None, actor=by) as change:
            people.update_user(change.transaction, key, values)
            if password is not None or active is False:
                people.delete_tokens(change.transaction, key, kind=None if active is False else "session")
            change.note("edit", "user", key, {"fields": [*sorted(values)]})
        return self.get(key)

    def renew_password(
        self, key: UserKey, *, password: str | None = None, by: UserKey | None = None
    ) -> tuple[User, str]:
        """Set a new password, drawn where none is given; ends all sessions of the account."""
        chosen = passwords.make_password() if password is None else password
        return self.edit(key, password=chosen, by=by), chosen

    def key(self, user: UserKey, *, by: UserKey | None = None) -> ApiKey:
        """Make an API key pair; the private half is stored sealed and shown only now."""
        pair = ApiKey(public_key=secrets.token_hex(16), private_key=secrets.token_urlsafe(32))
        sealed = self._wrapper.wrap(pair.private_key.encode(), _context(pair.public_key))
        self._require_self_or_operator(user, by)
        with changing(self._database, project=None, actor=by) as change:
            people.insert_key(change.transaction, user, pair.public_key, sealed, change.at)
            change.note("add", "key", user)
        return pair

    def public_keys(self, user: UserKey) -> builtins.list[str]:
        """A user's public keys, newest first."""
        with self._database.read() as transaction:
            return people.public_keys(transaction, user)

    def verify_signature(self, public_key: str, check: Callable[[str], bool]) -> User | None:
        """Let `check` compare a signature with the private key; gives the active owner when it agrees."""
        with self._database.read() as transaction:
            found = people.find_key(transaction, public_key)
        if found is None:
            check(secrets.token_urlsafe(32))
            return None
        user, sealed = found
        private_key = self._wrapper.unwrap(sealed, _context(public_key)).decode()
        return user if check(private_key) else None

    def sign(self, user: UserKey, make: Callable[[str], str]) -> tuple[str, str]:
        """Let `make` sign with the private half of a user's newest key; gives its public half and the signature."""
        with self._database.read() as transaction:
            keys = people.public_keys(transaction, user)
            found = people.find_key(transaction, keys[0]) if keys else None
        if found is None:
            raise NotFoundError("key")
        return keys[0], make(self._wrapper.unwrap(found[1], _context(keys[0])).decode())

    def seen_lately(self) -> set[UserKey]:
        """Whose session or token was used within the last minutes; a signature leaves no trace here."""
        with self._database.read() as transaction:
            return people.seen_since(transaction, now() - LATELY)

    def token(self, user: UserKey, *, by: UserKey | None = None) -> str:
        """Make a bearer token; only its digest is stored."""
        token = passwords.make_token()
        self._require_self_or_operator(user, by)
        with changing(self._database, project=None, actor=by) as change:
            digest = passwords.digest_token(token)
            people.insert_token(change.transaction, user, "bearer", digest, at=change.at, expires=None)
            change.note("add", "token", user)
        return token

    def user_of_token(self, token: str) -> User | None:
        """The active owner of a bearer token."""
        return self._owner("bearer", token, idle=None)

    def sign_in(self, username: str, password: str) -> str:
        """Start a session and give its token; an unknown name takes as long as a wrong password."""
        with self._database.read() as transaction:
            found = people.find_user(transaction, username)
        active = found is not None and found[0].active
        matches = passwords.verify_password(found[1] if found else None, password)
        if found is None or not (matches and active):
            self._note_refusal(None if found is None else found[0].id)
            raise NotSignedInError("user name or password is wrong")
        token, user = passwords.make_token(), found[0].id
        with changing(self._database, project=None, actor=user) as change:
            people.delete_expired(change.transaction, at=change.at, idle=self._idle)
            digest, expires = passwords.digest_token(token), change.at + self._longest
            people.insert_token(change.transaction, user, "session", digest, at=change.at, expires=expires)
            change.note("sign in", "user", user)
        return token

    def user_of_session(self, token: str) -> User | None:
        """The active owner of a session that has not ended; counts as use."""
        return self._owner("session", token, idle=self._idle)

    def end_session(self, token: str) -> None:
        """Sign out; an unknown token is no error."""
        digest = passwords.digest_token(token)
        with self._database.read() as transaction:
            found = people.find_token(transaction, "session", digest, at=now(), idle=None)
        if found is None:
            return
        with changing(self._database, project=None, actor=found[0].id) as change:
            people.delete_token(change.transaction, digest)
            change.note("sign out", "user", found[0].id)

    def _owner(self, kind: people.TokenKind, token: str, *, idle: timedelta | None) -> User | None:
        digest, at = passwords.digest_token(token), now()
        with self._database.read() as transaction:
            found = people.find_token(transaction, kind, digest, at=at, idle=idle)
        if found is None:
            return None
        user, stale = found
        if stale:
            with self._database.write() as transaction:
                people.touch_token(transaction, digest, at)
        return user

    def _note_refusal(self, user: UserKey | None) -> None:
        with changing(self._database, project=None, actor=None) as change:
            change.note("refuse sign in", "user", user)

    def require_operator(self, by: UserKey | None) -> None:
        """Refuse unless the acting user, where one is named, is an operator."""
        if by is not None and not self.get(by).operator:
            raise ForbiddenError("manage accounts")

    def _require_self_or_operator(self, user: UserKey, by: UserKey | None) -> None:
        self.get(user)
        if by != user:
            self.require_operator(by)


def _check_draft(draft: AccountDraft) -> None:
    if not _USERNAME.fullmatch(draft.username):
        raise InvalidInputError(
            "a user name has 1 to 64 letters a to z without accents, digits and . _ @ -,"
            " and starts with a letter or digit"
        )
    _check_details(draft.details)


def _insert(change: Change, draft: AccountDraft, hashed: str) -> User:
    if people.find_user(change.transaction, draft.username):
        raise StateError("user", "this name is taken")
    user = User(
        id=UserKey(change.reserve()),
        username=draft.username,
        operator=draft.operator,
        created=change.at,
        **draft.details,
    )
    people.insert_user(change.transaction, user, hashed)
    change.note("add", "user", user.id, {"operator": draft.operator})
    return user


def _check_details(details: Details) -> None:
    for text in details.values():
        if not isinstance(text, str) or len(text) > _LONGEST:
            raise InvalidInputError(f"names and addresses have at most {_LONGEST} characters")
    if details.get("language", "en") not in _LANGUAGES:
        raise InvalidInputError(f"language is one of {', '.join(_LANGUAGES)}")


def _context(public_key: str) -> str:
    return f"key:{public_key}"
