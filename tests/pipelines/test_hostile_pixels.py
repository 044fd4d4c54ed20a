"""A file that kills its codec is held, and every other file of the ingest goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEGLSLossless

from imaging.dicom import decoders as shared
from imaging.dicom.decoders import Decoders
from imaging.domain.outcome import Reason
from imaging.project.project import Project
from tests.imaging.dicom.bad_codecs import HERE
from tests.pipelines.conftest import MakeSeries
from tests.pipelines.ingesting import take, voxels_of


@pytest.fixture(autouse=True)
def bad_decoders(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made = Decoders(f"{HERE}die_of_noise")
    monkeypatch.setattr(shared, "_shared", [made])
    yield
    made.close()


def compress(folder: Path, *, bad: bool) -> None:
    for path in folder.iterdir():
        header = pydicom.dcmread(path)
        if bad:
            pixels = header.pixel_array.copy()
            pixels.flat[0] = 666
            header.PixelData = pixels.tobytes()
        header.compress(JPEGLSLossless, encoding_plugin="pyjpegls", generate_instance_uid=False)
        header.save_as(path)


def test_a_series_that_crashes_its_codec_is_held_and_the_others_become_images(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    voxels = make_series(tmp_path / "in" / "good", planes=4)
    compress(tmp_path / "in" / "good", bad=False)
    make_series(tmp_path / "in" / "bad", planes=1, patient="PHA-000002", seed=2)
    compress(tmp_path / "in" / "bad", bad=True)
    made = take(project, tmp_path / "in")
    assert [held.reason for held in made.quarantined] == [Reason.DECODE_FAILED]
    assert [image.sources for image in made.images] == [4]
    np.testing.assert_array_equal(voxels_of(project), voxels)
