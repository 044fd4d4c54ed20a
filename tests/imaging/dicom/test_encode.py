"""A rewritten header is encoded to the bytes that pydicom would write, in every transfer syntax."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import UID

from imaging.dicom.codecs import DEFLATED, EXPLICIT
from imaging.dicom.encode import encode
from imaging.dicom.headers import read_any
from imaging.dicom.profile import Profile
from imaging.dicom.pseudonymise import pseudonymise
from imaging.dicom.pseudonyms import Pseudonyms
from imaging.dicom.walk import Found
from imaging.errors import RefusedFileError

BUNDLED = Path(str(get_testdata_file("CT_small.dcm"))).parent
OURS = Pseudonyms(b"a" * 32)


def written(header: pydicom.Dataset) -> bytes:
    buffer = BytesIO()
    pydicom.dcmwrite(buffer, header, enforce_file_format=True)
    return buffer.getvalue()


@pytest.mark.parametrize("profile", ["basic", "research", "longitudinal"])
def test_every_bundled_header_is_encoded_as_pydicom_writes_it(profile: str):
    syntaxes = set()
    for path in sorted(BUNDLED.rglob("*.dcm")):
        try:
            arrived = read_any(Found(path, path.name))
            header = pseudonymise(arrived.header, Profile.built_in(profile), OURS)
        except RefusedFileError:
            continue
        header.file_meta.TransferSyntaxUID = UID(EXPLICIT if arrived.syntax == DEFLATED else arrived.syntax)
        assert encode(header) == written(header)
        syntaxes.add(arrived.syntax)
    assert {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"} <= syntaxes


def test_a_header_that_changes_its_encoding_is_converted():
    header = pydicom.dcmread(str(get_testdata_file("MR_small_implicit.dcm")), stop_before_pixels=True)
    header.file_meta.TransferSyntaxUID = UID(EXPLICIT)
    assert encode(header) == written(header)
    again = pydicom.dcmread(BytesIO(encode(header)))
    assert again.Rows == 64
