"""A dose grid becomes a volume of its own: every frame where the header says, every stored value with its scaling."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as Itk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imaging.dicom.decode import read_slab
from imaging.dicom.instance import Instance
from imaging.dicom.series import group
from imaging.domain.outcome import Reason

Read = Callable[[list[Path]], list[Instance]]
RTDOSE = "1.2.840.10008.5.1.4.1.1.481.2"


def dose(factory, offsets: list[float] | None, pixels: np.ndarray | None = None, **changes: Any) -> Path:
    frames = len(offsets or [0, 0])
    values = np.arange(frames * 24, dtype=np.uint32).reshape(frames, 4, 6) if pixels is None else pixels
    bits = values.dtype.itemsize * 8
    facts = {
        "SOPClassUID": RTDOSE,
        "Modality": "RTDOSE",
        "ImagePositionPatient": [-30.5, 40, 12],
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": 0,
        "NumberOfFrames": str(frames),
        "FrameIncrementPointer": 0x3004000C,
        "GridFrameOffsetVector": offsets,
        "DoseGridScaling": "0.0005",
        "DoseUnits": "GY",
        "DoseType": "PHYSICAL",
        "RescaleSlope": None,
        "RescaleIntercept": None,
    }
    wanted = {**facts, **changes}
    absent = {"GridFrameOffsetVector", "DoseGridScaling"} & {name for name, value in wanted.items() if value is None}
    header = factory.header(**{name: value for name, value in wanted.items() if name not in absent})
    return factory.write(header, values)


@pytest.mark.parametrize("name", ["rtdose.dcm", "rtdose_expb.dcm", "rtdose_rle.dcm"])
def test_a_real_dose_is_read_as_other_tools_read_it(bundled: Path, read: Read, name: str):
    (stack,) = group(read([bundled / name])).stacks
    theirs, itk = pydicom.dcmread(bundled / name), Itk.ReadImage(str(bundled / "rtdose.dcm"))
    stored = read_slab(stack, 0, 15)
    assert stored.dtype == np.uint32
    np.testing.assert_array_equal(stored, theirs.pixel_array)
    np.testing.assert_array_equal(stored, Itk.GetArrayFromImage(itk))
    attributes = stack.attributes
    assert (stack.axes, attributes.spacing_mm) == ("zyx", itk.GetSpacing()[::-1])
    for corner in ((0, 0, 0), (9, 0, 0), (0, 9, 14)):
        lps = np.asarray(attributes.affine_lps) @ [*corner[::-1], 1]
        np.testing.assert_allclose(lps[:3], itk.TransformIndexToPhysicalPoint(corner), atol=1e-6)
    # It says that it is relative, so nothing is in gray.
    assert (attributes.rescale.slope, attributes.units, attributes.modality) == ((1e-6,), "stored", "RTDOSE")


def test_a_dose_in_gray_says_so(factory, read: Read):
    (stack,) = group(read([dose(factory, [0, 2.5, 5])])).stacks
    assert (stack.attributes.units, stack.attributes.rescale.slope) == ("GY", (0.0005,))
    assert [place[2] for place in stack.attributes.positions_lps] == [12, 14.5, 17]


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32, np.int32])
def test_the_extremes_of_every_width_come_through(factory, read: Read, dtype: type):
    limits = np.iinfo(dtype)
    values = np.full((2, 4, 6), limits.min, dtype)
    values[1] = limits.max
    path = dose(factory, [0, 3], values, PixelRepresentation=int(limits.min < 0))
    (stack,) = group(read([path])).stacks
    np.testing.assert_array_equal(read_slab(stack, 0, 2), values)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    angles=st.tuples(*[st.floats(-3, 3)] * 3),
    step=st.floats(0.5, 8).map(lambda value: round(value, 3)),
    down=st.booleans(),
)
def test_frames_lie_along_the_normal_of_any_grid(
    factory, read: Read, angles: tuple[float, float, float], step: float, down: bool
):
    turn = Itk.Euler3DTransform((0.0, 0.0, 0.0), *angles)
    matrix = np.array(turn.GetMatrix()).reshape(3, 3)
    offsets = [(-step if down else step) * number for number in range(3)]
    orientation = [f"{value:.12f}"[:16] for value in (*matrix[:, 0], *matrix[:, 1])]
    (stack,) = group(read([dose(factory, offsets, ImageOrientationPatient=orientation)])).stacks
    places = np.array(stack.attributes.positions_lps)
    np.testing.assert_allclose(np.diff(places, axis=0), [matrix[:, 2] * step] * 2, atol=1e-3)
    np.testing.assert_allclose(places[2 if down else 0], [-30.5, 40, 12], atol=1e-6)
    assert read_slab(stack, 0, 3)[:, 0, 0].tolist() == ([48, 24, 0] if down else [0, 24, 48])


def test_offsets_may_be_places_along_the_patient(factory, read: Read):
    (stack,) = group(read([dose(factory, [12, 9, 6])])).stacks
    assert stack.attributes.positions_lps == ((-30.5, 40, 6), (-30.5, 40, 9), (-30.5, 40, 12))


@pytest.mark.parametrize(
    ("offsets", "changes"),
    [
        (None, {}),
        ([5, 7], {}),
        ([0, 2], {"ImagePositionPatient": None}),
        ([0, 2], {"ImageOrientationPatient": None}),
        ([12, 14], {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}),
        ([0, 2, 7], {}),
        ([0, 0, 2], {}),
    ],
)
def test_frames_without_a_regular_place_are_held(factory, read: Read, offsets: list[float] | None, changes: Any):
    grouped = group(read([dose(factory, offsets, **changes)]))
    assert [reason for _, reason, _ in grouped.refused] == [Reason.IRREGULAR_GEOMETRY]


def test_the_doses_of_two_beams_are_two_images(factory, read: Read):
    paths = [dose(factory, [0, 2], np.full((2, 4, 6), value, np.uint32)) for value in (3, 4)]
    stacks = group(read(paths)).stacks
    assert sorted(int(read_slab(stack, 0, 1)[0, 0, 0]) for stack in stacks) == [3, 4]
    assert {stack.axes for stack in stacks} == {"zyx"}


def test_a_dose_in_single_planes_is_one_volume(factory, read: Read):
    paths = [
        dose(factory, [0], np.full((1, 4, 6), z, np.uint16), ImagePositionPatient=[0, 0, z], NumberOfFrames="1")
        for z in (6, 2, 4)
    ]
    (stack,) = group(read(paths)).stacks
    assert read_slab(stack, 0, 3)[:, 0, 0].tolist() == [2, 4, 6]


def test_a_dose_without_a_scaling_has_no_unit(factory, read: Read):
    (stack,) = group(read([dose(factory, [0, 2], DoseGridScaling=None)])).stacks
    assert (stack.attributes.units, stack.attributes.rescale.slope) == ("stored", (1.0,))
