"""Frames of a breast lie behind each other: where the header says, or in their order with no distance made up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from imaging.dicom.decode import read_slab
from imaging.dicom.instance import Instance
from imaging.dicom.series import group
from imaging.domain.outcome import Reason

Read = Callable[[list[Path]], list[Instance]]
TOMOSYNTHESIS, MAMMOGRAM = "1.2.840.10008.5.1.4.1.1.13.1.3", "1.2.840.10008.5.1.4.1.1.1.2"
OBLIQUE = [0, 1, 0, 0.5, 0, -0.8660254]
FIRST = np.array([20.0, -60.0, 90.0])
NORMAL = np.cross(OBLIQUE[:3], OBLIQUE[3:])


def item(**values: Any) -> list[Dataset]:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return [made]


def tomosynthesis(factory, count: int = 4, *, placed: bool = True, step: float | None = 1.0, **changes: Any) -> Path:
    """As devices write it: positions per frame, everything else shared (PS3.3 A.55)."""
    measures = {"PixelSpacing": [0.1, 0.1], "SliceThickness": "1"} | (
        {} if step is None else {"SpacingBetweenSlices": str(step)}
    )
    shared = item(
        PixelMeasuresSequence=item(**measures),
        XRay3DFrameTypeSequence=item(FrameType=["ORIGINAL", "PRIMARY", "TOMOSYNTHESIS", "NONE"]),
        FrameVOILUTSequence=item(WindowCenter="512", WindowWidth="400"),
        PixelValueTransformationSequence=item(RescaleSlope="1", RescaleIntercept="0", RescaleType="US"),
    )
    frames = []
    for number in range(count):
        frame = item(FrameContentSequence=item(StackID="1", InStackPositionNumber=number + 1))[0]
        if placed:
            place = [float(f"{value:.6f}") for value in FIRST + number * NORMAL]
            frame.PlanePositionSequence = item(ImagePositionPatient=place)
            frame.PlaneOrientationSequence = item(ImageOrientationPatient=OBLIQUE)
        frames.append(frame)
    header = factory.header(
        **{
            "SOPClassUID": TOMOSYNTHESIS,
            "Modality": "MG",
            "NumberOfFrames": str(count),
            "SharedFunctionalGroupsSequence": shared,
            "PerFrameFunctionalGroupsSequence": frames,
            "BitsStored": 10,
            "HighBit": 9,
            "PixelRepresentation": 0,
            **dict.fromkeys(("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope")),
            **changes,
        }
    )
    return factory.write(header, np.arange(count * 24, dtype=np.uint16).reshape(count, 4, 6))


def test_a_tomosynthesis_lies_where_its_frames_say(factory, read: Read):
    (stack,) = group(read([tomosynthesis(factory)])).stacks
    attributes = stack.attributes
    assert (stack.axes, stack.shape, attributes.modality, attributes.placed) == ("zyx", (4, 4, 6), "MG", True)
    np.testing.assert_allclose(attributes.spacing_mm, (1, 0.1, 0.1), atol=1e-5)
    np.testing.assert_allclose(attributes.positions_lps[0], FIRST, atol=1e-6)
    np.testing.assert_allclose(np.asarray(attributes.affine_lps)[:3, 0], NORMAL, atol=1e-5)
    np.testing.assert_array_equal(read_slab(stack, 0, 4).ravel(), np.arange(96))
    assert attributes.windows[0].width == 400


def test_the_stated_distance_counts_for_nothing_beside_positions(factory, read: Read):
    (stack,) = group(read([tomosynthesis(factory, step=7)])).stacks
    np.testing.assert_allclose(stack.attributes.spacing_mm[0], 1, atol=1e-5)


@pytest.mark.parametrize("step", [None, 0, 1.5])
def test_frames_without_positions_are_planes_at_the_stated_distance_or_none(factory, read: Read, step: float | None):
    (stack,) = group(read([tomosynthesis(factory, placed=False, step=step)])).stacks
    assert (stack.axes, stack.shape) == ("zyx", (4, 4, 6))
    assert stack.attributes.spacing_mm == (step or None, 0.1, 0.1)
    assert not stack.attributes.placed
    assert stack.attributes.affine_lps[2][0] == (step or 1.0)
    np.testing.assert_array_equal(read_slab(stack, 0, 4).ravel(), np.arange(96))


def test_each_view_is_a_volume_of_its_own(factory, read: Read):
    stacks = group(read([tomosynthesis(factory), tomosynthesis(factory)])).stacks
    assert [stack.shape for stack in stacks] == [(4, 4, 6)] * 2


def test_a_missing_plane_is_seen(factory, read: Read):
    path = tomosynthesis(factory, 5)
    header = pydicom.dcmread(path)
    header.PerFrameFunctionalGroupsSequence.pop(2)
    header.NumberOfFrames = "4"
    header.PixelData = header.PixelData[:-48]
    header.save_as(path)
    grouped = group(read([path]))
    assert [(reason, detail) for _, reason, detail in grouped.refused] == [(Reason.IRREGULAR_GEOMETRY, "gap")]


def test_a_mammogram_of_several_frames_is_a_volume_without_a_distance(factory, read: Read):
    header = factory.header(SOPClassUID=MAMMOGRAM, Modality="MG", NumberOfFrames="3", PixelRepresentation=0)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        del header[keyword]
    pixels = np.arange(72, dtype=np.uint16).reshape(3, 4, 6)
    (stack,) = group(read([factory.write(header, pixels)])).stacks
    assert (stack.axes, stack.attributes.spacing_mm) == ("zyx", (None, None, None))
    np.testing.assert_array_equal(read_slab(stack, 0, 3), pixels)
