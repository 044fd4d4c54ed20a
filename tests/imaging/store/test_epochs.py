"""The sealed secrets of a project: a new one is put behind, and none opens out of its place."""

from __future__ import annotations

import pytest

from imaging.domain.base import ProjectKey
from imaging.domain.epoch import RotationPolicy
from imaging.errors import VerificationError
from imaging.store.epochs import add_epoch, open_epochs, open_first_epoch, seal_first_epoch
from imaging.store.keys import SEALED_KEY_BYTES, Wrapper

MASTER, OTHER = Wrapper(b"m" * 32), Wrapper(b"o" * 32)
HERE, THERE = ProjectKey(7), ProjectKey(8)


@pytest.fixture
def sealed() -> bytes:
    """Three epochs: the first, one linked to it, one that breaks."""
    grown, _ = add_epoch(seal_first_epoch(MASTER, HERE), MASTER, HERE, RotationPolicy.LINK)
    return add_epoch(grown, MASTER, HERE, RotationPolicy.BREAK)[0]


def test_a_project_that_never_rotated_is_epoch_1() -> None:
    sealed = MASTER.wrap(b"s" * 32, "project:7")
    (epoch,) = open_epochs(sealed, MASTER, HERE)
    assert (epoch.number, epoch.secret) == (1, b"s" * 32)
    assert len(sealed) == SEALED_KEY_BYTES


def test_a_new_secret_is_put_behind_and_the_earlier_stay_byte_for_byte(sealed: bytes) -> None:
    grown, number = add_epoch(sealed, MASTER, HERE, RotationPolicy.LINK)
    assert number == 4
    assert grown.startswith(sealed)
    epochs = open_epochs(grown, MASTER, HERE)
    assert epochs[:3] == open_epochs(sealed, MASTER, HERE)
    assert [epoch.number for epoch in epochs] == [1, 2, 3, 4]
    assert [epoch.policy.value for epoch in epochs[1:]] == ["link", "break", "link"]
    assert {len(epoch.secret) for epoch in epochs} == {32}
    assert len({epoch.secret for epoch in epochs}) == 4


def test_the_first_secret_is_the_same_after_every_rotation(sealed: bytes) -> None:
    assert open_first_epoch(sealed, MASTER, HERE) == open_epochs(sealed, MASTER, HERE)[0].secret


def test_no_secret_is_printed(sealed: bytes) -> None:
    for epoch in open_epochs(sealed, MASTER, HERE):
        assert repr(epoch.secret) not in repr(epoch)


def test_another_master_key_opens_nothing_and_adds_nothing(sealed: bytes) -> None:
    for attempt in (
        lambda: open_epochs(sealed, OTHER, HERE),
        lambda: open_first_epoch(sealed, OTHER, HERE),
        lambda: add_epoch(sealed, OTHER, HERE, RotationPolicy.LINK),
        lambda: open_epochs(sealed, MASTER, THERE),
    ):
        with pytest.raises(VerificationError):
            attempt()


def test_swapped_cut_or_changed_secrets_do_not_open(sealed: bytes) -> None:
    first, further = sealed[:SEALED_KEY_BYTES], 1 + SEALED_KEY_BYTES
    second, third = sealed[SEALED_KEY_BYTES : SEALED_KEY_BYTES + further], sealed[-further:]
    for changed in (
        first + third + second,
        first + third,
        first + b"B" + second[1:] + third,
        first + b"?" + second[1:],
        sealed[:-1],
        sealed + b"L",
        b"",
    ):
        with pytest.raises(VerificationError):
            open_epochs(changed, MASTER, HERE)
