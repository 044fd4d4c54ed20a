"""From stored values to what a reader sees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from imaging.domain.image import Axis, ImageAttributes, Padding, Rescale, Window
from viewer.pixels import (
    PRESETS,
    apply_window,
    find_window,
    pack_plane,
    rescale_plane,
    show_colour,
    show_grey,
)

IDENTITY = ((0.0, 0.0, 1.0, 0.0), (0.0, 1.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))


def _attributes(**facts):
    return ImageAttributes(axes="zyx", affine_lps=IDENTITY, spacing_mm=(1.0, 1.0, 1.0), **facts)


def test_soft_tissue_window_keeps_40_and_80_hu_apart():
    grey = apply_window(np.array([[40.0, 80.0]]), Window(center=40, width=400))
    assert int(grey[0, 1]) - int(grey[0, 0]) >= 20


def test_the_window_is_that_of_the_standard():
    # PS3.3 C.11.2.1.2.1: center 0, width 100 maps -50 and below to 0, 49 and above to 255.
    grey = apply_window(np.array([[-60.0, -50.0, 49.0, 60.0]]), Window(center=0, width=100))
    assert grey.tolist() == [[0, 0, 255, 255]]
    assert apply_window(np.array([[9.0, 9.5, 10.0]]), Window(center=10, width=1)).tolist() == [[0, 0, 255]]


@given(
    arrays.arrays(np.float64, (4, 5), elements=st.floats(-40_000, 40_000)),
    st.floats(-5000, 5000),
    st.floats(0.01, 50_000),
)
def test_brighter_is_never_darker(real, center, width):
    grey = apply_window(real, Window(center=center, width=width)).ravel()
    order = np.argsort(real.ravel(), kind="stable")
    assert (np.diff(grey[order].astype(int)) >= 0).all()


@given(arrays.arrays(np.int16, (3, 4, 5)), st.data())
def test_planes_of_every_axis_are_rescaled_alike(stored, data):
    numbers = st.lists(st.integers(-8, 8).map(float), min_size=3, max_size=3)
    slope, intercept = data.draw(numbers), data.draw(numbers)
    rescale = Rescale(slope=tuple(slope), intercept=tuple(intercept))
    whole = stored * np.array(slope)[:, None, None] + np.array(intercept)[:, None, None]
    for place, axis in enumerate((Axis.Z, Axis.Y, Axis.X)):
        for index in range(stored.shape[place]):
            real = rescale_plane(stored.take(index, place), rescale, axis=axis, index=index, planes=3)
            np.testing.assert_array_equal(real, whole.take(index, place))


def test_a_coarser_level_takes_the_pair_of_the_first_voxel_below():
    rescale = Rescale(slope=(1.0, 2.0, 3.0, 4.0), intercept=(0.0,) * 4)
    ones = np.ones((2, 3), np.int16)
    assert rescale_plane(ones, rescale, axis=Axis.Z, index=1, planes=2).max() == 3.0
    assert rescale_plane(ones, rescale, axis=Axis.Y, index=0, planes=2)[:, 0].tolist() == [1.0, 3.0]


def test_monochrome1_is_inverted_and_padding_black():
    stored = np.array([[0, 50, 100, 2000]], np.int16)
    window = Window(center=50, width=101)
    plain = show_grey(stored, stored.astype(float), _attributes(), window)
    inverted = show_grey(stored, stored.astype(float), _attributes(photometric="MONOCHROME1"), window)
    assert (inverted == 255 - plain).all()
    padded = _attributes(photometric="MONOCHROME1", padding=Padding(low=-5, high=0))
    assert show_grey(stored, stored.astype(float), padded, window)[0, 0] == 0


def test_colours_of_8_bits_pass_and_deeper_ones_keep_their_high_bits():
    eight = np.array([[[0, 127, 255]]], np.uint8)
    assert (show_colour(eight, 8) == eight).all()
    assert show_colour(np.array([[[0, 2048, 4095]]], np.uint16), 12).tolist() == [[[0, 128, 255]]]


def test_without_a_window_the_values_choose_one():
    window = find_window(np.linspace(0.0, 1000.0, 10_001))
    assert (window.center, window.width) == (pytest.approx(500.5), pytest.approx(991))
    assert find_window(np.full(10, 7.0)).width > 1.0
    assert find_window(np.empty(0)).width == 1


def test_a_mask_of_few_voxels_is_white_on_black():
    mask = np.zeros(1000)
    mask[7] = 1
    assert apply_window(mask, find_window(mask))[[6, 7, 8]].tolist() == [0, 255, 0]


def test_a_dose_of_less_than_a_gray_has_shades():
    dose = np.linspace(0.0, 0.4, 401)
    grey = apply_window(dose, find_window(dose))
    assert grey[[0, 200, 400]].tolist() == [0, 128, 255]
    assert len(np.unique(grey)) > 200


def test_what_is_no_number_is_black_and_chooses_no_window():
    values = np.linspace(0.0, 1000.0, 10_001)
    values[:100] = np.nan
    window = find_window(values)
    assert window.width == pytest.approx(980, rel=0.01)
    shown = apply_window(np.array([np.nan, -np.inf, 500.0, np.inf]), Window(center=500, width=100))
    assert shown[[0, 1, 3]].tolist() == [0, 0, 255]
    assert find_window(np.full(10, np.nan)).width == 1


def test_fractions_are_shown_from_black_to_white():
    shares = np.linspace(0.0, 1.0, 10_001)[:-50]
    shown = apply_window(shares, find_window(shares))
    assert shown[[0, -1]].tolist() == [0, 255]
    assert 120 < shown[5000] < 135


def test_presets_are_documented_ct_windows():
    assert PRESETS["lung"] == Window(center=-600, width=1500)
    assert len(PRESETS) == 8


@pytest.mark.parametrize("dtype", [">i2", "<i2", "u1", ">f4"])
def test_packed_planes_are_little_endian_and_in_row_order(dtype):
    stored = np.asfortranarray(np.arange(6).reshape(2, 3).astype(dtype))
    raw = pack_plane(stored, compress=False)
    assert np.frombuffer(raw, stored.dtype.newbyteorder("<")).tolist() == [0, 1, 2, 3, 4, 5]
