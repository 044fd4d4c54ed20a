"""Ultrasound files with regions of echoes, as devices write them."""

from __future__ import annotations

import numpy as np
import pydicom
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage, generate_uid


def make_ultrasound(pixels: np.ndarray, region: tuple[int, int, int, int]) -> pydicom.FileDataset:
    """Make a file of one region: left, top, right, bottom, the last column and row inside.

    Parameters
    ----------
    pixels : (frame, y, x) or (frame, y, x, rgb), uint8
    """
    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UltrasoundMultiFrameImageStorage, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header = pydicom.FileDataset("", {}, b"\0" * 128, meta)
    header.SOPClassUID, header.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    header.StudyInstanceUID, header.SeriesInstanceUID = generate_uid(), generate_uid()
    header.PatientID, header.PatientName, header.Modality = "PHA-000001", "PHANTOM^ALPHA", "US"
    header.NumberOfFrames, header.Rows, header.Columns = pixels.shape[:3]
    colour = pixels.ndim == 4
    header.SamplesPerPixel, header.PhotometricInterpretation = (3, "RGB") if colour else (1, "MONOCHROME2")
    if colour:
        header.PlanarConfiguration = 0
    header.BitsAllocated = header.BitsStored = 8
    header.HighBit, header.PixelRepresentation = 7, 0
    item = pydicom.Dataset()
    item.RegionSpatialFormat = 1
    item.RegionLocationMinX0, item.RegionLocationMinY0, item.RegionLocationMaxX1, item.RegionLocationMaxY1 = region
    header.SequenceOfUltrasoundRegions = [item]
    header.PixelData = np.ascontiguousarray(pixels).tobytes()
    return header
