"""No identifier comes through any of the places where a DICOM file can hold one."""

from __future__ import annotations

import io
from pathlib import Path

import pydicom
import pytest

from imaging.dicom.headers import read_any
from imaging.dicom.profile import Profile
from imaging.dicom.pseudonyms import Pseudonyms
from imaging.dicom.rewrite import rewrite
from imaging.dicom.walk import Found
from imaging.errors import RefusedFileError
from tests.imaging.dicom.finding import leaks
from tests.imaging.dicom.planting import image
from tests.imaging.dicom.side_channels import CHANNELS

OURS = Pseudonyms(b"a" * 32)
HELD = {"embedded document", "jpeg number of lines", "jpeg 2000 unknown marker"}
"""Channels whose whole file is held: nothing of it is written."""


def rewritten(encoded: bytes, folder: Path, profile: str) -> bytes | None:
    path = folder / "arrived"
    path.write_bytes(encoded)
    sink = io.BytesIO()
    try:
        rewrite(read_any(Found(path, "arrived")), sink, profile=Profile.built_in(profile), pseudonyms=OURS)
    except RefusedFileError:
        return None
    return sink.getvalue()


def test_there_are_more_than_a_hundred_channels():
    assert len(CHANNELS) >= 100


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_token_stands_in_the_file_that_arrives(channel: str):
    assert leaks(CHANNELS[channel]())


@pytest.mark.parametrize("profile", ["research", "basic", "longitudinal"])
@pytest.mark.parametrize("channel", CHANNELS)
def test_the_token_does_not_stand_in_what_is_written(channel: str, profile: str, tmp_path: Path):
    written = rewritten(CHANNELS[channel](), tmp_path, profile)
    assert (written is None) is (channel in HELD)
    if written is not None:
        assert not leaks(written)
        again = pydicom.dcmread(io.BytesIO(written))
        assert again.PatientIdentityRemoved == "YES"


def test_pixels_without_a_channel_come_through_bit_for_bit(tmp_path: Path):
    arrived = pydicom.dcmread(io.BytesIO(image()))
    written = rewritten(image(), tmp_path, "research")
    assert written is not None
    assert pydicom.dcmread(io.BytesIO(written)).PixelData == arrived.PixelData
