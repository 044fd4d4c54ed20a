"""Damaged and hostile files end in one refusal, whatever is wrong with them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread, dcmwrite

from imaging.dicom.decode import read_slab
from imaging.dicom.headers import read_instance
from imaging.dicom.profile import Profile
from imaging.dicom.pseudonymise import pseudonymise
from imaging.dicom.pseudonyms import Pseudonyms
from imaging.dicom.series import group
from imaging.dicom.walk import Found
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from tests.imaging.dicom.headers_made import make_header

KEY = Pseudonyms(b"k" * 32)
BUNDLED = [
    "CT_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_RLE.dcm",
    "693_J2KI.dcm",
    "JPGExtended.dcm",
]


def go_through(path: Path) -> str:
    """Everything that an ingest does with one file; only a refusal may stop it."""
    try:
        instance = read_instance(Found(path, "a"))
        grouped = group([instance])
        for stack in grouped.stacks:
            pseudonymise(instance.header, Profile(), KEY)
            read_slab(stack, 0, len(stack.planes[0]))
    except RefusedFileError as refusal:
        return refusal.reason.value
    return "refused" if grouped.refused else "read"


@pytest.mark.parametrize("name", BUNDLED)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_changed_bytes_raise_nothing_but_a_refusal(bundled: Path, tmp_path: Path, name: str, data: st.DataObject):
    raw = bytearray((bundled / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(132, min(len(raw), 4000) - 5))
        raw[place : place + data.draw(st.integers(1, 4))] = data.draw(st.binary(min_size=0, max_size=6))
    path = tmp_path / "damaged.dcm"
    path.write_bytes(raw)
    assert go_through(path) in {reason.value for reason in Reason} | {"read", "refused"}


@pytest.mark.parametrize("depth", [20, 300, 5000])
def test_deep_nesting_is_read_or_refused_in_bounded_time(factory, depth: int):
    path = factory.slice(0)
    raw = path.read_bytes()
    pixels = raw.rindex(b"\xe0\x7f\x10\x00")
    begin = b"\x28\x00\x45\x91SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    end = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    path.write_bytes(raw[:pixels] + begin * depth + end * depth + raw[pixels:])
    assert go_through(path) == ("read" if depth < 100 else "unreadable")


def test_a_refusal_says_no_value_and_hides_its_cause(factory):
    path = factory.slice(0, PatientID="PHANTOM0099")
    raw = path.read_bytes()
    path.write_bytes(raw[: raw.index(b"PHANTOM0099") + 4])
    with pytest.raises(RefusedFileError) as caught:
        read_instance(Found(path, "secret-name.dcm"))
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert "PHANTOM" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_private_value_of_another_kind_than_its_dictionary_says_goes_alone() -> None:
    # Philips scanners write the pitch as text where pydicom's dictionary has a double; implicit files do not say which.
    written = make_header(SliceThickness="5")
    block = written.private_block(0x01F1, "ELSCINT1", create=True)
    block.add_new(0x26, "LO", "0.391 ")
    block.add_new(0x07, "DS", "1.5")
    stream = BytesIO()
    dcmwrite(stream, written, implicit_vr=True, little_endian=True)
    header = dcmread(BytesIO(stream.getvalue()), force=True)
    result = pseudonymise(header, Profile.built_in("research"), KEY)
    assert result.SliceThickness == 5
    assert (0x01F1, 0x1026) not in result
