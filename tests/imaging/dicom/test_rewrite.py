"""A rewritten file has the same picture and a readable header; a damaged or hostile one has one clear reason."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from imaging.dicom.decode import read_frames
from imaging.dicom.headers import read_any, read_instance
from imaging.dicom.instance import Instance
from imaging.dicom.profile import Profile
from imaging.dicom.pseudonymise import pseudonymise
from imaging.dicom.pseudonyms import Pseudonyms
from imaging.dicom.rewrite import rewrite
from imaging.dicom.walk import Found
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from tests.imaging.dicom.planting import DEFLATED, end_of_meta, image
from tests.imaging.dicom.side_channels import CHANNELS

OURS = Pseudonyms(b"a" * 32)
PROFILE = Profile()


def test_a_header_that_was_given_out_is_not_changed_by_the_next_file(tmp_path: Path):
    """Files of one kind in two transfer syntaxes: what they share is built once."""
    path = tmp_path / "one"
    path.write_bytes(image(syntax=ExplicitVRLittleEndian))
    first = pseudonymise(read_instance(Found(path, "x")).header, PROFILE, OURS)
    second = rewrite(read_instance(Found(path, "x")), io.BytesIO(), profile=PROFILE, pseudonyms=OURS)
    second.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    third = pseudonymise(read_instance(Found(path, "x")).header, PROFILE, OURS)
    assert first.file_meta.TransferSyntaxUID == third.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


def attempt(encoded: bytes, folder: Path) -> bytes | Reason:
    path = folder / "arrived"
    path.write_bytes(encoded)
    sink = io.BytesIO()
    try:
        rewrite(read_any(Found(path, "x")), sink, profile=PROFILE, pseudonyms=OURS)
    except RefusedFileError as refusal:
        return refusal.reason
    return sink.getvalue()


def frames_of(path: Path) -> list[np.ndarray]:
    return list(read_frames(read_instance(Found(path, "x"))))


def assert_same_picture(path: Path, folder: Path) -> bool:
    """Compare decoded frames before and after; tells whether the file was one that decodes."""
    try:
        arrived = read_any(Found(path, "x"))
        before = frames_of(path) if isinstance(arrived, Instance) else []
    except RefusedFileError:
        return False
    target = folder / "written.dcm"
    with target.open("wb") as sink:
        rewrite(arrived, sink, profile=PROFILE, pseudonyms=OURS)
    after = frames_of(target) if before else []
    assert len(before) == len(after)
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True)), path.name
    return bool(before)


def test_every_bundled_file_keeps_its_picture(bundled: Path, tmp_path: Path):
    assert sum(assert_same_picture(path, tmp_path) for path in sorted(bundled.rglob("*")) if path.is_file()) > 20


def test_every_syntax_of_the_shared_data_keeps_its_picture(shared_data: Path, tmp_path: Path):
    for folder, least in (("transfer_syntaxes_wg04", 34), ("ultrasound", 4), ("enhanced_multiframe", 5)):
        files = [path for path in sorted((shared_data / folder).rglob("*")) if path.is_file()]
        assert sum(assert_same_picture(path, tmp_path) for path in files) >= least, folder


def test_geometry_and_intensity_are_equal_to_the_letter(shared_data: Path, tmp_path: Path):
    path = sorted((shared_data / "ct_philips_phantom" / "dicom" / "S2010").glob("I*"))[3]
    written = attempt(path.read_bytes(), tmp_path)
    assert isinstance(written, bytes)
    before, after = pydicom.dcmread(path), pydicom.dcmread(io.BytesIO(written))
    for keyword in (
        *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "RescaleSlope"),
        *("RescaleIntercept", "WindowCenter", "WindowWidth", "Rows", "Columns", "BitsStored", "KVP", "Exposure"),
        *("GantryDetectorTilt", "ReconstructionDiameter", "InstanceNumber", "AcquisitionNumber", "ImageType"),
    ):
        assert before[keyword].value == after[keyword].value, keyword
    assert before.PixelData == after.PixelData


@pytest.mark.parametrize("syntax", ["explicit", "deflated"])
def test_a_file_cut_anywhere_has_one_reason_and_never_an_output_that_cannot_be_read(syntax: str, tmp_path: Path):
    whole = image() if syntax == "explicit" else image(syntax=DEFLATED)
    # What ends between two elements looks whole; such a length is even.
    even = range(600, len(whole) - 1, 2) if syntax == "explicit" else ()
    lengths = {*range(1, len(whole) - 1, 13), *even}
    outcomes = {attempt(whole[:length], tmp_path) for length in lengths}
    assert all(isinstance(outcome, Reason) for outcome in outcomes)
    reasons = {Reason.NOT_DICOM, Reason.TRUNCATED, Reason.UNREADABLE, Reason.EMPTY_PATIENT_ID, Reason.NO_PIXELS}
    assert outcomes <= reasons


@pytest.mark.parametrize("depth", [300, 3000])
def test_a_deep_nest_is_refused(depth: int, tmp_path: Path):
    inner = b""
    for _ in range(depth):
        item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + inner + b"\xfe\xff\x0d\xe0\0\0\0\0"
        inner = struct.pack("<HH2sHL", 0x0008, 0x2112, b"SQ", 0, 0xFFFFFFFF) + item + b"\xfe\xff\xdd\xe0\0\0\0\0"
    whole = image()
    place = whole.index(struct.pack("<HH", 0x0010, 0x0010))
    assert attempt(whole[:place] + inner + whole[place:], tmp_path) is Reason.UNREADABLE


def test_a_deflate_bomb_is_refused(tmp_path: Path):
    start = image(syntax=DEFLATED)
    stream = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    bomb = b"".join(stream.compress(bytes(2**24)) for _ in range(20)) + stream.flush()
    assert attempt(start[: end_of_meta(start)] + bomb, tmp_path) is Reason.LIMIT_EXCEEDED


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_damage_anywhere_ends_in_a_reason_or_in_a_readable_file(tmp_path_factory, data: st.DataObject):
    encoded = bytearray(CHANNELS[data.draw(st.sampled_from(sorted(CHANNELS)))]())
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(132, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    outcome = attempt(bytes(encoded), tmp_path_factory.mktemp("damage"))
    if isinstance(outcome, bytes):
        assert pydicom.dcmread(io.BytesIO(outcome)).PatientIdentityRemoved == "YES"
