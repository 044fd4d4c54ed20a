"""Which key a person's files are treated with, over rotations that link or break."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from imaging.dicom.epochs import Epochs
from imaging.dicom.pseudonyms import Pseudonyms, fingerprint
from imaging.domain.epoch import KeyEpoch, RotationPolicy

LINK, BREAK = RotationPolicy.LINK, RotationPolicy.BREAK
secrets = st.binary(min_size=32, max_size=32)
texts = st.text(min_size=1, max_size=30).filter(lambda text: text.strip(" \0") != "")
uids = st.lists(st.integers(0, 10**9), min_size=3, max_size=6).map(lambda parts: ".".join(["1.3", *map(str, parts)]))


def made(*policies: RotationPolicy) -> list[KeyEpoch]:
    """The first epoch and one more for each policy."""
    return [KeyEpoch(number, policy, bytes([number]) * 32) for number, policy in enumerate((BREAK, *policies), 1)]


def keys(epochs: Sequence[KeyEpoch]) -> list[Pseudonyms]:
    return [Pseudonyms(epoch.secret) for epoch in epochs]


@given(secrets, secrets, texts, texts, uids, st.binary(max_size=50))
def test_two_epochs_share_nothing(one: bytes, two: bytes, issuer: str, patient_id: str, uid: str, content: bytes):
    assume(one != two)
    old, new = Pseudonyms(one), Pseudonyms(two)
    assert old.subject(issuer, patient_id) != new.subject(issuer, patient_id)
    assert old.uid(uid) != new.uid(uid)
    assert old.identifier("AccessionNumber", patient_id) != new.identifier("AccessionNumber", patient_id)
    assert old.digest(content) != new.digest(content)


def test_dates_move_by_other_days_under_another_epoch():
    old, new = keys(made(LINK))
    persons = [str(number) for number in range(300)]
    same = [p for p in persons if old.days(old.subject("", p)) == new.days(new.subject("", p))]
    assert len(same) < 5


@given(texts, texts)
def test_before_any_rotation_there_is_one_key_and_nobody_is_asked_for(issuer: str, patient_id: str):
    def ask() -> frozenset[str]:
        raise AssertionError("the way back need not be read")

    epochs = Epochs(made(), ask)
    (only,) = keys(made())
    assert epochs.of(issuer, patient_id).subject("", "x") == only.subject("", "x")
    assert epochs.digests(fingerprint(b"x")) == (only.digest(b"x"),)


@given(texts, texts)
def test_who_is_known_keeps_the_key_over_a_link_and_who_is_new_gets_the_newest(issuer: str, patient_id: str):
    old, new = keys(made(LINK))
    subject = old.subject(issuer, patient_id)
    assert Epochs(made(LINK), lambda: {subject}).of(issuer, patient_id).subject(issuer, patient_id) == subject
    assert Epochs(made(LINK), lambda: {"X"}).of(issuer, patient_id).uid("1.2.3") == new.uid("1.2.3")


@given(texts, texts)
def test_after_a_break_everybody_gets_the_newest(issuer: str, patient_id: str):
    old, new = keys(made(BREAK))
    epochs = Epochs(made(BREAK), lambda: {old.subject(issuer, patient_id)})
    assert epochs.of(issuer, patient_id).uid("1.2.3") == new.uid("1.2.3") != old.uid("1.2.3")


@pytest.mark.parametrize(
    ("known_under", "policies", "treated_with"),
    [
        (1, (LINK, LINK), 1),
        (2, (LINK, LINK), 2),
        (1, (BREAK, LINK), 3),
        (2, (BREAK, LINK), 2),
        (2, (LINK, BREAK), 3),
        (1, (LINK, BREAK, LINK), 4),
        (3, (LINK, BREAK, LINK), 3),
    ],
)
def test_a_link_reaches_back_to_the_last_break(
    known_under: int, policies: tuple[RotationPolicy, ...], treated_with: int
):
    every = keys(made(*policies))
    subject = every[known_under - 1].subject("A", "1")
    chosen = Epochs(made(*policies), lambda: {subject}).of("A", "1")
    assert chosen.uid("1.2.3") == every[treated_with - 1].uid("1.2.3")


def test_the_choice_is_made_once_for_a_person_however_the_id_is_padded():
    known, asked = set[str](), []

    def ask() -> set[str]:
        asked.append(1)
        return known

    epochs = Epochs(made(LINK), ask)
    first = epochs.of("A", "1")
    known.add(keys(made())[0].subject("A", "1"))
    assert epochs.of("A ", " 1\0") is first
    epochs.of("A", "2")
    assert asked == [1]


def test_an_objection_is_known_by_the_pseudonyms_of_every_epoch_over_breaks_too():
    epochs = made(LINK, BREAK, LINK)
    assert Epochs(epochs).subjects("A", "1") == {key.subject("A", "1") for key in keys(epochs)}


def test_a_file_is_known_by_its_digests_since_the_last_break_the_newest_last():
    epochs = made(LINK, BREAK, LINK)
    assert Epochs(epochs).digests(fingerprint(b"x")) == tuple(key.digest(b"x") for key in keys(epochs)[2:])
