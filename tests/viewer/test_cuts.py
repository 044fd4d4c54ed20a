"""Windows, crops and tiles of a plane as plain numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.domain.annotation import Box
from imaging.errors import InvalidInputError, NotFoundError
from imaging.project.drawing import Plane
from viewer.cuts import LARGEST_SIDE, TILE, Rectangle, count_zooms, find_crop, find_tile, fit, halve

planes = st.builds(Plane, st.integers(1, 3000), st.integers(1, 3000), st.none())


@given(planes, st.data())
def test_the_tiles_of_a_zoom_hold_each_voxel_once(plane, data):
    zoom = data.draw(st.integers(0, count_zooms(plane)))
    seen = np.zeros((plane.height, plane.width), np.uint8)
    side = TILE << (count_zooms(plane) - zoom)
    for ty in range(-(-plane.height // side)):
        for tx in range(-(-plane.width // side)):
            cut = find_tile(plane, zoom, tx, ty)
            part = cut.rectangle
            assert 0 < max(cut.columns, cut.rows) <= TILE
            seen[part.top : part.top + part.height, part.left : part.left + part.width] += 1
    assert (seen == 1).all()


@given(planes)
def test_one_tile_holds_all_at_zoom_0(plane):
    cut = find_tile(plane, 0, 0, 0)
    assert cut.rectangle == Rectangle(0, 0, plane.width, plane.height)
    with pytest.raises(NotFoundError):
        find_tile(plane, 0, 1, 0)
    with pytest.raises(NotFoundError):
        find_tile(plane, count_zooms(plane) + 1, 0, 0)


@given(planes, st.data(), st.floats(0.01, 100))
def test_a_crop_lies_on_the_plane(plane, data, increase):
    x0, x1 = sorted(data.draw(st.lists(st.floats(0, plane.width), min_size=2, max_size=2)))
    y0, y1 = sorted(data.draw(st.lists(st.floats(0, plane.height), min_size=2, max_size=2)))
    crop = find_crop(plane, Box(x0=x0, y0=y0, x1=x1, y1=y1), increase)
    assert 0 <= crop.left < crop.left + crop.width <= plane.width
    assert 0 <= crop.top < crop.top + crop.height <= plane.height
    if increase >= 1:
        assert crop.left <= x0
        assert x1 <= crop.left + crop.width


@given(st.integers(1, LARGEST_SIDE), st.integers(1, LARGEST_SIDE), st.integers(1, LARGEST_SIDE), st.integers(0, 30))
def test_a_picture_is_never_larger_than_what_it_shows(width, height, largest, times):
    rectangle = Rectangle(0, 0, width, height)
    for cut in (fit(rectangle, largest), halve(rectangle, times)):
        assert 1 <= cut.columns <= width
        assert 1 <= cut.rows <= height
    assert max(fit(rectangle, largest).columns, fit(rectangle, largest).rows) <= largest


def test_a_picture_has_a_largest_size():
    with pytest.raises(InvalidInputError, match="maxSize or zoom"):
        halve(Rectangle(0, 0, LARGEST_SIDE + 1, 1), 0)
