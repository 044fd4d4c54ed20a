"""A small synthetic CT series to ingest, the image and labels of it, pictures, and the command line."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image as Picture
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from imaging.cli import main
from imaging.domain.image import Image
from imaging.project.project import Project
from imaging.settings import Settings
from imaging.workspace import Workspace
from tests.imaging.dicom.burned_in import write_volume
from tests.pipelines.ingesting import take
from tests.shell import Shell

Call = Callable[..., tuple[int, str, str]]
MakePicture = Callable[[Path, int], Path]
MakeSeries = Callable[..., np.ndarray]


@pytest.fixture(scope="session")
def template() -> pydicom.Dataset:
    return pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))


@pytest.fixture(scope="session")
def make_series(template: pydicom.Dataset) -> MakeSeries:
    """Write a CT series of one file per plane, names in no order; returns its voxels (z, y, x)."""

    def write(folder: Path, *, planes: int = 6, patient: str = "PHA-000001", seed: int = 1) -> np.ndarray:
        folder.mkdir(parents=True, exist_ok=True)
        voxels = np.random.default_rng(seed).integers(0, 3000, (planes, 24, 20)).astype(np.int16)
        series, study = generate_uid(), generate_uid()
        for z in range(planes):
            header = copy.deepcopy(template)
            header.PatientID, header.PatientName = patient, "PHANTOM^ALPHA"
            header.SeriesInstanceUID, header.StudyInstanceUID, header.SOPInstanceUID = series, study, generate_uid()
            header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
            header.ImageOrientationPatient, header.PixelSpacing = [1, 0, 0, 0, 1, 0], [0.5, 0.75]
            header.ImagePositionPatient, header.InstanceNumber = [-10, -20, 30 + 2.5 * z], planes - z
            header.Rows, header.Columns = voxels.shape[1:]
            header.PixelData = voxels[z].tobytes()
            header.save_as(folder / f"{(z * 7) % planes}-{planes - z}.bin")
        return voxels

    return write


@pytest.fixture
def image(project: Project, make_series: MakeSeries, tmp_path: Path) -> Image:
    """The one image of the project: 6 planes of 24 × 20."""
    make_series(tmp_path / "in")
    take(project, tmp_path / "in")
    return project.images.list()[0]


@pytest.fixture
def project_of_shell(shell: Shell) -> Iterator[Project]:
    """The project "phantoms" of the command line, in the hands of the first operator."""
    workspace = Workspace.at(Settings.read(shell.workspace, {}))
    admin = workspace.accounts.acting(None)
    yield workspace.open(workspace.find_project(admin, "phantoms"), admin.id)
    workspace.close()


@pytest.fixture
def labels() -> np.ndarray:
    """Labels of `image` (z, y, x): 100 voxels of 1 and one of 7."""
    values = np.zeros((6, 24, 20), np.uint16)
    values[1:3, 4:9, 5:15] = 1
    values[4, 20, 3] = 7
    return values


@pytest.fixture
def volume(tmp_path: Path) -> np.ndarray:
    """A series of four slices in the folder "in", a name on the second: (z, y, x)."""
    return write_volume(tmp_path / "in")


@pytest.fixture
def make_picture() -> MakePicture:
    def write(path: Path, value: int) -> Path:
        Picture.fromarray(np.full((30, 40), value, np.uint8)).save(path)
        return path

    return write


@pytest.fixture
def call(settings: Settings, project: Project, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run one command over the workspace that holds the project "phantoms"; gives code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*map(str, arguments), "--workspace", str(settings.workspace)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run
