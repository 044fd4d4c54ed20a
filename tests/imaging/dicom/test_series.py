"""Geometry decides what becomes an image; what is not clear is refused, never guessed."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imaging.dicom.decode import read_slab
from imaging.dicom.instance import Instance
from imaging.dicom.series import LEANS_APART, LEANS_WITH_MOST, PLACE_REPEATED, Grouped, Leave, group
from imaging.domain.image import Axis
from imaging.domain.outcome import Reason
from imaging.geometry import normal_of, plane_axis
from imaging.text import load_detector

Read = Callable[[list[Path]], list[Instance]]
SECONDARY = "1.2.840.10008.5.1.4.1.1.7"
MR = "1.2.840.10008.5.1.4.1.1.4"
PET = "1.2.840.10008.5.1.4.1.1.128"


def outcomes(grouped: Grouped) -> list[tuple[Reason, str]]:
    return [(reason, detail) for _, reason, detail in grouped.refused]


def count(grouped: Grouped) -> int:
    return sum(len(stack.instances) for stack in grouped.stacks) + len(grouped.refused) + len(grouped.duplicates)


@given(seed=st.integers(0, 10**6), data=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_order_of_files_and_instance_numbers_never_matters(factory, read: Read, seed: int, data: st.DataObject):
    orientation = data.draw(
        st.sampled_from([[1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, -1], [0.8, 0.6, 0, 0, 0, -1]])
    )
    normal = normal_of(orientation)
    paths = []
    for place in range(6):
        x, y, z = (float(value) for value in normal * 2.5 * place)
        paths.append(
            factory.slice(
                0, value=place, ImagePositionPatient=[x, y, z], ImageOrientationPatient=orientation,
                InstanceNumber=str((seed * 7 + place * 5) % 11),
            )
        )  # fmt: skip
    random.Random(seed).shuffle(paths)
    (stack,) = group(read(paths)).stacks
    assert stack.axes == "zyx"
    assert read_slab(stack, 0, 6)[:, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert stack.attributes.spacing_mm == pytest.approx((2.5, 0.5, 0.25))
    affine = np.array(stack.attributes.affine_lps)
    assert affine[:3, 0] == pytest.approx(normal * 2.5)
    assert affine[:3, 3] == pytest.approx([0, 0, 0])


def test_a_regular_series_is_one_volume_with_its_geometry(factory, read: Read):
    grouped = group(read(factory.series([4, 0, 2])))
    (stack,) = grouped.stacks
    attributes = stack.attributes
    assert stack.shape == (3, 4, 6)
    assert attributes.regular
    assert attributes.units == "HU"
    assert attributes.affine_lps == ((0, 0, 0.25, -10), (0, 0.5, 0, -20), (2, 0, 0, 0), (0, 0, 0, 1))
    assert attributes.positions_lps == ((-10, -20, 0), (-10, -20, 2), (-10, -20, 4))
    assert attributes.rescale.slope == (1.0,)
    assert attributes.rescale.intercept == (-1024.0,)
    assert plane_axis(attributes.affine_lps, "axial") is Axis.Z


@pytest.mark.parametrize(
    ("heights", "detail"),
    [
        ([0, 1, 2, 4, 5], "gap"),
        ([0, 1, 3], "gap"),
        ([0, 1, 2.2, 3, 4], "uneven"),
    ],
)
def test_what_is_no_even_grid_is_refused_with_the_reason(factory, read: Read, heights, detail: str):
    grouped = group(read(factory.series(heights)))
    assert not grouped.stacks
    assert outcomes(grouped) == [(Reason.IRREGULAR_GEOMETRY, detail)] * len(heights)


@pytest.mark.parametrize(("stated", "images"), [("5", 0), ("-5", 0), ("85", 1), ("60", 1), ("", 1), ("0", 1)])
def test_two_slices_are_a_volume_only_at_the_distance_that_their_headers_state(
    factory, read: Read, stated: str, images: int
):
    grouped = group(read(factory.series([0, 85], SpacingBetweenSlices=stated)))
    assert len(grouped.stacks) == images
    assert outcomes(grouped) == ([] if images else [(Reason.IRREGULAR_GEOMETRY, "gap")] * 2)
    parted = group(read(factory.series([0, 85], SpacingBetweenSlices=stated)), leave=Leave(parted=True))
    assert [stack.shape[0] for stack in parted.stacks] == ([2] if images else [1, 1])


def test_gantry_tilt_is_refused(factory, read: Read):
    paths = [factory.slice(0, ImagePositionPatient=[0, 0.268 * z, z]) for z in range(5)]
    assert outcomes(group(read(paths))) == [(Reason.IRREGULAR_GEOMETRY, "tilt")] * 5


def test_rounded_positions_are_still_regular(factory, read: Read):
    assert len(group(read(factory.series([0, 0.667, 1.333, 2.0, 2.667]))).stacks) == 1


def test_slices_that_lean_a_little_are_mixed_orientation(factory, read: Read):
    paths = factory.series([0, 1, 2])
    paths += factory.series([3, 4], ImageOrientationPatient=[1, 0, 0, 0, 0.9848, 0.1736])
    told = [(Reason.MIXED_ORIENTATION, LEANS_WITH_MOST)] * 3 + [(Reason.MIXED_ORIENTATION, LEANS_APART)] * 2
    assert sorted(outcomes(group(read(paths))), key=told.index) == told
    assert [stack.shape[0] for stack in group(read(paths[:3])).stacks] == [3]


def test_of_planes_that_share_a_place_those_are_named(factory, read: Read):
    paths = [*factory.series([0, 1, 2]), factory.slice(1, value=55)]
    refused = group(read(paths)).refused
    assert {str(instance.path): detail for instance, _, detail in refused} == {
        str(path): "duplicate" if place in (1, 3) else PLACE_REPEATED for place, path in enumerate(paths)
    }
    assert [stack.shape[0] for stack in group(read(paths[:3])).stacks] == [3]


@pytest.mark.parametrize("image_type", [["ORIGINAL", "PRIMARY", "LOCALIZER"], ["ORIGINAL", "PRIMARY", "AXIAL"]])
def test_a_localizer_in_the_series_is_split_off(factory, read: Read, image_type: list[str]):
    paths = factory.series([0, 1, 2])
    paths.append(factory.slice(9, ImageOrientationPatient=[0, 1, 0, 0, 0, -1], ImageType=image_type))
    grouped = group(read(paths))
    assert sorted(stack.shape for stack in grouped.stacks) == [(1, 4, 6), (3, 4, 6)]
    assert count(grouped) == 4


def test_a_ct_without_position_is_refused(factory, read: Read):
    grouped = group(read([factory.slice(0, ImagePositionPatient=[])]))
    assert outcomes(grouped) == [(Reason.IRREGULAR_GEOMETRY, "no_position")]


def test_a_single_slice_has_no_z_spacing(factory, read: Read):
    (stack,) = group(read([factory.slice(7)])).stacks
    assert stack.attributes.spacing_mm == (None, 0.5, 0.25)
    assert stack.attributes.positions_lps == ((-10, -20, 7),)


def test_the_same_file_twice_is_a_duplicate(factory, read: Read):
    paths = factory.series([0, 1, 2])
    grouped = group(read([*paths, paths[1], paths[1]]))
    assert (len(grouped.stacks), len(grouped.duplicates), len(grouped.refused)) == (1, 2, 0)


def test_a_copy_under_another_uid_is_a_duplicate(factory, read: Read):
    paths = [*factory.series([0, 1, 2]), factory.slice(1, value=101)]
    grouped = group(read(paths))
    assert grouped.stacks[0].shape == (3, 4, 6)
    assert len(grouped.duplicates) == 1


def test_one_uid_with_two_contents_is_a_conflict(factory, read: Read):
    paths = [factory.slice(0, value=1, SOPInstanceUID="1.2.3.4"), factory.slice(0, value=2, SOPInstanceUID="1.2.3.4")]
    assert {reason for reason, _ in outcomes(group(read(paths)))} == {Reason.UID_CONFLICT}


def test_one_uid_of_two_persons_is_a_conflict(factory, read: Read):
    paths = [factory.slice(0, SOPInstanceUID="1.2.3.4"), factory.slice(0, SOPInstanceUID="1.2.3.4", PatientID="PHA-2")]
    assert {reason for reason, _ in outcomes(group(read(paths)))} == {Reason.UID_CONFLICT}


@pytest.mark.parametrize(
    "label", ["TemporalPositionIdentifier", "TriggerTime", "EchoTime", "AcquisitionNumber", "ContentTime"]
)
def test_complete_time_points_become_the_t_axis(factory, read: Read, label: str):
    paths = []
    for place in (2, 0, 1):
        for time in (1, 0):
            changes = {label: f"{100000 + time}" if label == "ContentTime" else str(10 + time), "InstanceNumber": None}
            paths.append(factory.slice(place, value=10 * time + place, SOPClassUID=MR, Modality="MR", **changes))
    (stack,) = group(read(paths)).stacks
    assert (stack.axes, stack.shape) == ("tzyx", (2, 3, 4, 6))
    assert read_slab(stack, 0, 3, t=1)[:, 0, 0].tolist() == [10, 11, 12]


def test_unlabelled_volumes_in_a_row_become_the_t_axis(factory, read: Read):
    paths = [factory.slice(place, value=10 * time + place) for time in range(3) for place in (1, 0, 2)]
    (stack,) = group(read(paths[::-1])).stacks
    assert stack.shape == (3, 3, 4, 6)
    assert read_slab(stack, 0, 3, t=2)[:, 0, 0].tolist() == [20, 21, 22]


def test_an_incomplete_time_series_is_split_or_refused_but_never_stacked(factory, read: Read):
    paths = [
        factory.slice(place, value=10 * time + place, TemporalPositionIdentifier=str(time))
        for time in range(2)
        for place in range(3)
    ]
    shapes = sorted(stack.shape for stack in group(read(paths[:-1])).stacks)
    assert shapes == [(2, 4, 6), (3, 4, 6)]


def test_magnitude_and_phase_become_two_images(factory, read: Read):
    paths = []
    for kind in ("M", "P"):
        paths += factory.series([0, 1, 2], ImageType=["ORIGINAL", "PRIMARY", kind], InstanceNumber="1")
    assert [stack.shape for stack in group(read(paths)).stacks] == [(3, 4, 6), (3, 4, 6)]


def test_slope_and_intercept_per_slice_are_kept(factory, read: Read):
    paths = [
        factory.slice(z, SOPClassUID=PET, Modality="PT", Units="BQML", RescaleSlope=str(1 + z), RescaleIntercept="0")
        for z in (2, 0, 1)
    ]
    (stack,) = group(read(paths)).stacks
    assert stack.attributes.rescale.slope == (1.0, 2.0, 3.0)
    assert stack.attributes.units == "BQML"


def test_two_series_two_persons_and_two_frames_of_reference_never_mix(factory, read: Read):
    paths = factory.series([0, 1])
    paths += factory.series([2, 3], SeriesInstanceUID="1.2.826.0.1.99999.3.2")
    paths += factory.series([4, 5], PatientID="PHA-0002")
    paths += factory.series([6, 7], FrameOfReferenceUID="1.2.826.0.1.99999.4.2")
    assert len(group(read(paths)).stacks) == 4


def test_header_windows_padding_and_photometric_are_kept(factory, read: Read):
    path = factory.slice(
        0,
        PhotometricInterpretation="MONOCHROME1",
        WindowCenter=["40", "40", "-600"],
        WindowWidth=["400", "400", "1500"],
        PixelPaddingValue=-2000,
    )
    attributes = group(read([path])).stacks[0].attributes
    assert attributes.photometric == "MONOCHROME1"
    assert [(window.center, window.width) for window in attributes.windows] == [(40, 400), (-600, 1500)]
    assert attributes.padding is not None
    assert (attributes.padding.low, attributes.padding.high) == (-2000, -2000)


def test_free_text_in_modality_is_not_passed_on(factory, read: Read):
    (stack,) = group(read([factory.slice(0, Modality="DOE JOHN")])).stacks
    assert stack.attributes.modality == "OT"


def label_map(factory, values: int, **changes):
    header = factory.header(SOPClassUID=SECONDARY, **changes)
    pixels = np.arange(24, dtype=np.int16).reshape(4, 6) % values if values <= 24 else None
    return factory.write(header, np.arange(64, dtype=np.int16).reshape(8, 8) if pixels is None else pixels)


def test_a_label_map_in_a_secondary_capture_passes(factory, read: Read):
    assert len(group(read([label_map(factory, 2)]), load_detector()).stacks) == 1


@pytest.mark.parametrize(
    "changes", [{}, {"BurnedInAnnotation": "NO"}, {"ImagePositionPatient": []}, {"BurnedInAnnotation": "YES"}]
)
def test_other_secondary_captures_are_held(factory, read: Read, changes):
    values = 64 if not changes or changes.get("BurnedInAnnotation") == "NO" else 2
    grouped = group(read([label_map(factory, values, **changes)]))
    assert [reason for reason, _ in outcomes(grouped)] == [Reason.BURNED_IN_RISK]


@pytest.mark.parametrize(("stated", "held"), [(None, True), ("YES", True), ("NO", False)])
def test_ultrasound_passes_only_when_the_header_denies_burned_in_text(factory, read: Read, stated, held: bool):
    changes = {"BurnedInAnnotation": stated} if stated else {}
    header = factory.header(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.3.1", Modality="US", ImagePositionPatient=[], NumberOfFrames="3", **changes
    )
    grouped = group(read([factory.write(header, np.zeros((3, 4, 6), np.int16))]))
    assert bool(grouped.refused) is held
    if not held:
        (stack,) = grouped.stacks
        assert (stack.axes, stack.shape) == ("tzyx", (3, 1, 4, 6))
        assert stack.attributes.spacing_mm[0] is None


def test_every_file_has_exactly_one_outcome(factory, read: Read):
    paths = factory.series([0, 1, 2]) + factory.series([0, 5], SeriesInstanceUID="1.2.3")
    paths += [paths[0], label_map(factory, 64)]
    assert count(group(read(paths))) == len(paths)


@pytest.mark.parametrize(
    ("center", "width", "kept"),
    [(0, 1, False), (0.5, 1, True), (1, 1, True), (0, 2, False), (0, 3, True), (-600, 200, False), (70_000, 10, False)],
)
def test_a_header_window_outside_of_all_values_is_left_out(factory, read: Read, center: float, width: int, kept: bool):
    path = factory.slice(
        0, PixelRepresentation=0, RescaleSlope=1, RescaleIntercept=0, WindowCenter=center, WindowWidth=width
    )
    assert bool(group(read([path])).stacks[0].attributes.windows) is kept


def test_a_radiograph_without_a_position_is_not_placed_in_the_patient(factory, read: Read):
    kind = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1", "Modality": "DX"}
    unplaced = {"ImagePositionPatient": [], "ImageOrientationPatient": []}
    (stack,) = group(read([factory.slice(0, **kind, **unplaced)])).stacks
    assert (stack.attributes.placed, stack.attributes.spacing_mm) == (False, (None, 0.5, 0.25))
    (stack,) = group(read([factory.slice(0)])).stacks
    assert stack.attributes.placed
