"""DICOM files out of an image: the pseudonymised headers that lie beside it, and its stored values for pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pack_bits
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from imaging.dicom.headers_store import StoredInstance
from imaging.dicom.instance import PALETTE, Stored
from imaging.dicom.quiet import silence_pydicom

ReadPlane = Callable[[int, int], Stored]
"""Gives the stored values (c, y, x) of the plane at (t, z)."""

_PER_FRAME = (
    "FrameTimeVector",
    "GridFrameOffsetVector",
    "EnergyWindowVector",
    "DetectorVector",
    "PhaseVector",
    "RotationVector",
    "RRIntervalVector",
    "TimeSlotVector",
    "SliceVector",
    "AngularViewVector",
    "TimeSliceVector",
)
"""Attributes with one value per frame (PS3.3 C.7.6.5, C.8.4.8, C.8.8.3)."""


@dataclass(frozen=True)
class PixelType:
    """What is written of the Image Pixel module beside the header's own: how the image stores its voxels."""

    dtype: np.dtype[np.generic]
    bits_stored: int
    colour: bool


def rebuild(instance: StoredInstance, read: ReadPlane, pixels: PixelType, *, image: int) -> Dataset:
    """Put one file together again, Explicit VR Little Endian.

    Grey pixels are the stored values of the source, bit for bit, also where it was compressed without loss; colour and
    palettes are the red, green and blue that they were decoded to. Of a file whose other frames went into another image
    only the frames of this one are written, under a UID of their own.

    Parameters
    ----------
    image
        Tells the UIDs of such parts apart.

    References
    ----------
    PS3.3 C.7.6.3, C.7.6.16; PS3.5 8.1.1
    """
    silence_pydicom()
    header = instance.header
    numbers = sorted({place.frame for place in instance.places})
    frames = np.zeros((len(numbers), *_size_of(header, instance, read), 3 if pixels.colour else 1), pixels.dtype)
    for place in instance.places:
        plane = read(place.t, place.z)
        rows, columns = plane.shape[1:]
        window = (slice(place.top, place.top + rows), slice(place.left, place.left + columns))
        frames[numbers.index(place.frame)][window] = np.moveaxis(plane, 0, -1)
    _keep_frames(header, numbers, image)
    _set_pixels(header, frames, pixels)
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    return header


def save(header: Dataset, target: Path) -> None:
    """Write a rebuilt file."""
    pydicom.dcmwrite(target, header, enforce_file_format=True)


def _size_of(header: Dataset, instance: StoredInstance, read: ReadPlane) -> tuple[int, int]:
    """Rows and columns of a whole frame; a tile of a mosaic is smaller."""
    if "Rows" in header and "Columns" in header:
        return int(header.Rows), int(header.Columns)
    first = instance.places[0]
    rows, columns = read(first.t, first.z).shape[1:]
    return rows, columns


def _keep_frames(header: Dataset, numbers: Sequence[int], image: int) -> None:
    total = int(header.get("NumberOfFrames", 1) or 1)
    if len(numbers) == total:
        return
    header.NumberOfFrames = len(numbers)
    if "PerFrameFunctionalGroupsSequence" in header:
        groups = header.PerFrameFunctionalGroupsSequence
        header.PerFrameFunctionalGroupsSequence = [groups[number] for number in numbers]
    for keyword in _PER_FRAME:
        values = header.get(keyword)
        if isinstance(values, Sequence) and not isinstance(values, str) and len(values) == total:
            header[keyword].value = [values[number] for number in numbers]
    header.SOPInstanceUID = generate_uid(entropy_srcs=[str(header.SOPInstanceUID), str(image)])


def _set_pixels(header: Dataset, frames: Stored, pixels: PixelType) -> None:
    """Write what `Dataset.set_pixel_data` of pydicom writes, for values of 32 bits and single bits too."""
    single = header.get("BitsAllocated") == 1
    allocated = 1 if single else frames.dtype.itemsize * 8
    header.Rows, header.Columns = frames.shape[1:3]
    header.SamplesPerPixel = frames.shape[-1]
    # What a palette gives has as many bits as its entries.
    stored = allocated if header.get("PhotometricInterpretation") == "PALETTE COLOR" else pixels.bits_stored
    header.BitsAllocated, header.BitsStored = allocated, min(allocated, stored)
    header.HighBit = header.BitsStored - 1
    header.PixelRepresentation = int(frames.dtype.kind == "i")
    if pixels.colour:
        header.PhotometricInterpretation, header.PlanarConfiguration = "RGB", 0
        for keyword in PALETTE:
            if keyword in header and keyword != "PhotometricInterpretation":
                del header[keyword]
    elif "PlanarConfiguration" in header:
        del header.PlanarConfiguration
    data = pack_bits(frames) if single else np.ascontiguousarray(frames, frames.dtype.newbyteorder("<")).tobytes()
    header.PixelData = data + b"\0" * (len(data) % 2)
    header["PixelData"].VR = "OB" if allocated <= 8 else "OW"
