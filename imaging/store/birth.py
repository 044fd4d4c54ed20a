"""The first rows of a workspace, and the check that the master key is the one it was founded with."""

from __future__ import annotations

from sqlalchemy import insert, select

from imaging.errors import StateError, VerificationError
from imaging.store import events, ids
from imaging.store.database import Database, now
from imaging.store.keys import Wrapper
from imaging.store.schema import sequence, workspace

_CONTEXT = "workspace"
_KNOWN = b"imaging"


def found(database: Database, wrapper: Wrapper) -> None:
    """Write the rows that every other row needs."""
    with database.write() as transaction:
        check = wrapper.wrap(_KNOWN, _CONTEXT)
        transaction.execute(insert(workspace).values(id=1, created=now(), key_check=check))
        transaction.execute(insert(sequence).values(name=ids.NAME, next=ids.FIRST))
        events.open_chain(transaction, None)


def check_key(database: Database, wrapper: Wrapper) -> None:
    """Refuse a master key that does not belong to this database, before anything is sealed with it."""
    with database.read() as transaction:
        sealed = transaction.execute(select(workspace.c.key_check)).scalar_one()
    try:
        wrapper.unwrap(bytes(sealed), _CONTEXT)
    except VerificationError as error:
        raise StateError("master key", "belongs to another workspace") from error
