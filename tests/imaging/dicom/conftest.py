"""A small DICOM factory: plain slices of known values with obviously synthetic headers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from imaging.dicom.headers import read_instance
from imaging.dicom.instance import Instance
from imaging.dicom.walk import Found

CT, MR, PET, SECONDARY = (
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.4",
    "1.2.840.10008.5.1.4.1.1.128",
    "1.2.840.10008.5.1.4.1.1.7",
)
EXPLICIT = "1.2.840.10008.1.2.1"


class Factory:
    """Writes slices into one folder; UIDs count upward, so that file order and place order are free to differ."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0

    def header(self, **changes: Any) -> Dataset:
        self.count += 1
        header = Dataset()
        header.SOPClassUID = CT
        header.SOPInstanceUID = f"1.2.826.0.1.99999.1.{self.count}"
        header.StudyInstanceUID = "1.2.826.0.1.99999.2.1"
        header.SeriesInstanceUID = "1.2.826.0.1.99999.3.1"
        header.FrameOfReferenceUID = "1.2.826.0.1.99999.4.1"
        header.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        header.Modality = "CT"
        header.PatientName = "PHANTOM^ALPHA"
        header.PatientID = "PHA-0001"
        header.PatientBirthDate = "19500203"
        header.StudyDate = "20200304"
        header.StudyTime = "101112"
        header.InstanceNumber = str(self.count)
        header.ImagePositionPatient = [-10, -20, 0]
        header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        header.PixelSpacing = [0.5, 0.25]
        header.SliceThickness = "2"
        header.SamplesPerPixel = 1
        header.PhotometricInterpretation = "MONOCHROME2"
        header.BitsAllocated, header.BitsStored, header.HighBit = 16, 16, 15
        header.PixelRepresentation = 1
        header.RescaleSlope, header.RescaleIntercept = "1", "-1024"
        for keyword, value in changes.items():
            if value is None:
                del header[keyword]
            else:
                setattr(header, keyword, value)
        return header

    def write(self, header: Dataset, pixels: np.ndarray | None, *, syntax: str = EXPLICIT, name: str = "") -> Path:
        if pixels is not None:
            header.Rows, header.Columns = pixels.shape[-2:] if header.SamplesPerPixel == 1 else pixels.shape[-3:-1]
            header.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
            header["PixelData"].VR = "OB" if header.BitsAllocated == 8 else "OW"
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = UID(header.SOPClassUID)
        meta.MediaStorageSOPInstanceUID = UID(header.SOPInstanceUID)
        meta.TransferSyntaxUID = UID(syntax)
        header.file_meta = meta
        path = self.folder / (name or f"{self.count:04d}.dcm")
        pydicom.dcmwrite(path, header, enforce_file_format=True)
        return path

    def slice(self, z: float, value: int = 100, **changes: Any) -> Path:
        """One axial slice of constant value at a height."""
        header = self.header(**{"ImagePositionPatient": [-10, -20, z], **changes})
        dtype = np.int16 if header.PixelRepresentation else np.uint16
        return self.write(header, np.full((4, 6), value, dtype))

    def series(self, heights: Iterable[float], **changes: Any) -> list[Path]:
        return [self.slice(z, value=100 + number, **changes) for number, z in enumerate(heights)]


@pytest.fixture
def factory(tmp_path: Path) -> Factory:
    folder = tmp_path / "input"
    folder.mkdir()
    return Factory(folder)


@pytest.fixture
def read() -> Callable[[Iterable[Path]], list[Instance]]:
    return lambda paths: [read_instance(Found(path, path.name)) for path in paths]


@pytest.fixture(scope="session")
def bundled() -> Path:
    """The test files inside the pydicom package."""
    return Path(pydicom.__file__).parent / "data" / "test_files"
