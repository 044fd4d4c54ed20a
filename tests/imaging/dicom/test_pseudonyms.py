"""Keyed, repeatable, unlinkable."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.dicom.pseudonyms import Pseudonyms
from imaging.errors import InvalidInputError

OURS, THEIRS = Pseudonyms(b"a" * 32), Pseudonyms(b"b" * 32)
texts = st.text(min_size=1, max_size=30).filter(lambda text: text.strip(" \0") != "")
uids = st.lists(st.integers(0, 10**9), min_size=3, max_size=6).map(lambda parts: ".".join(["1.3", *map(str, parts)]))


@given(texts, texts)
def test_same_input_gives_the_same_pseudonym_and_another_key_another(issuer: str, patient_id: str):
    assert OURS.subject(issuer, patient_id) == Pseudonyms(b"a" * 32).subject(issuer, patient_id)
    assert OURS.subject(issuer, patient_id) != THEIRS.subject(issuer, patient_id)
    assert re.fullmatch(r"[A-Z2-7]{16}", OURS.subject(issuer, patient_id))


def test_two_hospitals_same_number_are_two_persons():
    assert OURS.subject("A", "0001") != OURS.subject("B", "0001")
    assert OURS.subject("A", "B1") != OURS.subject("AB", "1")


def test_padding_and_unicode_forms_are_one_person():
    assert OURS.subject("", "J\u00e9 1 ") == OURS.subject(" ", "Je\u0301 1\0")


@pytest.mark.parametrize("patient_id", ["", "  ", "\0"])
def test_an_empty_id_has_no_pseudonym(patient_id: str):
    with pytest.raises(InvalidInputError):
        OURS.subject("A", patient_id)


@given(uids)
def test_uids_are_valid_keyed_version_8(uid: str):
    replaced = OURS.uid(uid)
    assert replaced == OURS.uid(f"{uid}\0") != THEIRS.uid(uid)
    assert len(replaced) <= 44
    number = int(replaced.removeprefix("2.25."))
    assert (number >> 76) & 0xF == 8
    assert (number >> 62) & 0b11 == 0b10


def test_a_thousand_ids_share_nothing_between_projects():
    ours = {OURS.subject("", str(number)) for number in range(1000)} | {OURS.uid(f"1.2.{n}") for n in range(1000)}
    theirs = {THEIRS.subject("", str(number)) for number in range(1000)} | {THEIRS.uid(f"1.2.{n}") for n in range(1000)}
    assert len(ours) == len(theirs) == 2000
    assert not ours & theirs


def test_standard_uids_stay():
    assert OURS.uid("1.2.840.10008.5.1.4.1.1.2") == "1.2.840.10008.5.1.4.1.1.2"
    assert OURS.uid("") == ""


def test_a_made_up_uid_below_the_standards_root_is_replaced():
    assert OURS.uid("1.2.840.10008.4711.20200304").startswith("2.25.")


def test_days_are_whole_negative_and_differ_between_subjects():
    shifts = [OURS.days(OURS.subject("", str(number))) for number in range(500)]
    assert all(-3650 <= shift <= -1 for shift in shifts)
    assert len(set(shifts)) > 400


def test_no_output_is_an_unkeyed_hash(tmp_path: Path):
    value = b"PHA-0001"
    hashes = [hashlib.new(name, value) for name in ("md5", "sha1", "sha256")]
    known = {found.hexdigest() for found in hashes} | {str(int(found.hexdigest(), 16)) for found in hashes}
    source = tmp_path / "a"
    source.write_bytes(value)
    digest = OURS.digest(source)
    outputs = [
        OURS.subject("", "PHA-0001"),
        OURS.uid("PHA-0001"),
        digest,
        OURS.identifier("AccessionNumber", "PHA-0001"),
    ]
    assert digest == OURS.digest(value) != THEIRS.digest(value)
    assert not any(output[:12].lower() in found for output in outputs for found in known)


def starts_of_hashes(value: bytes) -> Iterator[str]:
    """First twelve signs of every unkeyed hash in every way that tools write one."""
    for name in ("md5", "sha1", "sha256"):
        digest = hashlib.new(name, value).digest()
        yield digest.hex()[:12]
        yield str(int.from_bytes(digest, "big"))[:12]
        yield str(int.from_bytes(digest[:16], "big"))[:12]
        yield base64.b32encode(digest)[:12].decode().lower()
        yield base64.urlsafe_b64encode(digest)[:12].decode().lower()


def signs_of(value: str) -> Iterator[str]:
    """Twelve signs at which an output could start to be a hash."""
    text = value.lower().removeprefix("2.25.")
    yield text[:12]
    if text.isdigit():
        yield f"{int(text):x}"[:12]


@pytest.mark.parametrize("count", [20_000, pytest.param(1_000_000, marks=pytest.mark.heavy)])
def test_who_tries_every_id_without_the_key_finds_nobody(count: int):
    # Twelve digits of so many hashes meet by chance once in a hundred runs; the ids are fixed.
    persons = [f"{number:07d}" for number in range(0, count, count // 50)]
    outputs = [OURS.subject("", person) for person in persons]
    outputs += [OURS.uid(f"1.2.3.{int(person)}") for person in persons]
    outputs += [OURS.identifier("AccessionNumber", person) for person in persons]
    sought = {start for output in outputs for start in signs_of(output)}
    tried = (text for number in range(count) for text in (f"{number:07d}", f"1.2.3.{number}"))
    found = [text for text in tried if not sought.isdisjoint(starts_of_hashes(text.encode()))]
    assert found == []


def test_the_attack_finds_an_unkeyed_hash():
    assert hashlib.md5(b"0000042").hexdigest()[:12] in set(starts_of_hashes(b"0000042"))
    number = int(hashlib.md5(b"0000042").hexdigest(), 16)
    assert not set(signs_of(f"2.25.{number}")).isdisjoint(starts_of_hashes(b"0000042"))


def test_kinds_of_identifiers_do_not_meet():
    assert OURS.identifier("AccessionNumber", "1") != OURS.identifier("StackID", "1")
    assert OURS.identifier("AccessionNumber", " ") == ""


@pytest.mark.parametrize("secret", [b"", b"short", b"x" * 31, b"x" * 33])
def test_a_key_has_256_bits(secret: bytes):
    with pytest.raises(InvalidInputError):
        Pseudonyms(secret)
