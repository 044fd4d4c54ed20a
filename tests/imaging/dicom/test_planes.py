"""Mosaics, functional groups and cine are cut into planes where the header says so, and refused where it does not."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

from imaging.dicom.decode import read_slab
from imaging.dicom.headers import read_instance
from imaging.dicom.instance import Instance
from imaging.dicom.series import group
from imaging.dicom.walk import Found
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError

Read = Callable[[list[Path]], list[Instance]]
MR, ENHANCED_MR, XA = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.12.1"


def make_csa(**values: list[float]) -> bytes:
    """A CSA2 header as Siemens scanners write it."""
    raw = b"SV10\4\3\2\1" + struct.pack("<LL", len(values), 77)
    for name, numbers in values.items():
        raw += struct.pack("<64si4siii", name.encode(), len(numbers), b"FD\0\0", 0, len(numbers), 77)
        for number in numbers:
            text = f"{number}".encode() + b"\0"
            raw += struct.pack("<4i", len(text), len(text), 77, len(text)) + text + b"\0" * (-len(text) % 4)
    return raw


def mosaic(factory, *, count: int, normal: float, time: int = 0, **changes: object) -> Path:
    """Tiles of 2 × 3 voxels, each of its number plus 100 × time."""
    across = int(np.ceil(np.sqrt(count)))
    pixels = np.zeros((2 * across, 3 * across), np.int16)
    for number in range(count):
        top, left = number // across * 2, number % across * 3
        pixels[top : top + 2, left : left + 3] = number + 100 * time
    header = factory.header(
        SOPClassUID=MR,
        Modality="MR",
        ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"],
        ImagePositionPatient=[10.0, 20.0, 30.0],
        SpacingBetweenSlices="4",
        AcquisitionNumber=str(time + 1),
        **changes,
    )
    block = header.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    block.add_new(0x10, "OB", make_csa(NumberOfImagesInMosaic=[count], SliceNormalVector=[0, 0, normal]))
    return factory.write(header, pixels)


@pytest.mark.parametrize(("normal", "values", "bottom"), [(1, [0, 1, 2, 3, 4], 30.0), (-1, [4, 3, 2, 1, 0], 14.0)])
def test_a_mosaic_becomes_its_volume(factory, read: Read, normal: float, values: list[int], bottom: float):
    (stack,) = group(read([mosaic(factory, count=5, normal=normal)])).stacks
    assert stack.shape == (5, 2, 3)
    assert read_slab(stack, 0, 5)[:, 0, 0].tolist() == values
    # Mosaic of 6 × 9 voxels of 0.5 × 0.25 mm: the first tile's corner lies (9 − 3) / 2 columns and (6 − 2) / 2 rows in.
    assert stack.attributes.positions_lps[0] == (10 + 3 * 0.25, 20 + 2 * 0.5, bottom)
    assert stack.attributes.spacing_mm == (4, 0.5, 0.25)
    assert len(stack.instances) == 1


def test_several_mosaics_become_the_t_axis(factory, read: Read):
    paths = [mosaic(factory, count=4, normal=1, time=time) for time in (1, 0, 2)]
    (stack,) = group(read(paths)).stacks
    assert (stack.axes, stack.shape) == ("tzyx", (3, 4, 2, 3))
    assert read_slab(stack, 0, 4, t=2)[:, 1, 2].tolist() == [200, 201, 202, 203]


def test_a_mosaic_without_its_private_header_is_refused(factory, read: Read):
    path = factory.slice(0, SOPClassUID=MR, ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"])
    grouped = group(read([path]))
    assert [reason for _, reason, _ in grouped.refused] == [Reason.IRREGULAR_GEOMETRY]


def item(**values: object) -> Dataset:
    result = Dataset()
    for keyword, value in values.items():
        setattr(result, keyword, value)
    return result


def enhanced(factory, heights: list[float], orientation: list[list[float]] | None = None) -> Path:
    frames = []
    for number, z in enumerate(heights):
        turned = (orientation or [[1, 0, 0, 0, 1, 0]] * len(heights))[number]
        frames.append(
            item(
                PlanePositionSequence=Sequence([item(ImagePositionPatient=[1, 2, z])]),
                PlaneOrientationSequence=Sequence([item(ImageOrientationPatient=turned)]),
                PixelValueTransformationSequence=Sequence(
                    [item(RescaleSlope=str(z + 1), RescaleIntercept="0", RescaleType="US")]
                ),
            )
        )
    header = factory.header(
        SOPClassUID=ENHANCED_MR,
        Modality="MR",
        NumberOfFrames=str(len(heights)),
        SharedFunctionalGroupsSequence=Sequence(
            [item(PixelMeasuresSequence=Sequence([item(PixelSpacing=[0.5, 0.25], SliceThickness="2")]))]
        ),
        PerFrameFunctionalGroupsSequence=Sequence(frames),
    )
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope"):
        del header[keyword]
    pixels = np.arange(len(heights), dtype=np.int16)[:, None, None] * np.ones((1, 4, 6), np.int16)
    return factory.write(header, pixels)


def test_functional_groups_place_each_frame(factory, read: Read):
    (stack,) = group(read([enhanced(factory, [4, 0, 2])])).stacks
    assert read_slab(stack, 0, 3)[:, 0, 0].tolist() == [1, 2, 0]
    assert stack.attributes.spacing_mm == (2, 0.5, 0.25)
    assert stack.attributes.rescale.slope == (1.0, 3.0, 5.0)


def test_a_file_whose_frames_belong_to_two_images_is_refused_whole(factory, read: Read):
    turned = [[1, 0, 0, 0, 1, 0]] * 2 + [[0, 1, 0, 0, 0, -1]] * 2
    grouped = group(read([enhanced(factory, [0, 1, 2, 3], turned)]))
    assert not grouped.stacks
    assert [reason for _, reason, _ in grouped.refused] == [Reason.MIXED_ORIENTATION]


def test_frames_that_are_neither_time_nor_place_are_refused(factory, read: Read):
    header = factory.header(SOPClassUID=XA, NumberOfFrames="2", ImagePositionPatient=[])
    header.add_new((0x0028, 0x0009), "AT", [0x00540010, 0x00540020])
    grouped = group(read([factory.write(header, np.zeros((2, 4, 6), np.int16))]))
    assert [reason for _, reason, _ in grouped.refused] == [Reason.IRREGULAR_GEOMETRY]


@pytest.mark.parametrize("table", [True, False])
def test_frames_in_several_fragments_are_put_together(factory, read: Read, table: bool):
    frames = np.random.default_rng(3).integers(0, 4096, (3, 16, 24)).astype(np.uint16)
    header = factory.header(
        SOPClassUID=XA, NumberOfFrames="3", ImagePositionPatient=[], PixelRepresentation=0, Rows=16, Columns=24
    )
    coded = [imagecodecs.jpeg2k_encode(frame, codecformat="j2k", reversible=True) for frame in frames]
    header.PixelData = encapsulate(coded, fragments_per_frame=2, has_bot=table)
    header["PixelData"].VR = "OB"
    header["PixelData"].is_undefined_length = True
    (stack,) = group(read([factory.write(header, None, syntax="1.2.840.10008.1.2.4.90")])).stacks
    assert np.array_equal(np.concatenate([read_slab(stack, 0, 1, t=t) for t in range(3)]), frames)


@pytest.mark.parametrize("cut", [1, 9, 200])
def test_compressed_pixels_without_their_end_are_truncated(factory, cut: int):
    header = factory.header(Rows=16, Columns=24)
    header.PixelData = encapsulate([b"\xff\x4f" + bytes(500)])
    header["PixelData"].VR = "OB"
    header["PixelData"].is_undefined_length = True
    path = factory.write(header, None, syntax="1.2.840.10008.1.2.4.90")
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(RefusedFileError) as caught:
        read_instance(Found(path, "a"))
    assert caught.value.reason is Reason.TRUNCATED
