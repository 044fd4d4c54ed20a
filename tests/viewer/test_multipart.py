"""Uploads read as they arrive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.errors import InvalidInputError
from viewer.multipart import FORM, MultipartReader

TYPE = "multipart/form-data; boundary=cut"


def _body(files, *, field="files[]"):
    parts = [
        f'--cut\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        "Content-Type: application/dicom\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, content in files
    ]
    return b"".join(parts) + b"--cut--\r\n"


def _reader(body, size=7, content_type=TYPE):
    chunks = iter([body[start : start + size] for start in range(0, len(body), size)])
    return MultipartReader(content_type, lambda: next(chunks, b""), FORM)


@given(
    st.lists(st.tuples(st.text("abc/. é", min_size=1, max_size=8), st.binary(max_size=60)), max_size=4),
    st.integers(1, 50),
)
def test_files_come_out_as_they_went_in(files, size):
    files = [(name, content) for name, content in files if b"--cut" not in content]
    read = [(part.filename, part.read()) for part in _reader(_body(files), size).files()]
    assert [content for _, content in read] == [content for _, content in files]
    assert [name for name, _ in read] == [name for name, _ in files]


def test_more_files_than_a_form_parser_allows():
    files = [(f"{number}.dcm", b"x") for number in range(1500)]
    assert sum(1 for _ in _reader(_body(files), 4096).files()) == 1500


def test_a_file_that_nobody_reads_is_skipped():
    names = [part.filename for part in _reader(_body([("a", b"1" * 100), ("b", b"2")])).files()]
    assert names == ["a", "b"]


def test_a_file_is_read_once_and_then_empty():
    reader = _reader(_body([("a", b"12345"), ("b", b"67")]))
    read = []
    for part in reader.files():
        read.append((part.read(3), part.read(), part.read(), part.read(5)))
    assert read == [(b"123", b"45", b"", b""), (b"67", b"", b"", b"")]


def test_fields_that_are_no_files_are_left_out():
    body = b'--cut\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n' + _body([("a", b"1")])
    assert [part.filename for part in _reader(body).files()] == ["a"]
    assert list(_reader(_body([("a", b"1")], field="other")).files()) == []


@pytest.mark.parametrize("cut", [1, 20, 90, 140])
def test_a_body_that_breaks_off_is_refused(cut):
    body = _body([("a", b"1" * 60)])
    with pytest.raises(InvalidInputError):
        [part.read() for part in _reader(body[:cut]).files()]


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data", "multipart/mixed; boundary=cut"])
def test_only_forms_with_a_boundary_are_read(kind):
    with pytest.raises(InvalidInputError):
        _reader(b"", content_type=kind)


def test_what_is_no_multipart_body_is_refused():
    with pytest.raises(InvalidInputError):
        list(_reader(b"hello, this is not it").files())


def test_a_boundary_that_the_parser_refuses_is_bad_input():
    with pytest.raises(InvalidInputError, match="boundary"):
        _reader(b"", content_type="multipart/form-data; boundary=" + "c" * 300)
