"""Ids: one sequence, blocks for slices, never above 2^53 - 1."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, update

from imaging.errors import StateError
from imaging.store import ids, migrate
from imaging.store.database import Database, Transaction
from imaging.store.schema import sequence


@pytest.fixture
def database(database_url: str, tmp_path: Path):
    made = Database(database_url)
    made.create_file()
    migrate.upgrade(made)
    with made.write() as transaction:
        transaction.execute(insert(sequence).values(name=ids.NAME, next=ids.FIRST))
    yield made
    made.close()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory):
    made = Database(f"sqlite:///{tmp_path_factory.mktemp('ids') / 'ids.sqlite'}")
    migrate.upgrade(made)
    with made.write() as transaction:
        transaction.execute(insert(sequence).values(name=ids.NAME, next=ids.FIRST))
    yield made
    made.close()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 5000), min_size=1, max_size=20))
def test_blocks_never_overlap_and_only_grow(lasting: Database, sizes: list[int]) -> None:
    blocks = []
    for size in sizes:
        with lasting.write() as transaction:
            first = ids.reserve(transaction, size)
        blocks.append((first, first + size))
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(blocks))


def test_a_rolled_back_block_is_given_again_but_never_twice(lasting: Database) -> None:
    def fail(transaction: Transaction) -> None:
        lost.append(ids.reserve(transaction, 10))
        raise RuntimeError

    lost: list[int] = []
    with pytest.raises(RuntimeError), lasting.write() as transaction:
        fail(transaction)
    with lasting.write() as transaction:
        assert ids.reserve(transaction) == lost[0]
    with lasting.write() as transaction:
        assert ids.reserve(transaction) == lost[0] + 1


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_the_sequence_ends_below_two_to_the_53(database: Database) -> None:
    with database.write() as transaction:
        transaction.execute(update(sequence).values(next=ids.LAST))
    with pytest.raises(StateError), database.write() as transaction:
        ids.reserve(transaction, 2)
    with database.write() as transaction:
        assert ids.reserve(transaction) == 2**53 - 1
    with pytest.raises(StateError), database.write() as transaction:
        ids.reserve(transaction)


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_writers_at_once_get_different_ids(database: Database) -> None:
    taken: list[int] = []

    def take() -> None:
        for _ in range(10):
            with database.write() as transaction:
                taken.append(ids.reserve(transaction, 3))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(ids.FIRST, ids.FIRST + 120, 3))
