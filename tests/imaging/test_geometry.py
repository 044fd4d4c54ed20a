"""Voxel ↔ LPS, plane names, WKT: exact and its own inverse."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from imaging.domain.image import Axis
from imaging.errors import InvalidInputError
from imaging.geometry import (
    affine_lps,
    area_and_length,
    flip_wkt_y,
    mark_polygon,
    normal_of,
    plane_axis,
    spacing_mm,
    voxel_to_world,
    wkt_to_mask,
    world_to_voxel,
)

angles = st.floats(-3.1, 3.1)
sizes = st.floats(0.1, 10)


@st.composite
def affines(draw: st.DrawFn) -> np.ndarray:
    a, b, c = draw(angles), draw(angles), draw(angles)
    about_z = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
    about_y = np.array([[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(c), -math.sin(c)], [0, math.sin(c), math.cos(c)]])
    turn = about_z @ about_y @ about_x
    orientation = [*turn[:, 0], *turn[:, 1]]
    first = [draw(st.floats(-500, 500)) for _ in range(3)]
    return affine_lps(
        orientation=orientation,
        pixel_spacing=(draw(sizes), draw(sizes)),
        first=first,
        step=normal_of(orientation) * draw(sizes),
    )


def test_rows_run_down_and_columns_run_right_as_the_standard_says():
    affine = affine_lps(orientation=[1, 0, 0, 0, 1, 0], pixel_spacing=(0.5, 0.25), first=(-10, -20, 30), step=(0, 0, 2))
    assert voxel_to_world(affine, [[3, 2, 4]]).tolist() == [[-9.0, -19.0, 36.0]]
    assert spacing_mm(affine) == (2.0, 0.5, 0.25)


@given(affines(), numpy_strategies.arrays(float, (5, 3), elements=st.floats(-500, 500)))
def test_world_to_voxel_undoes_voxel_to_world(affine: np.ndarray, points: np.ndarray):
    assert np.allclose(world_to_voxel(affine, voxel_to_world(affine, points)), points, atol=1e-6)


@given(affines())
def test_the_three_plane_names_give_three_axes(affine: np.ndarray):
    assert {plane_axis(affine, name) for name in ("axial", "coronal", "sagittal")} == set(Axis)


@pytest.mark.parametrize(
    ("orientation", "axial", "coronal", "sagittal"),
    [
        ([1, 0, 0, 0, 1, 0], Axis.Z, Axis.Y, Axis.X),
        ([1, 0, 0, 0, 0, -1], Axis.Y, Axis.Z, Axis.X),
        ([0, 1, 0, 0, 0, -1], Axis.Y, Axis.X, Axis.Z),
        ([-1, 0, 0, 0, -1, 0], Axis.Z, Axis.Y, Axis.X),
    ],
)
def test_planes_are_named_by_the_nearest_patient_axis(orientation, axial, coronal, sagittal):
    affine = affine_lps(orientation=orientation, pixel_spacing=(1, 1), first=(0, 0, 0), step=normal_of(orientation))
    assert [plane_axis(affine, name) for name in ("axial", "coronal", "sagittal")] == [axial, coronal, sagittal]
    assert plane_axis(affine, "y") is Axis.Y


def test_an_unknown_plane_name_is_bad_input():
    with pytest.raises(InvalidInputError):
        plane_axis(np.eye(4), "tilted")


def test_cosines_that_span_no_plane_are_bad_input():
    with pytest.raises(InvalidInputError):
        normal_of([1, 0, 0, 1, 0, 0])


halves = st.integers(-4000, 4000).map(lambda number: number / 2)


@given(st.lists(st.tuples(halves, halves), min_size=3, max_size=9), st.integers(1, 4000))
def test_flipping_twice_gives_the_same_text(points: list[tuple[float, float]], height: int):
    ring = ", ".join(f"{x:g} {y:g}" for x, y in [*points, points[0]])
    once = flip_wkt_y(f"POLYGON (({ring}))", height)
    assert flip_wkt_y(flip_wkt_y(once, height), height) == once


def test_a_point_at_the_top_becomes_a_point_at_the_height():
    assert flip_wkt_y("POINT (3 0.5)", 512) == "POINT (3 511.5)"


@given(st.integers(0, 9), st.integers(0, 9), st.integers(1, 6), st.integers(1, 6))
def test_an_integer_rectangle_holds_exactly_its_voxels(x: int, y: int, width: int, height: int):
    wkt = f"POLYGON (({x} {y}, {x + width} {y}, {x + width} {y + height}, {x} {y + height}, {x} {y}))"
    mask = wkt_to_mask(wkt, (20, 18))
    assert mask[y : y + height, x : x + width].all()
    assert mask.sum() == width * height


def test_a_hole_and_a_part_outside_the_plane_hold_no_voxels():
    ring = "(-5 -5, 4 -5, 4 4, -5 4, -5 -5)"
    mask = wkt_to_mask(f"POLYGON ({ring}, (1 1, 3 1, 3 3, 1 3, 1 1))", (10, 10))
    assert mask.sum() == 16 - 4
    assert not mask[1:3, 1:3].any()


def test_lines_hold_no_voxels():
    assert not wkt_to_mask("LINESTRING (0 0, 5 5)", (6, 6)).any()


@given(st.integers(0, 19), st.integers(0, 17), st.data())
def test_a_window_of_a_mask_is_a_part_of_the_whole_one(top, left, data):
    points = data.draw(st.lists(st.tuples(st.floats(-5, 25), st.floats(-5, 25)), min_size=3, max_size=8))
    polygon = shapely.make_valid(shapely.Polygon(points))
    wkt = shapely.to_wkt(polygon if polygon.geom_type != "GeometryCollection" else polygon.convex_hull)
    rows, columns = data.draw(st.integers(1, 20 - top)), data.draw(st.integers(1, 18 - left))
    whole = wkt_to_mask(wkt, (20, 18))
    part = np.zeros((rows, columns), bool)
    mark_polygon(part, wkt, start=(top, left))
    np.testing.assert_array_equal(part, whole[top : top + rows, left : left + columns])


def test_a_large_mask_is_filled_some_rows_at_a_time():
    mask = wkt_to_mask("POLYGON ((0 0, 1500 0, 1500 1500, 0 0))", (1500, 1500))
    np.testing.assert_array_equal(mask, np.triu(np.ones((1500, 1500), bool), 1))


def test_length_and_area_respect_unequal_spacings():
    line = area_and_length("LINESTRING (0 0, 4 3)", (2.0, 0.5))
    assert line.length_px == 5.0
    assert line.length_mm == math.hypot(4 * 0.5, 3 * 2.0)
    square = area_and_length("POLYGON ((0 0, 2 0, 2 2, 0 2, 0 0))", (2.0, 0.5))
    assert (square.area_px, square.area_mm2) == (4.0, 4.0)
    assert square.length_mm == 2 * (2 * 0.5 + 2 * 2.0)


def test_an_uncalibrated_plane_has_no_mm():
    measure = area_and_length("LINESTRING (0 0, 4 3)", None)
    assert (measure.length_mm, measure.area_mm2) == (None, None)


@pytest.mark.parametrize("wkt", ["", "CIRCLE (1 2)", "POLYGON ((0 0, 1", "GeometryCollection (" * 100_000], ids=len)
def test_what_is_no_wkt_is_bad_input(wkt: str):
    with pytest.raises(InvalidInputError):
        flip_wkt_y(wkt, 10)
