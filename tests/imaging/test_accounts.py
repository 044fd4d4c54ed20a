"""Accounts: passwords, sessions, API keys and tokens."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from imaging.domain.base import UserKey
from imaging.errors import ForbiddenError, InvalidInputError, NotFoundError, NotSignedInError, StateError
from imaging.store import passwords, schema
from imaging.store.database import Database, now
from imaging.workspace import Workspace

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database(workspace: Workspace):
    made = Database(workspace.settings.database_url)
    yield made
    made.close()


def everything_stored(database: Database) -> str:
    with database.read() as transaction:
        return "\n".join(
            str(row) for table in schema.metadata.sorted_tables for row in transaction.execute(select(table))
        )


def test_the_right_password_starts_a_session_and_a_wrong_one_does_not(workspace: Workspace) -> None:
    user, password = workspace.accounts.add("alpha")
    token = workspace.accounts.sign_in("alpha", password)
    assert workspace.accounts.user_of_session(token) == user
    with pytest.raises(NotSignedInError) as wrong:
        workspace.accounts.sign_in("alpha", "not the password")
    with pytest.raises(NotSignedInError) as unknown:
        workspace.accounts.sign_in("nobody", password)
    assert str(wrong.value) == str(unknown.value)


def test_an_unknown_name_costs_one_password_check_too(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.accounts.add("alpha", password="a good password")
    passwords.verify_password(None, "warm the decoy")
    checked: list[str] = []

    class Counting:
        def verify(self, stored: str, password: str) -> bool:
            checked.append(stored[: stored.index(",p=")])
            raise passwords.VerificationError

    monkeypatch.setattr(passwords, "_HASHER", Counting())
    for name in ("alpha", "nobody"):
        with pytest.raises(NotSignedInError):
            workspace.accounts.sign_in(name, "wrong password")
    assert len(checked) == 2
    assert checked[0] == checked[1]  # the same argon2 variant and cost


def test_the_decoy_opens_for_nobody(workspace: Workspace) -> None:
    assert not passwords.verify_password(None, "")
    workspace.accounts.add("alpha", password="a good password")
    with pytest.raises(NotSignedInError):
        workspace.accounts.sign_in("nobody", "a good password")


def test_no_secret_is_stored_in_the_clear(workspace: Workspace, database: Database) -> None:
    user, password = workspace.accounts.add("alpha")
    session = workspace.accounts.sign_in("alpha", password)
    bearer = workspace.accounts.token(user.id)
    pair = workspace.accounts.key(user.id)
    stored = everything_stored(database)
    assert pair.public_key in stored
    for secret in (password, session, bearer, pair.private_key):
        assert secret not in stored
    assert "$argon2id$" in stored


def test_a_session_ends_when_idle_and_in_any_case(workspace: Workspace, database: Database) -> None:
    _, password = workspace.accounts.add("alpha")
    idle, old = (workspace.accounts.sign_in("alpha", password) for _ in range(2))
    token = schema.token
    with database.write() as transaction:
        long_ago = now() - timedelta(seconds=workspace.settings.session_idle_seconds + 1)
        digest = passwords.digest_token(idle)
        transaction.execute(update(token).where(token.c.digest == digest).values(seen=long_ago))
        digest = passwords.digest_token(old)
        transaction.execute(update(token).where(token.c.digest == digest).values(expires=now()))
    assert workspace.accounts.user_of_session(idle) is None
    assert workspace.accounts.user_of_session(old) is None


def test_use_keeps_a_session_alive(workspace: Workspace, database: Database) -> None:
    user, password = workspace.accounts.add("alpha")
    token = workspace.accounts.sign_in("alpha", password)
    nearly = now() - timedelta(seconds=workspace.settings.session_idle_seconds - 60)
    with database.write() as transaction:
        transaction.execute(update(schema.token).values(seen=nearly))
    assert workspace.accounts.user_of_session(token) == user
    with database.read() as transaction:
        assert transaction.execute(select(schema.token.c.seen)).scalar_one() > nearly


def test_signing_out_ends_one_session(workspace: Workspace) -> None:
    user, password = workspace.accounts.add("alpha")
    one, other = (workspace.accounts.sign_in("alpha", password) for _ in range(2))
    workspace.accounts.end_session(one)
    workspace.accounts.end_session("unknown")
    assert workspace.accounts.user_of_session(one) is None
    assert workspace.accounts.user_of_session(other) == user


def test_a_new_password_ends_all_sessions(workspace: Workspace) -> None:
    user, password = workspace.accounts.add("alpha")
    token = workspace.accounts.sign_in("alpha", password)
    workspace.accounts.edit(user.id, password="another password", by=user.id)
    assert workspace.accounts.user_of_session(token) is None
    with pytest.raises(NotSignedInError):
        workspace.accounts.sign_in("alpha", password)
    workspace.accounts.sign_in("alpha", "another password")


def test_an_inactive_account_gets_in_by_no_door(workspace: Workspace) -> None:
    user, password = workspace.accounts.add("alpha")
    session, bearer = workspace.accounts.sign_in("alpha", password), workspace.accounts.token(user.id)
    pair = workspace.accounts.key(user.id)
    workspace.accounts.edit(user.id, active=False)
    assert workspace.accounts.user_of_session(session) is None
    assert workspace.accounts.user_of_token(bearer) is None
    assert workspace.accounts.verify_signature(pair.public_key, lambda private: True) is None
    with pytest.raises(NotSignedInError):
        workspace.accounts.sign_in("alpha", password)
    with pytest.raises(NotFoundError):
        workspace.accounts.acting("alpha")


def test_a_signature_is_checked_with_the_owners_private_key(workspace: Workspace) -> None:
    user, _ = workspace.accounts.add("alpha")
    pair = workspace.accounts.key(user.id)
    assert workspace.accounts.verify_signature(pair.public_key, lambda private: private == pair.private_key) == user
    assert workspace.accounts.verify_signature(pair.public_key, lambda private: False) is None
    assert workspace.accounts.verify_signature("unknown", lambda private: private == pair.private_key) is None


def test_a_bearer_token_is_no_session_and_a_session_no_bearer_token(workspace: Workspace) -> None:
    user, password = workspace.accounts.add("alpha")
    session, bearer = workspace.accounts.sign_in("alpha", password), workspace.accounts.token(user.id)
    assert workspace.accounts.user_of_token(bearer) == user
    assert workspace.accounts.user_of_token(session) is None
    assert workspace.accounts.user_of_session(bearer) is None


def test_a_name_is_taken_once(workspace: Workspace) -> None:
    workspace.accounts.add("alpha")
    with pytest.raises(StateError):
        workspace.accounts.add("alpha")


@pytest.mark.parametrize("name", ["", "-x", "a b", "a" * 65, "a/b", "a\nb", "é"])
def test_a_name_that_cannot_be_typed_everywhere_is_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(InvalidInputError, match="letters a to z without accents"):
        workspace.accounts.add(name)


@pytest.mark.parametrize("password", ["", "short", "x" * 2000])
def test_a_password_too_short_or_too_long_is_refused(workspace: Workspace, password: str) -> None:
    with pytest.raises(InvalidInputError):
        workspace.accounts.add("alpha", password=password)
    with pytest.raises(NotFoundError):
        workspace.accounts.find("alpha")


def test_only_an_operator_manages_other_accounts(workspace: Workspace) -> None:
    alpha, _ = workspace.accounts.add("alpha")
    beta, _ = workspace.accounts.add("beta")
    with pytest.raises(ForbiddenError):
        workspace.accounts.add("gamma", by=alpha.id)
    with pytest.raises(ForbiddenError):
        workspace.accounts.edit(beta.id, email="x@example.org", by=alpha.id)
    with pytest.raises(ForbiddenError):
        workspace.accounts.key(beta.id, by=alpha.id)
    with pytest.raises(ForbiddenError):
        workspace.accounts.token(beta.id, by=alpha.id)
    with pytest.raises(ForbiddenError):
        workspace.accounts.edit(alpha.id, active=True, by=alpha.id)
    assert workspace.accounts.edit(alpha.id, language="fr", by=alpha.id).language == "fr"
    operator = workspace.accounts.acting(None)
    assert workspace.accounts.edit(beta.id, firstname="Phantom", by=operator.id).firstname == "Phantom"


def test_the_command_line_acts_as_the_named_user_or_the_first_operator(workspace: Workspace) -> None:
    alpha, _ = workspace.accounts.add("alpha", operator=True)
    assert workspace.accounts.acting("alpha") == alpha
    assert workspace.accounts.acting(None).username == "admin"
    with pytest.raises(NotFoundError):
        workspace.accounts.acting("nobody")


def test_an_absent_account_is_said_to_be_absent(workspace: Workspace) -> None:
    for ask in (workspace.accounts.get, workspace.accounts.key, workspace.accounts.token):
        with pytest.raises(NotFoundError):
            ask(UserKey(999_999))
