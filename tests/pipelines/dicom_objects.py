"""Segmentation objects, written by highdicom, and structure sets over the small series of the tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentDescription
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from imaging.domain.image import Image
from imaging.project.project import Project
from pipelines.annotations import Importer

STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"


def describe(number: int, label: str, concept: Code = codes.SCT.Tissue) -> SegmentDescription:
    return SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=codes.SCT.Tissue,
        segmented_property_type=concept,
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=AlgorithmIdentificationSequence("a", codes.DCM.ArtificialIntelligence, "1"),
    )


def write_segments(
    folder: Path, masks: np.ndarray, segments: Sequence[SegmentDescription], kind: str = "BINARY", *, whole: int = 100
) -> Path:
    """Write masks (z, y, x[, segment]) over the series in `folder`/in, frames of empty planes left out."""
    source = [pydicom.dcmread(path) for path in (folder / "in").iterdir()]
    source.sort(key=lambda header: float(header.ImagePositionPatient[2]))
    made = Segmentation(
        source_images=source,
        pixel_array=masks,
        segmentation_type=kind,
        segment_descriptions=segments,
        series_instance_uid=generate_uid(),
        series_number=7,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="maker",
        manufacturer_model_name="model",
        software_versions="1",
        device_serial_number="1",
        **({"fractional_type": "PROBABILITY", "max_fractional_value": whole} if kind == "FRACTIONAL" else {}),
    )
    made.save_as(folder / "seg.dcm")
    return folder / "seg.dcm"


def write_contours(
    path: Path, contours: Sequence[tuple[int, str, np.ndarray]], names: dict[int, str], ground: Path | None = None
) -> Path:
    """Write a structure set of contours: region, kind and points (n, 3) in mm; `ground` is a file of their series."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = STRUCTURE_SET
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.PatientID, made.PatientName, made.Modality = "PHA-000001", "PHANTOM^ALPHA", "RTSTRUCT"
    if ground is not None:
        image = pydicom.dcmread(ground)
        made.PatientID, made.StudyInstanceUID = image.PatientID, image.StudyInstanceUID
        series, study, frame = Dataset(), Dataset(), Dataset()
        series.SeriesInstanceUID, study.RTReferencedSeriesSequence = image.SeriesInstanceUID, [series]
        frame.FrameOfReferenceUID, frame.RTReferencedStudySequence = image.FrameOfReferenceUID, [study]
        made.ReferencedFrameOfReferenceSequence = [frame]
    made.StructureSetROISequence, made.ROIContourSequence = [], []
    for number, name in names.items():
        item = Dataset()
        item.ROINumber, item.ROIName = number, name
        made.StructureSetROISequence.append(item)
        region = Dataset()
        region.ReferencedROINumber, region.ContourSequence = number, []
        for of, kind, points in contours:
            if of == number:
                contour = Dataset()
                contour.ContourGeometricType, contour.NumberOfContourPoints = kind, len(points)
                contour.ContourData = [f"{value:.6f}" for value in np.ravel(points)]
                region.ContourSequence.append(contour)
        made.ROIContourSequence.append(region)
    made.save_as(path, enforce_file_format=True)
    return path


def bring(project: Project, image: Image, path: Path, kind: str, **terms: str) -> Importer:
    importer = Importer(project, {name.lstrip("v"): term for name, term in terms.items()}, layer=None, reviewed=True)
    importer.import_files(image, [path], kind, scratch=path.parent / "scratch")
    return importer
