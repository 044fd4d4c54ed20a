"""Exact planes, rendered pictures and thumbnails over the API."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Picture

from imaging.domain.project import PixelAccess


def _array(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"].startswith("no-store")
    shape = tuple(int(length) for length in answer.headers["x-imaging-shape"].split(","))
    dtype = np.dtype(answer.headers["x-imaging-dtype"]).newbyteorder("<")
    return np.frombuffer(answer.content, dtype).reshape(shape)


def _pixels(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"].startswith("no-store")
    return np.asarray(Picture.open(io.BytesIO(answer.content)))


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_every_plane_is_exact(manager, ours, encoding):
    for name, axis in (("axial", 0), ("coronal", 1), ("sagittal", 2), ("z", 0), ("y", 1), ("x", 2)):
        for index in range(ours.stored.shape[axis]):
            answer = manager.get(
                f"/api/imageinstance/{ours.ct.id}/plane/{name}/{index}", headers={"Accept-Encoding": encoding}
            )
            assert answer.headers.get("content-encoding", "identity") == encoding
            np.testing.assert_array_equal(_array(answer), ours.stored.take(index, axis))


def test_a_coarser_level_counts_its_own_planes(manager, ours):
    answer = manager.get(f"/api/imageinstance/{ours.film.id}/plane/z/0", params={"level": 1})
    assert _array(answer).shape == (150, 200)


@pytest.mark.parametrize(
    "path", ["z/5", "z/-1", "y/6", "x/7", "z/0?level=9", "z/0?t=1", "z/0?c=1", "oblique/0", "z/one", "z/99999999999999"]
)
def test_a_plane_that_is_not_there_is_not_found(manager, ours, path):
    answer = manager.get(f"/api/imageinstance/{ours.ct.id}/plane/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_segmentation_planes_hold_the_values_of_terms(manager, ours):
    for name, axis in (("z", 0), ("y", 1), ("x", 2)):
        answer = manager.get(f"/api/segmentation/{ours.segmentation.id}/plane/{name}/3")
        assert answer.headers["x-imaging-dtype"] == "uint16"
        np.testing.assert_array_equal(_array(answer), ours.labels.take(3, axis))


def _expected(ours, axis, index, window):
    slopes = np.arange(1.0, 6.0)[:, None, None]
    real = ours.stored * slopes - 10 * slopes
    center, width = window
    grey = np.rint(np.clip((real - (center - 0.5)) / (width - 1) + 0.5, 0, 1) * 255).astype(np.uint8)
    grey[(ours.stored >= -1024) & (ours.stored <= -1000)] = 0
    return grey.take(index, axis)


@pytest.mark.parametrize(("name", "axis"), [("z", 0), ("y", 1), ("x", 2)])
@pytest.mark.parametrize(
    ("query", "window"),
    [("", (40, 400)), ("?center=1000&width=5000", (1000, 5000)), ("?preset=lung", (-600, 1500))],
)
def test_rendered_planes_use_the_rescale_of_each_plane(manager, ours, name, axis, query, window):
    answer = manager.get(f"/api/imageinstance/{ours.ct.id}/render/{name}/2.png{query}")
    np.testing.assert_array_equal(_pixels(answer), _expected(ours, axis, 2, window))


def test_monochrome1_shows_low_values_bright(manager, ours):
    path = f"/api/imageinstance/{ours.film.id}"
    stored = _array(manager.get(f"{path}/plane/z/0"))
    shown = _pixels(manager.get(f"{path}/render/z/0.png?center=2048&width=4096"))
    assert shown[np.unravel_index(stored.argmin(), stored.shape)] > 250
    assert shown[np.unravel_index(stored.argmax(), stored.shape)] < 5


def test_colour_passes_unchanged(manager, ours):
    path = f"/api/imageinstance/{ours.picture.id}"
    channels = [_array(manager.get(f"{path}/plane/z/0?c={c}")) for c in range(3)]
    np.testing.assert_array_equal(_pixels(manager.get(f"{path}/render/z/0.png")), np.stack(channels, -1))


@pytest.mark.parametrize(("encoding", "kind"), [("png", "image/png"), ("webp", "image/webp"), ("jpg", "image/jpeg")])
def test_thumbnails_come_in_every_encoding(manager, ours, encoding, kind):
    answer = manager.get(f"/api/imageinstance/{ours.film.id}/thumb.{encoding}?maxSize=100")
    assert answer.headers["content-type"] == kind
    assert _pixels(answer).shape[:2] == (75, 100)


def test_a_slice_has_a_thumbnail(manager, ours):
    slice_id = ours.ct.slice_base + 3
    answer = manager.get(f"/api/sliceinstance/{slice_id}/thumb.png")
    np.testing.assert_array_equal(_pixels(answer), _expected(ours, 0, 3, (40, 400)))


@pytest.mark.parametrize(
    "query", ["center=40", "width=400", "center=40&width=0", "center=nan&width=1", "preset=nowhere", "center=x&width=1"]
)
def test_half_a_window_is_refused(manager, ours, query):
    assert manager.get(f"/api/imageinstance/{ours.ct.id}/render/z/0.png?{query}").status_code == 400


@pytest.mark.parametrize(
    ("access", "exact", "rendered"), [("rendered", 403, 200), ("none", 403, 403), ("full", 200, 200)]
)
def test_the_project_decides_which_pixels_leave(manager, ours, access, exact, rendered):
    before = ours.project.record.pixel_access
    ours.project.edit(pixel_access=PixelAccess(access))
    try:
        image = f"/api/imageinstance/{ours.ct.id}"
        exact_routes = (
            f"{image}/plane/z/0",
            f"{image}/zarr/zarr.json",
            f"{image}/zarr/0/c/0/0/0",
            f"/api/segmentation/{ours.segmentation.id}/plane/z/0",
        )
        rendered_routes = (
            f"{image}/render/z/0.png",
            f"{image}/thumb.png",
            f"/api/sliceinstance/{ours.ct.slice_base}/thumb.png",
        )
        assert {manager.get(route).status_code for route in exact_routes} == {exact}
        assert {manager.get(route).status_code for route in rendered_routes} == {rendered}
    finally:
        ours.project.edit(pixel_access=before)


@pytest.mark.parametrize("name", ["uploader", "auditor"])
def test_who_may_not_see_images_gets_no_pixels(as_user, ours, name):
    client = as_user(name)
    for path in ("plane/z/0", "zarr/zarr.json", "render/z/0.png", "thumb.png"):
        assert client.get(f"/api/imageinstance/{ours.ct.id}/{path}").status_code == 403
