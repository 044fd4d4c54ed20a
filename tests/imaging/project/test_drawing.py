"""Drawings: repaired, clipped to their plane, measured, or refused."""

from __future__ import annotations

import math

import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st

from imaging.domain.image import Axis, Image
from imaging.errors import InvalidInputError
from imaging.project.drawing import Plane, draw, plane_of

PLANE = Plane(width=80, height=100, spacing=(0.5, 0.75))
inside = st.tuples(st.integers(0, 160), st.integers(0, 200)).map(lambda point: (point[0] / 2, point[1] / 2))


def test_a_rectangle_is_measured_in_pixels_and_mm() -> None:
    drawn = draw("POLYGON ((10 10, 20 10, 20 30, 10 30, 10 10))", PLANE)
    assert (drawn.area_px, drawn.length_px) == (200, 60)
    assert drawn.area_mm2 == pytest.approx(10 * 0.75 * 20 * 0.5)
    assert drawn.length_mm == pytest.approx(2 * (10 * 0.75 + 20 * 0.5))


def test_a_line_in_both_directions_has_its_true_length() -> None:
    drawn = draw("LINESTRING (0 0, 4 6)", PLANE)
    assert drawn.length_mm == pytest.approx(math.hypot(4 * 0.75, 6 * 0.5))
    assert (drawn.area_px, drawn.area_mm2) == (0, 0)


def test_an_uncalibrated_plane_gives_no_mm() -> None:
    drawn = draw("LINESTRING (0 0, 3 4)", Plane(80, 100, None))
    assert (drawn.length_px, drawn.length_mm, drawn.area_mm2) == (5, None, None)


def test_across_uneven_planes_no_spacing_holds(image: Image) -> None:
    assert [plane_of(image, axis).spacing for axis in Axis] == [(0.5, 0.75), (2.0, 0.75), (2.0, 0.5)]
    uneven = image.model_copy(update={"attributes": image.attributes.model_copy(update={"regular": False})})
    assert [plane_of(uneven, axis).spacing for axis in Axis] == [(0.5, 0.75), None, None]


@given(st.lists(inside, min_size=2, max_size=20, unique=True))
def test_half_pixel_coordinates_on_the_plane_stay_as_drawn(points: list[tuple[float, float]]) -> None:
    drawn = draw(shapely.LineString(points).wkt, PLANE)
    assert list(shapely.from_wkt(drawn.wkt).coords) == points


@given(st.lists(st.tuples(st.integers(-50, 150), st.integers(-50, 150)), min_size=3, max_size=8, unique=True))
@example([(0, 1), (-4, -1), (17, 5)])
def test_whatever_is_kept_is_valid_and_on_the_plane(points: list[tuple[int, int]]) -> None:
    try:
        drawn = draw(shapely.Polygon(points).wkt, PLANE)
    except InvalidInputError:
        return
    kept = shapely.from_wkt(drawn.wkt)
    assert kept.is_valid
    assert kept.geom_type in {"Polygon", "MultiPolygon"}
    assert shapely.box(0, 0, 80, 100).buffer(1e-9).covers(kept)
    assert kept.bounds == (drawn.box.x0, drawn.box.y0, drawn.box.x1, drawn.box.y1)
    assert kept.area == pytest.approx(drawn.area_px)


def test_a_crossing_outline_becomes_its_two_halves() -> None:
    drawn = draw("POLYGON ((10 10, 20 20, 20 10, 10 20, 10 10))", PLANE)
    assert drawn.wkt.startswith("MULTIPOLYGON")
    assert drawn.area_px == pytest.approx(50)


def test_what_hangs_over_the_edge_is_cut_off() -> None:
    assert draw("POLYGON ((70 90, 90 90, 90 110, 70 110, 70 90))", PLANE).area_px == 100
    assert draw("LINESTRING (-10 5, 10 5)", PLANE).length_px == 10


def test_the_far_corner_still_belongs_to_the_plane() -> None:
    assert draw("POINT (80 100)", PLANE).wkt == "POINT (80 100)"


def test_a_third_dimension_is_dropped() -> None:
    assert draw("POINT Z (1 2 3)", PLANE).wkt == "POINT (1 2)"


@pytest.mark.parametrize(
    "wkt",
    [
        "",
        "POINT EMPTY",
        "POLYGON EMPTY",
        "POINT (nan 1)",
        "POINT (inf 1)",
        "LINESTRING (1 1)",
        "LINESTRING (1 1, 2 nan)",
        "POLYGON ((0 0, 1 1))",
        "POINT (1 1",
        "POINT (1e999 1)",
        "POINT (1 1) and more",
        "POINT (90 50)",
        "POLYGON ((200 200, 300 200, 300 300, 200 200))",
        "POLYGON ((80 0, 90 0, 90 10, 80 0))",
        "LINESTRING (-1 5, 40 5, 40 -5, 50 -5, 50 5)",
        "MULTIPOINT ((1 1), (2 2))",
        "MULTILINESTRING ((1 1, 2 2))",
        "GEOMETRYCOLLECTION (POINT (1 1))",
        "GEOMETRYCOLLECTION (" * 100_000,
        "CIRCULARSTRING (0 0, 1 1, 2 0)",
        "SRID=4326;POINT (1 1)",
        "1; DROP TABLE annotation",
        "POLYGON ((" + "1 1, " * 2_000_000 + "1 1))",
    ],
    ids=lambda wkt: wkt[:24],
)
def test_what_is_no_drawing_is_refused(wkt: str) -> None:
    with pytest.raises(InvalidInputError):
        draw(wkt, PLANE)


@given(st.text(max_size=60))
def test_any_text_is_a_drawing_or_refused(text: str) -> None:
    try:
        draw(text, PLANE)
    except InvalidInputError:
        return


@given(st.text(alphabet="0123456789.,() -eE", max_size=40))
def test_any_coordinates_are_a_drawing_or_refused(text: str) -> None:
    for kind in ("POINT", "LINESTRING", "POLYGON", "MULTIPOLYGON"):
        try:
            draw(f"{kind} ({text})", PLANE)
        except InvalidInputError:
            continue
