"""Whose a file is can be read as long as its bytes say so, whatever is wrong with the rest."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from imaging.dicom.owners import Owners, read_owners
from imaging.dicom.traces import find_persons

ID, ISSUER = "PHA-0001", "PHANTOM-HOSPITAL"
LITTLE = b"\x10\x00\x20\x00LO\x08\x00PHA-0001"


def patient_ids(owners: Owners) -> set[str]:
    return {*owners.listed} | ({owners.stated[1]} if owners.stated else set())


@pytest.mark.parametrize("syntax", ["", ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_a_file_states_its_person_in_any_encoding(factory, syntax: str):
    header = factory.header(IssuerOfPatientID=ISSUER)
    path = factory.write(header, np.zeros((4, 6), np.int16), **({"syntax": syntax} if syntax else {}))
    assert read_owners(path) == Owners(stated=(ISSUER, ID))


def test_a_file_cut_anywhere_behind_the_patient_id_is_still_theirs(factory):
    path = factory.slice(0.0)
    whole = path.read_bytes()
    for length in range(whole.index(LITTLE) + len(LITTLE), len(whole)):
        path.write_bytes(whole[:length])
        assert patient_ids(read_owners(path)) == {ID}


def test_a_file_that_may_have_lost_its_issuer_is_of_any_issuer(factory):
    path = factory.slice(0.0, IssuerOfPatientID=ISSUER)
    raw = path.read_bytes()
    path.write_bytes(raw[: raw.index(LITTLE) + len(LITTLE)])
    assert read_owners(path) == Owners(stated=("", ID), listed=frozenset({ID}))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_before_the_patient_id_hides_nobody(factory, data: st.DataObject):
    path = factory.slice(0.0)
    raw = path.read_bytes()
    place = data.draw(st.integers(140, 440))
    assert place < raw.index(LITTLE) - 8
    path.write_bytes(raw[:place] + data.draw(st.binary(min_size=1, max_size=7)) + raw[place + 4 :])
    assert ID in patient_ids(read_owners(path))


def test_a_deflated_file_that_is_damaged_names_its_person(factory):
    path = factory.write(factory.header(), np.zeros((4, 6), np.int16), syntax=DeflatedExplicitVRLittleEndian)
    raw = path.read_bytes()
    path.write_bytes(raw[:-60])
    assert patient_ids(read_owners(path)) == {ID}


@pytest.mark.parametrize("start", [b"", "a header"])
def test_a_file_of_zeros_takes_no_time(factory, start: bytes | str):
    path = factory.slice(0.0)
    raw = path.read_bytes()
    with path.open("wb") as stream:
        stream.write(raw[: raw.index(LITTLE)] if start else b"")
        stream.truncate(2**32)
    began = time.monotonic()
    assert read_owners(path) == Owners()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (LITTLE, {("", ID)}),
        (LITTLE + b"\x10\x00\x21\x00LO\x02\x00H ", {("H", ID)}),
        (b"\x10\x00\x20\x00\x08\0\0\0PHA-0001\x10\x00\x21\x00\x02\0\0\0H ", {("H", ID)}),
        (b"\x00\x10\x00\x20LO\x00\x08PHA-0001\x00\x10\x00\x21LO\x00\x02H ", {("H", ID)}),
        (b"xx" + LITTLE + b"yy" + LITTLE.replace(b"0001", b"0002"), {("", ID), ("", "PHA-0002")}),
        (b"\x10\x00\x20\x00LO\x04\x00\xc3\xa9\xe9 ", {("", "Ã©é")}),
        (b"\x10\x00\x20\x00LO\x02\x00\xc3\xa9", {("", "é")}),
        (LITTLE[:-1], set()),
        (b"\x10\x00\x20\x00LO\x02\x00\0 ", set()),
        (b"\x10\x00\x20\x00\xff\xff\xff\xff" + b"A" * 900, set()),
        (b"\x10\x00\x20", set()),
    ],
)
def test_persons_are_found_in_what_cannot_be_parsed(data: bytes, found: set[tuple[str, str]]):
    assert find_persons(data) == found


def test_records_tell_issuers_where_they_name_them(factory):
    header = factory.header(PatientID=None)
    header.SOPClassUID = pydicom.uid.MediaStorageDirectoryStorage
    ours, theirs = pydicom.Dataset(), pydicom.Dataset()
    ours.PatientID, ours.IssuerOfPatientID, theirs.PatientID = ID, ISSUER, "PHA-0002"
    header.DirectoryRecordSequence = [ours, theirs]
    path: Path = factory.write(header, None)
    assert read_owners(path) == Owners(listed=frozenset({ID, "PHA-0002"}), named=frozenset({(ISSUER, ID)}))


def test_a_big_endian_file_that_is_damaged_names_its_person(factory):
    path = factory.write(factory.header(), None, syntax=ExplicitVRBigEndian)
    raw = path.read_bytes()
    place = raw.index(b"\x00\x08\x00\x16UI")
    path.write_bytes(raw[:place] + b"\x00\x08\x00\x16SQ\0\0\xff\xff\xff\xff" + raw[place + 8 :])
    assert patient_ids(read_owners(path)) == {ID}
