"""Each wrong file ends in one reason; no header value is ever said."""

from __future__ import annotations

import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest

from imaging.dicom import headers, owners
from imaging.dicom.headers import read_instance
from imaging.dicom.limits import Limits
from imaging.dicom.owners import read_owners
from imaging.dicom.planes import cut_planes
from imaging.dicom.walk import Found
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError


def refuse(path: Path, limits: Limits | None = None) -> Reason:
    with pytest.raises(RefusedFileError) as caught:
        read_instance(Found(path, path.name), limits)
    return caught.value.reason


def test_a_plain_slice_is_read_without_its_pixels(factory):
    path = factory.slice(3.0)
    instance = read_instance(Found(path, "a.dcm"))
    assert "PixelData" not in instance.header
    assert (instance.format.rows, instance.format.columns, instance.frames) == (4, 6, 1)
    assert instance.span.offset + instance.span.length == path.stat().st_size
    assert instance.name == "a.dcm"


def test_a_text_file_named_dcm_is_not_dicom(tmp_path: Path):
    path = tmp_path / "note.dcm"
    path.write_text("This is a note, not an image. " * 20)
    assert refuse(path) is Reason.NOT_DICOM


def test_an_empty_file_is_not_dicom(tmp_path: Path):
    path = tmp_path / "empty.dcm"
    path.touch()
    assert refuse(path) is Reason.NOT_DICOM


def test_a_file_cut_in_its_pixels_is_truncated(factory):
    path = factory.slice(0.0)
    path.write_bytes(path.read_bytes()[:-2])
    assert refuse(path) is Reason.TRUNCATED


def test_a_cut_at_any_offset_is_one_refusal(factory):
    path = factory.slice(0.0)
    whole = path.read_bytes()
    allowed = {Reason.TRUNCATED, Reason.NOT_DICOM, Reason.UNREADABLE, Reason.NO_PIXELS, Reason.EMPTY_PATIENT_ID}
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert refuse(path) in allowed


@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_patient_id_is_no_subject(factory, value: str):
    assert refuse(factory.slice(0.0, PatientID=value)) is Reason.EMPTY_PATIENT_ID


def test_a_header_without_pixels_has_no_pixels(factory):
    assert refuse(factory.write(factory.header(Rows=4, Columns=6), None)) is Reason.NO_PIXELS


def test_an_embedded_document_is_kept_apart(factory):
    header = factory.header(SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1")
    assert refuse(factory.write(header, None)) is Reason.EMBEDDED_DOCUMENT


@pytest.mark.parametrize("changes", [{"NumberOfFrames": "2"}, {"NumberOfFrames": None}])
def test_pixels_that_the_header_does_not_announce_are_not_dropped(factory, changes: dict[str, str | None]):
    header = factory.header(NumberOfFrames="3")
    path = factory.write(header, np.zeros((3, 4, 6), np.int16))
    assert read_instance(Found(path, "a")).frames == 3
    header = factory.header(**{key: value for key, value in changes.items() if value})
    assert refuse(factory.write(header, np.zeros((3, 4, 6), np.int16))) is Reason.UNREADABLE


def test_padding_behind_the_last_frame_is_no_pixel(factory):
    path = factory.slice(0.0)
    raw, old = path.read_bytes(), b"OW\0\0" + (48).to_bytes(4, "little")
    assert old in raw
    path.write_bytes(raw.replace(old, b"OW\0\0" + (60).to_bytes(4, "little")) + bytes(12))
    assert read_instance(Found(path, "a")).frames == 1


def test_a_length_of_pixels_beyond_the_end_is_truncated(factory):
    path = factory.slice(0.0)
    raw, old = path.read_bytes(), b"OW\0\0" + (48).to_bytes(4, "little")
    path.write_bytes(raw.replace(old, b"OW\0\0" + (60).to_bytes(4, "little")))
    assert refuse(path) is Reason.TRUNCATED


@pytest.mark.parametrize(
    "changes",
    [
        {"RescaleSlope": "0"},
        {"RescaleSlope": "1e300"},
        {"RescaleIntercept": "-1e300"},
        {"ImagePositionPatient": ["0", "0", "1e300"]},
        {"PixelSpacing": ["1e300", "1"]},
    ],
)
def test_numbers_that_make_no_sense_make_no_volume(factory, changes: dict[str, object]):
    instance = read_instance(Found(factory.slice(0.0, **changes), "a"))
    with pytest.raises(RefusedFileError) as caught:
        cut_planes(instance)
    assert caught.value.reason is Reason.UNREADABLE


def test_a_slope_that_is_no_number_does_not_count_as_none(factory):
    path = factory.slice(0.0, RescaleSlope="1.5")
    path.write_bytes(path.read_bytes().replace(b"1.5 ", b"nan "))
    with pytest.raises(RefusedFileError):
        cut_planes(read_instance(Found(path, "a")))


def test_more_frames_than_bytes_are_truncated(factory):
    header = factory.header(NumberOfFrames="1000")
    assert refuse(factory.write(header, np.zeros((4, 6), np.int16))) is Reason.TRUNCATED


def test_frames_beyond_the_limit_are_refused(factory):
    header = factory.header(NumberOfFrames="999999999")
    assert refuse(factory.write(header, np.zeros((4, 6), np.int16))) is Reason.LIMIT_EXCEEDED


def test_a_header_beyond_the_limit_is_refused(factory):
    path = factory.slice(0.0, ImageComments="x" * 5000)
    assert refuse(path, Limits(header_bytes=4000)) is Reason.LIMIT_EXCEEDED


def test_items_beyond_the_limit_are_counted_before_they_are_read(factory, monkeypatch: pytest.MonkeyPatch):
    path = factory.slice(0.0)
    raw, pixels = path.read_bytes(), b"\xe0\x7f\x10\x00"
    begin = b"\x32\x00\x64\x10SQ\0\0\xff\xff\xff\xff"
    items = b"\xfe\xff\x00\xe0\0\0\0\0" * 6_000_000 + b"\xfe\xff\xdd\xe0\0\0\0\0"
    path.write_bytes(raw.replace(pixels, begin + items + pixels))
    assert refuse(path, Limits(items=6_000_000 - 1)) is Reason.LIMIT_EXCEEDED
    monkeypatch.setattr(headers, "read_partial", pytest.fail)
    assert refuse(path) is Reason.LIMIT_EXCEEDED
    monkeypatch.setattr(owners, "read_partial", pytest.fail)
    assert read_owners(path).persons == {("", "PHA-0001")}


def test_a_sequence_without_a_length_is_part_of_the_header(factory):
    path = factory.slice(0.0)
    raw, pixels = path.read_bytes(), b"\xe0\x7f\x10\x00"
    comment = b"\x10\x00\x00\x40LT\x00\x80" + b"x" * 0x8000
    item = b"\xfe\xff\x00\xe0" + len(comment).to_bytes(4, "little") + comment
    begin, end = b"\x32\x00\x64\x10SQ\0\0\xff\xff\xff\xff", b"\xfe\xff\xdd\xe0\0\0\0\0"
    path.write_bytes(raw.replace(pixels, begin + item * 4 + end + pixels))
    assert refuse(path, Limits(header_bytes=100_000)) is Reason.LIMIT_EXCEEDED
    assert read_instance(Found(path, "a"), Limits(header_bytes=150_000)).frames == 1


def test_many_items_within_the_limit_pass(factory):
    path = factory.slice(0.0)
    raw, pixels = path.read_bytes(), b"\xe0\x7f\x10\x00"
    begin = b"\x32\x00\x64\x10SQ\0\0\xff\xff\xff\xff"
    items = b"\xfe\xff\x00\xe0\0\0\0\0" * 100 + b"\xfe\xff\xdd\xe0\0\0\0\0"
    path.write_bytes(raw.replace(pixels, begin + items + pixels))
    assert len(read_instance(Found(path, "a"), Limits(items=100)).header.RequestedProcedureCodeSequence) == 100
    assert refuse(path, Limits(items=99)) is Reason.LIMIT_EXCEEDED


def test_a_video_has_no_decoder(factory):
    path = factory.slice(0.0)
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0"))
    assert refuse(path) is Reason.UNSUPPORTED_SYNTAX


def test_a_deflate_bomb_stays_within_the_limit(factory):
    path = factory.slice(0.0)
    raw = path.read_bytes()
    header_end = 132 + 12 + int.from_bytes(raw[140:144], "little")
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = deflater.compress(raw[header_end:] + bytes(50_000_000)) + deflater.flush()
    head = raw[:header_end].replace(b"UI\x14\x001.2.840.10008.1.2.1\0", b"UI\x16\x001.2.840.10008.1.2.1.99")
    head = head[:140] + (int.from_bytes(raw[140:144], "little") + 2).to_bytes(4, "little") + head[144:]
    path.write_bytes(head + body)
    assert len(body) < 100_000
    assert refuse(path, Limits(inflated_bytes=1_000_000)) is Reason.LIMIT_EXCEEDED
    instance = read_instance(Found(path, "a"))
    assert instance.span.deflated


def test_no_header_value_is_said_in_warnings_logs_or_errors(factory, capfd, caplog):
    header = factory.header(PatientID="SECRET0001")
    path = factory.write(header, np.zeros((4, 6), np.int16))
    raw = path.read_bytes().replace(b"DS\x02\x002 ", b"DS\x02\x00XQ").replace(b"IS\x02\x001 ", b"IS\x02\x00ZQ")
    path.write_bytes(raw.replace(b"20200304", b"SECRETDA"))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        instance = read_instance(Found(path, "a"))
        cut_planes(instance)
    out = capfd.readouterr()
    text = out.out + out.err + caplog.text + "".join(str(item.message) for item in said)
    assert text == ""


def test_every_file_bundled_with_pydicom_is_read_or_refused(bundled: Path):
    reasons: dict[str, int] = {}
    for path in sorted(bundled.rglob("*")):
        if path.is_file():
            try:
                read_instance(Found(path, path.name))
                outcome = "read"
            except RefusedFileError as refusal:
                outcome = refusal.reason.value
            reasons[outcome] = reasons.get(outcome, 0) + 1
    assert reasons["read"] > 20
    assert reasons["truncated"] >= 1
