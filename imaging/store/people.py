"""Rows of accounts, API keys, sessions and tokens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import RowMapping, delete, insert, or_, select, update

from imaging.domain.base import UserKey
from imaging.domain.people import User
from imaging.store.database import Transaction
from imaging.store.schema import account, api_key, token

TokenKind = Literal["session", "bearer"]
_PUBLIC = [column for column in account.c if column.name != "password"]
# A row is not rewritten at each request: the idle limit is far coarser than this.
_SEEN_EVERY = timedelta(seconds=60)


def read_user(row: RowMapping | Mapping[str, Any]) -> User:
    """Build the record from a row of `account`."""
    return User(**{name: row[name] for name in User.model_fields})


def insert_user(transaction: Transaction, user: User, password: str) -> None:
    """Add an account; `password` is its hash."""
    transaction.execute(insert(account).values(user.model_dump() | {"password": password}))


def update_user(transaction: Transaction, key: UserKey, values: Mapping[str, object]) -> None:
    """Change columns of an account."""
    transaction.execute(update(account).where(account.c.id == key).values(**values))


def get_user(transaction: Transaction, key: UserKey) -> User | None:
    """Find by id."""
    row = transaction.execute(select(*_PUBLIC).where(account.c.id == key)).mappings().one_or_none()
    return None if row is None else read_user(row)


def find_user(transaction: Transaction, username: str) -> tuple[User, str] | None:
    """Find by name; also gives the password's hash."""
    row = transaction.execute(select(account).where(account.c.username == username)).mappings().one_or_none()
    return None if row is None else (read_user(row), str(row["password"]))


def list_users(transaction: Transaction) -> list[User]:
    """All accounts, oldest first."""
    return [read_user(row) for row in transaction.execute(select(*_PUBLIC).order_by(account.c.id)).mappings()]


def first_operator(transaction: Transaction) -> User | None:
    """The oldest active operator."""
    statement = select(*_PUBLIC).where(account.c.operator.is_(True), account.c.active.is_(True))
    row = transaction.execute(statement.order_by(account.c.id).limit(1)).mappings().one_or_none()
    return None if row is None else read_user(row)


def insert_key(transaction: Transaction, user: UserKey, public_key: str, sealed: bytes, at: datetime) -> None:
    """Store an API key pair with its private half sealed."""
    transaction.execute(insert(api_key).values(public_key=public_key, account=user, private_key=sealed, created=at))


def find_key(transaction: Transaction, public_key: str) -> tuple[User, bytes] | None:
    """Owner and sealed private half of an API key of an active account."""
    statement = select(*_PUBLIC, api_key.c.private_key).join(api_key, api_key.c.account == account.c.id)
    row = (
        transaction.execute(statement.where(api_key.c.public_key == public_key, account.c.active.is_(True)))
        .mappings()
        .one_or_none()
    )
    return None if row is None else (read_user(row), bytes(row["private_key"]))


def public_keys(transaction: Transaction, user: UserKey) -> list[str]:
    """Public halves of a user's keys, newest first."""
    statement = select(api_key.c.public_key).where(api_key.c.account == user).order_by(api_key.c.created.desc())
    return list(transaction.execute(statement).scalars())


def insert_token(
    transaction: Transaction, user: UserKey, kind: TokenKind, digest: str, *, at: datetime, expires: datetime | None
) -> None:
    """Store a session or bearer token by its digest."""
    transaction.execute(
        insert(token).values(digest=digest, account=user, kind=kind, created=at, seen=at, expires=expires)
    )


def find_token(
    transaction: Transaction, kind: TokenKind, digest: str, *, at: datetime, idle: timedelta | None
) -> tuple[User, bool] | None:
    """Find the active owner of a live token, and whether its `seen` is worth renewing."""
    statement = (
        select(*_PUBLIC, token.c.seen)
        .join(token, token.c.account == account.c.id)
        .where(token.c.digest == digest, token.c.kind == kind, account.c.active.is_(True))
        .where(or_(token.c.expires.is_(None), token.c.expires > at))
    )
    if idle is not None:
        statement = statement.where(token.c.seen > at - idle)
    row = transaction.execute(statement).mappings().one_or_none()
    return None if row is None else (read_user(row), at - row["seen"] > _SEEN_EVERY)


def touch_token(transaction: Transaction, digest: str, at: datetime) -> None:
    """Note that a token was used."""
    transaction.execute(update(token).where(token.c.digest == digest).values(seen=at))


def seen_since(transaction: Transaction, since: datetime) -> set[UserKey]:
    """Whose sessions or tokens were used since then."""
    statement = select(token.c.account).where(token.c.seen > since).distinct()
    return {UserKey(key) for key in transaction.execute(statement).scalars()}


def delete_token(transaction: Transaction, digest: str) -> None:
    """Remove a token."""
    transaction.execute(delete(token).where(token.c.digest == digest))


def delete_tokens(transaction: Transaction, user: UserKey, *, kind: TokenKind | None = None) -> None:
    """Remove a user's tokens, all or of one kind."""
    statement = delete(token).where(token.c.account == user)
    transaction.execute(statement if kind is None else statement.where(token.c.kind == kind))


def delete_expired(transaction: Transaction, *, at: datetime, idle: timedelta) -> None:
    """Sweep sessions that have ended by themselves."""
    statement = delete(token).where(token.c.kind == "session")
    transaction.execute(statement.where(or_(token.c.expires <= at, token.c.seen <= at - idle)))
