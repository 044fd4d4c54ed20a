"""Write a phantom as a DICOM series, and its labels as another; every identifier in them is obviously invented."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    MRImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from imaging.testing.phantoms import Kind, Phantom

_ENCODERS = {JPEGLSLossless: "pyjpegls", JPEG2000Lossless: "pylibjpeg", RLELossless: "pydicom"}
# Most are compressed, so that the committed sample stays small; the native ones keep those paths honest.
_CHEST_SYNTAXES = (
    JPEGLSLossless,
    JPEGLSLossless,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)


@dataclass(frozen=True)
class Written:
    """What lies in one written series.

    Attributes
    ----------
    files
        Names inside the folder, in the order of the planes.
    """

    transfer_syntax: str
    files: tuple[str, ...]


def write_images(phantom: Phantom, folder: Path) -> Written:
    """Write the volume, one file per plane, under names whose order says nothing."""
    syntax = _syntax(phantom)
    kind = CTImageStorage if phantom.kind is Kind.CHEST else MRImageStorage
    return _write(phantom, folder, syntax, kind, phantom.stored)


def write_labels(phantom: Phantom, folder: Path) -> Written:
    """Write the ground truth as a secondary-capture series of label values on the grid of the images."""
    return _write(phantom, folder, RLELossless, SecondaryCaptureImageStorage, phantom.labels)


def make_uid(*parts: object) -> UID:
    """Derive a UID from what it stands for (PS3.5 B.2)."""
    digest = hashlib.sha256("/".join(["phantom", *map(str, parts)]).encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:16], 'big') | 1 << 127}")


def _syntax(phantom: Phantom) -> UID:
    if phantom.kind is Kind.HEAD:
        return ImplicitVRLittleEndian if phantom.number % 2 else JPEG2000Lossless
    return _CHEST_SYNTAXES[(phantom.number - 1) % len(_CHEST_SYNTAXES)]


def _write(phantom: Phantom, folder: Path, syntax: UID, kind: UID, stored: NDArray[np.generic]) -> Written:
    folder.mkdir(parents=True, exist_ok=True)
    role = "labels" if kind == SecondaryCaptureImageStorage else "images"
    count = len(stored)
    names = np.random.default_rng([577, phantom.number, len(role)]).permutation(count)
    files = []
    for index in range(count):
        header = _patient(phantom)
        header.update(_study(phantom))
        header.update(_series(phantom, role))
        header.update(_plane(phantom, role, index, kind))
        _put_pixels(header, stored[index], syntax)
        name = f"I{names[index] + 1:04d}.dcm"
        header.save_as(folder / name, enforce_file_format=True)
        files.append(name)
    return Written(str(syntax), tuple(files))


def _put_pixels(header: Dataset, plane: NDArray[np.generic], syntax: UID) -> None:
    header.SamplesPerPixel = 1
    header.PhotometricInterpretation = "MONOCHROME2"
    header.Rows, header.Columns = plane.shape
    bits = plane.dtype.itemsize * 8
    header.BitsAllocated = bits
    header.BitsStored = 12 if plane.dtype == np.uint16 else bits
    header.HighBit = header.BitsStored - 1
    header.PixelRepresentation = int(np.issubdtype(plane.dtype, np.signedinteger))
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = header.SOPClassUID
    meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax in _ENCODERS else syntax
    # Named here, because pydicom would put its own version in and change the bytes with every release.
    meta.ImplementationClassUID = make_uid("implementation")
    meta.ImplementationVersionName = "PHANTOM_1"
    header.file_meta = meta
    header.PixelData = plane.astype(plane.dtype.newbyteorder("<")).tobytes()
    header["PixelData"].VR = "OW" if bits == 16 else "OB"
    if syntax in _ENCODERS:
        header.compress(syntax, encoding_plugin=_ENCODERS[syntax], generate_instance_uid=False)


def _patient(phantom: Phantom) -> Dataset:
    number = phantom.number
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 100"
    header.PatientName = f"PHANTOM^{phantom.code} SUBJECT"
    header.PatientID = f"PHA-{number:06d}"
    header.IssuerOfPatientID = "PHANTOM-ISSUER"
    header.OtherPatientNames = f"ALIASPHANTOM^{phantom.code}"
    header.PatientBirthDate = f"19{10 + number:02d}01{number:02d}"
    header.PatientSex = "FM"[number % 2]
    header.PatientAge = f"{40 + 3 * number:03d}Y"
    header.PatientWeight = str(60 + number)
    header.PatientAddress = f"{number} PHANTOMSTREET, INVENTEDTOWN"
    header.PatientTelephoneNumbers = f"+00 000 000 {number:03d}"
    header.PatientComments = f"PHANTOM {phantom.code} SUBJECT WAS INVENTED"
    other = Dataset()
    other.PatientID = f"PHAOTHER-{number:05d}"
    other.TypeOfPatientID = "TEXT"
    header.OtherPatientIDsSequence = Sequence([other])
    return header


def _study(phantom: Phantom) -> Dataset:
    number = phantom.number
    header = Dataset()
    header.StudyInstanceUID = make_uid(number, "study")
    header.FrameOfReferenceUID = make_uid(number, "frame of reference")
    header.PositionReferenceIndicator = ""
    header.StudyDate = header.SeriesDate = header.AcquisitionDate = header.ContentDate = f"1987{1 + number % 12:02d}17"
    header.StudyTime = f"{8 + number % 10:02d}1533.250000"
    header.SeriesTime = header.AcquisitionTime = header.ContentTime = f"{8 + number % 10:02d}2011"
    header.AccessionNumber = f"PHACC{number:06d}"
    header.StudyID = f"PHSTUDY{number:03d}"
    header.StudyDescription = f"STUDY OF PHANTOM {phantom.code}"
    header.ReferringPhysicianName = "PHANTOMREFERRER^INVENTED"
    header.PerformingPhysicianName = "PHANTOMPERFORMER^INVENTED"
    header.OperatorsName = "PHANTOMOPERATOR^INVENTED"
    header.InstitutionName = "INVENTED PHANTOM HOSPITAL"
    header.InstitutionAddress = "1 PHANTOMSQUARE, INVENTEDTOWN"
    header.InstitutionalDepartmentName = "PHANTOM RADIOLOGY"
    header.StationName = "PHANTOMSTATION"
    header.Manufacturer = "PHANTOM MAKER"
    header.ManufacturerModelName = "PHANTOM ONE"
    header.DeviceSerialNumber = f"PHSERIAL{number:04d}"
    header.SoftwareVersions = "PHANTOM-1"
    requested = Dataset()
    requested.RequestedProcedureID = f"PHREQ{number:05d}"
    requested.RequestedProcedureDescription = f"REQUESTED FOR PHANTOM {phantom.code}"
    person = Dataset()
    person.InstitutionName = "INVENTED PHANTOM HOSPITAL"
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "PHYS-0001", "99PHANTOM", "PHANTOMREFERRER INVENTED"
    person.PersonIdentificationCodeSequence = Sequence([code])
    requested.RequestingPhysicianIdentificationSequence = Sequence([person])
    header.RequestAttributesSequence = Sequence([requested])
    _add_private(header, phantom)
    return header


def _add_private(header: Dataset, phantom: Phantom) -> None:
    block = header.private_block(0x0009, "PHANTOM MAKER 01", create=True)
    block.add_new(0x01, "LO", f"PHANTOM {phantom.code} SUBJECT")
    block.add_new(0x02, "UI", make_uid(phantom.number, "private"))
    inner = Dataset()
    inner.PatientID = f"PHA-{phantom.number:06d}"
    nested = inner.private_block(0x0011, "PHANTOM MAKER 02", create=True)
    nested.add_new(0x10, "PN", f"PHANTOM^{phantom.code} SUBJECT")
    block.add_new(0x10, "SQ", Sequence([inner]))
    raw = header.private_block(0x0029, "PHANTOM CSA HEADER", create=True)
    raw.add_new(0x10, "OB", f"PatientName=PHANTOM^{phantom.code};PatientID=PHA-{phantom.number:06d}".encode().ljust(96))


def _series(phantom: Phantom, role: str) -> Dataset:
    header = Dataset()
    header.SeriesInstanceUID = make_uid(phantom.number, role)
    header.Modality = "CT" if phantom.kind is Kind.CHEST else "MR"
    header.PatientPosition = "HFS"
    header.BurnedInAnnotation = "NO"
    if role == "labels":
        header.SeriesNumber = 900
        header.SeriesDescription = f"LABELS OF PHANTOM {phantom.code}"
        header.ConversionType = "WSD"
        referenced = Dataset()
        referenced.SeriesInstanceUID = make_uid(phantom.number, "images")
        header.ReferencedSeriesSequence = Sequence([referenced])
        return header
    header.SeriesNumber = 2
    if phantom.kind is Kind.CHEST:
        header.update(_ct_series(phantom))
    else:
        header.update(_mr_series(phantom))
    return header


def _ct_series(phantom: Phantom) -> Dataset:
    header = Dataset()
    header.SeriesDescription = f"CHEST OF PHANTOM {phantom.code}"
    header.ProtocolName = "PHANTOM CHEST"
    header.BodyPartExamined = "CHEST"
    header.KVP = "120"
    header.XRayTubeCurrent = str(180 + 5 * phantom.number)
    header.ExposureTime = "500"
    header.ConvolutionKernel = "SOFT"
    header.GantryDetectorTilt = "0"
    header.RescaleIntercept = f"{phantom.intercept:.0f}"
    header.RescaleSlope = "1"
    header.RescaleType = "HU"
    header.WindowCenter = ["-600", "40"]
    header.WindowWidth = ["1500", "400"]
    header.WindowCenterWidthExplanation = ["LUNG", "SOFT TISSUE"]
    return header


def _mr_series(phantom: Phantom) -> Dataset:
    header = Dataset()
    header.SeriesDescription = f"HEAD OF PHANTOM {phantom.code}"
    header.ProtocolName = "PHANTOM HEAD"
    header.BodyPartExamined = "HEAD"
    header.ScanningSequence = "GR"
    header.SequenceVariant = "SP"
    header.ScanOptions = ""
    header.MRAcquisitionType = "2D"
    header.MagneticFieldStrength = "1.5"
    header.RepetitionTime = "500"
    header.EchoTime = "9"
    header.EchoTrainLength = "1"
    header.FlipAngle = "70"
    header.WindowCenter = "380"
    header.WindowWidth = "760"
    return header


def _plane(phantom: Phantom, role: str, index: int, kind: UID) -> Dataset:
    header = Dataset()
    header.SOPClassUID = kind
    header.SOPInstanceUID = make_uid(phantom.number, role, index)
    header.ImageType = ["DERIVED", "SECONDARY"] if role == "labels" else ["ORIGINAL", "PRIMARY", "AXIAL"]
    # Every fourth subject counts from the other end: instance numbers do not order planes.
    count = len(phantom.stored)
    header.InstanceNumber = count - index if phantom.number % 4 == 0 else index + 1
    header.AcquisitionNumber = 1
    header.ImagePositionPatient = [f"{value:.6g}" for value in phantom.position(index)]
    header.ImageOrientationPatient = [f"{value:.8g}" for cosines in phantom.orientation for value in cosines]
    header.PixelSpacing = [f"{value:g}" for value in phantom.spacing[1:]]
    header.SliceThickness = header.SpacingBetweenSlices = f"{phantom.spacing[0]:g}"
    header.SliceLocation = f"{np.dot(phantom.position(index), phantom.normal):.5g}"
    return header
