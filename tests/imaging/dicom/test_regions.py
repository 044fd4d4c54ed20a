"""The ultrasound region rule: which pixels are covered, and when a header says nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from imaging.dicom.headers import read_instance
from imaging.dicom.regions import list_outside
from imaging.dicom.walk import Found
from imaging.text import Box

ROWS, COLUMNS = 48, 64


def make_header(*regions: tuple[int, int, int, int], kind: int | None = 1) -> Dataset:
    """Regions as left, top, right, bottom: the last column and row are inside, as DICOM has it."""
    header = Dataset()
    header.SequenceOfUltrasoundRegions = []
    for left, top, right, bottom in regions:
        item = Dataset()
        if kind is not None:
            item.RegionSpatialFormat = kind
        item.RegionLocationMinX0, item.RegionLocationMinY0 = left, top
        item.RegionLocationMaxX1, item.RegionLocationMaxY1 = right, bottom
        header.SequenceOfUltrasoundRegions.append(item)
    return header


def count_covered(header: Dataset) -> np.ndarray:
    covered = np.zeros((ROWS, COLUMNS), int)
    for box in list_outside(header, ROWS, COLUMNS):
        covered[box.top : box.bottom, box.left : box.right] += 1
    return covered


@given(
    st.lists(
        st.tuples(*[st.integers(0, COLUMNS - 1), st.integers(0, ROWS - 1)] * 2).map(
            lambda c: (min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3]))
        ),
        min_size=1,
        max_size=5,
    )
)
def test_every_pixel_outside_all_regions_is_covered_once_and_none_inside(
    regions: list[tuple[int, int, int, int]],
) -> None:
    expected = np.ones((ROWS, COLUMNS), int)
    for left, top, right, bottom in regions:
        expected[top : bottom + 1, left : right + 1] = 0

    assert np.array_equal(count_covered(make_header(*regions)), expected)


@pytest.mark.parametrize(
    "header",
    [
        Dataset(),
        make_header(),
        make_header((0, 0, COLUMNS + 1, 9)),
        make_header((0, 0, 9, ROWS + 1)),
        make_header((9, 9, 3, 20)),
        make_header((4, 4, 20, 20), kind=None),
        make_header((4, 4, 20, 20), kind=0),
        make_header((4, 4, 20, 20), kind=5),
        make_header((4, 4, 20, 20), kind=6),
    ],
    ids=[
        "absent",
        "empty",
        "too wide",
        "too high",
        "turned over",
        "no format",
        "format none",
        "graphics alone",
        "unknown format",
    ],
)
def test_a_header_without_a_usable_region_says_nothing(header: Dataset) -> None:
    assert list_outside(header, ROWS, COLUMNS) == ()


def test_an_edge_that_is_one_too_far_ends_at_the_border() -> None:
    assert np.array_equal(
        count_covered(make_header((4, 4, COLUMNS, ROWS))), count_covered(make_header((4, 4, COLUMNS - 1, ROWS - 1)))
    )


def test_the_banners_of_a_real_ultrasound_are_outside(shared_data: Path) -> None:
    instance = read_instance(Found(shared_data / "ultrasound" / "OBXXXX1A_rle_2frame.dcm", "cine"))

    boxes = list_outside(instance.header, instance.format.rows, instance.format.columns)

    assert Box(0, 0, 60, 800) in boxes
    assert sum(box.rows * box.columns for box in boxes) == 600 * 800 - 459 * 680 - 55 * 568


def test_one_broken_region_makes_all_of_them_unusable() -> None:
    header = make_header((4, 4, 20, 20), (30, 4, 20, 20))

    assert list_outside(header, ROWS, COLUMNS) == ()
