"""Cytomine's thumbnails, windows, tiles, crops and masks over the API, against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.dicom.palettes import read_palette
from imaging.domain.annotation import AnnotationDraft
from imaging.domain.image import Window
from imaging.domain.project import PixelAccess
from tests.viewer.known_pictures import SOFT, pixels_of, register, stored_of, windowed


@pytest.fixture(scope="module")
def cine(world):
    """Times and channels, 12 bits."""
    stored = np.random.default_rng(4).integers(0, 4096, (2, 2, 3, 20, 30), dtype=np.uint16)
    windows = (Window(center=2000, width=3000),)
    return register(world.ours.project, "cine", stored, "tczyx", bits_stored=12, windows=windows)


def test_a_window_is_counted_from_the_top_left_corner(manager, chest):
    shown = pixels_of(manager.get(f"{chest.path}/window-7-200-50-40.png"))
    np.testing.assert_array_equal(shown, windowed(chest.stored[2, 200:240, 7:57], SOFT))


@pytest.mark.parametrize(("plane", "axis"), [("axial", 0), ("coronal", 1), ("sagittal", 2), ("y", 1), ("x", 2)])
def test_a_window_shows_any_plane(manager, chest, plane, axis):
    shown = pixels_of(manager.get(f"{chest.path}/window-3-1-4-2.png?plane={plane}&index=4&preset=lung"))
    np.testing.assert_array_equal(shown, windowed(chest.stored.take(4, axis)[1:3, 3:7], (-600, 1500)))


@pytest.mark.parametrize(("plane", "axis"), [("z", 0), ("y", 1), ("x", 2)])
def test_a_window_takes_the_slope_of_each_plane_and_leaves_padding_black(manager, ours, plane, axis):
    slopes = np.arange(1.0, 6.0)[:, None, None]
    grey = windowed(ours.stored * slopes - 10 * slopes, (1000, 9000))
    grey[(ours.stored >= -1024) & (ours.stored <= -1000)] = 0
    path = f"/api/imageinstance/{ours.ct.id}/window-1-2-4-3.png?plane={plane}&index=3&center=1000&width=9000"
    np.testing.assert_array_equal(pixels_of(manager.get(path)), grey.take(3, axis)[2:5, 1:5])


def test_a_slice_knows_its_time_and_channel(manager, cine):
    for t, z, c in ((0, 0, 0), (1, 2, 0), (1, 0, 1)):
        rank = cine.image.slice_order.rank(t=t, z=z, c=c)
        expected = windowed(cine.stored[t, c, z].astype(float), (2000, 3000))
        of_slice = f"/api/sliceinstance/{cine.image.slice_base + rank}"
        np.testing.assert_array_equal(pixels_of(manager.get(f"{of_slice}/window-0-0-30-20.png")), expected)
        of_image = f"{cine.path}/window-0-0-30-20.png?index={z}&t={t}&c={c}"
        np.testing.assert_array_equal(pixels_of(manager.get(of_image)), expected)
        np.testing.assert_array_equal(
            pixels_of(manager.get(f"{of_slice}/normalized-tile/zoom/0/tx/0/ty/0.png")), expected
        )


def test_soft_tissue_keeps_40_and_80_hu_apart_everywhere(manager, world, chest):
    draft = AnnotationDraft(image=chest.image.id, wkt="POLYGON ((10 10, 30 10, 30 20, 10 20, 10 10))", index=2)
    drawn = world.ours.project.annotations.create(draft)
    tile = f"{chest.path}/normalized-tile/zoom/2/tx/0/ty/0.png"
    window = f"{chest.path}/window-0-0-256-256.png"
    for path in (tile, window):
        shown = pixels_of(manager.get(f"{path}?center=40&width=400")).astype(int)
        assert shown[15, 25] - shown[15, 15] >= 20
    crop = pixels_of(manager.get(f"/api/userannotation/{drawn.id}/crop.png?center=40&width=400")).astype(int)
    assert crop.shape == (10, 20)
    assert crop[5, 15] - crop[5, 5] >= 20


def test_monochrome1_shows_low_values_bright(manager, ours):
    path = f"/api/imageinstance/{ours.film.id}"
    stored = stored_of(manager.get(f"{path}/window-0-0-400-300.png?bits=16"))
    for shown in (f"{path}/window-0-0-400-300.png", f"{path}/thumb.png"):
        grey = pixels_of(manager.get(f"{shown}?center=2048&width=4096"))
        np.testing.assert_array_equal(grey, 255 - windowed(stored.astype(float), (2048, 4096)))


def test_colour_pictures_pass(manager, ours):
    path = f"/api/imageinstance/{ours.picture.id}"
    whole = pixels_of(manager.get(f"{path}/render/z/0.png"))
    np.testing.assert_array_equal(pixels_of(manager.get(f"{path}/window-2-1-5-6.png")), whole[1:7, 2:7])
    np.testing.assert_array_equal(stored_of(manager.get(f"{path}/window-2-1-5-6.png?bits=16")), whole[1:7, 2:7])
    np.testing.assert_array_equal(
        pixels_of(manager.get(f"{path}/window-2-1-5-6.png?inverse=True")), 255 - whole[1:7, 2:7]
    )
    for query in ("preset=lung", "colormap=PET", "c=1"):
        assert manager.get(f"{path}/window-2-1-5-6.png?{query}").status_code in (400, 404)


def test_16_bits_are_the_stored_values(manager, ours, chest, cine):
    window = stored_of(manager.get(f"{chest.path}/window-7-200-50-40.png?bits=16"))
    assert window.dtype == np.uint16
    np.testing.assert_array_equal(window, chest.stored[2, 200:240, 7:57].astype(int) + 32_768)
    tile = stored_of(manager.get(f"{cine.path}/normalized-tile/zoom/0/tx/0/ty/0.png?bits=16&index=1&t=1&c=1"))
    np.testing.assert_array_equal(tile, cine.stored[1, 1, 1])
    crop = stored_of(manager.get(f"/api/userannotation/{ours.annotation.id}/alphamask.png?bits=16"))
    np.testing.assert_array_equal(crop[..., 0], ours.stored[2, 1:3, 1:4].astype(int) + 32_768)
    assert (crop[..., 1] == 65_535).all()


def test_values_of_more_than_16_bits_are_refused_in_16_bits(world, manager):
    stored = np.random.default_rng(5).normal(size=(1, 9, 8)).astype(np.float32)
    known = register(world.ours.project, "SUV", stored)
    path = f"{known.path}/window-0-0-8-9.png"
    assert "exact planes" in manager.get(f"{path}?bits=16").json()["detail"]
    shown = pixels_of(manager.get(f"{path}?center=0&width=3"))
    np.testing.assert_array_equal(shown, windowed(stored[0].astype(float), (0, 3)))


def test_zoom_halves_and_max_size_bounds(manager, chest):
    path = f"{chest.path}/window-0-0-513-300.png"
    assert pixels_of(manager.get(f"{path}?zoom=1")).shape == (150, 257)
    assert pixels_of(manager.get(f"{path}?maxSize=100")).shape == (58, 100)
    assert pixels_of(manager.get(f"{path}?maxSize=100&zoom=3")).shape == (58, 100)
    assert pixels_of(manager.get(f"{path}?maxSize=5000")).shape == (300, 513)


@pytest.mark.parametrize("left", [11, 12])
def test_a_smaller_picture_holds_means(manager, world, left):
    stored = np.random.default_rng(6).integers(0, 1000, (1, 301, 523), dtype=np.uint16)
    known = register(world.ours.project, f"flat {left}", stored)
    path = known.path
    part = stored[0, 20:220, left : left + 400].astype(float)
    means = part.reshape(50, 4, 100, 4).mean((1, 3))
    deep = stored_of(manager.get(f"{path}/window-{left}-20-400-200.png?bits=16&zoom=2")).astype(float)
    np.testing.assert_allclose(deep, means, atol=1)
    shown = pixels_of(manager.get(f"{path}/window-{left}-20-400-200.png?center=500.5&width=1001&zoom=2"))
    np.testing.assert_allclose(shown, means / 1000 * 255, atol=1.1)
    # What is left at the right and lower end makes pixels of its own.
    whole = stored_of(manager.get(f"{path}/window-0-0-523-301.png?bits=16&zoom=2"))
    assert whole.shape == (76, 131)
    assert whole[75, 130] == round(stored[0, 300:, 520:].mean())
    assert whole[10, 130] == round(stored[0, 40:44, 520:].mean())


def test_tiles_put_together_are_the_plane(manager, chest):
    path = f"/api/sliceinstance/{chest.image.slice_base + 3}/normalized-tile/zoom"
    rows = [np.hstack([pixels_of(manager.get(f"{path}/2/tx/{tx}/ty/{ty}.png")) for tx in range(3)]) for ty in range(2)]
    np.testing.assert_array_equal(np.vstack(rows), windowed(chest.stored[3], SOFT))
    assert pixels_of(manager.get(f"{path}/1/tx/1/ty/0.webp")).shape[:2] == (150, 44)
    assert pixels_of(manager.get(f"{path}/0/tx/0/ty/0.jpg")).shape == (75, 150)
    assert manager.get(f"/api/imageinstance/{chest.image.id}.json").json()["zoom"] == 2


def test_tiles_show_any_plane(manager, chest):
    shown = pixels_of(manager.get(f"{chest.path}/normalized-tile/zoom/2/tx/1/ty/0.png?plane=coronal&index=7"))
    np.testing.assert_array_equal(shown, windowed(chest.stored[:, 7, 256:512], SOFT))


@pytest.mark.parametrize("tile", ["3/tx/0/ty/0", "-1/tx/0/ty/0", "2/tx/3/ty/0", "2/tx/0/ty/-1", "2/tx/0/ty/2"])
def test_a_tile_beyond_the_plane_is_not_found(manager, chest, tile):
    assert manager.get(f"{chest.path}/normalized-tile/zoom/{tile}.png").status_code == 404


@pytest.mark.parametrize("window", ["0-0-601-1", "0-0-1-301", "-1-0-5-5", "600-0-1-1", "0-0-0-5"])
def test_a_window_beyond_the_plane_is_refused(manager, chest, window):
    answer = manager.get(f"{chest.path}/window-{window}.png")
    assert answer.status_code == 400
    assert "window" in answer.json()["detail"]


def test_a_picture_has_a_largest_size(manager, world):
    stored = np.zeros((1, 2, 10_001), np.uint8)
    known = register(world.ours.project, "long", stored, bits_stored=8)
    path = f"{known.path}/window-0-0-10001-2.png"
    assert "10000" in manager.get(path).json()["detail"]
    assert pixels_of(manager.get(f"{path}?zoom=1")).shape == (1, 5001)
    assert manager.get(f"{path}?maxSize=10001").status_code == 400


def test_a_plane_that_is_not_there_is_not_found(manager, chest, cine):
    for query in ("index=5", "t=1", "c=1", "plane=y&index=300"):
        assert manager.get(f"{chest.path}/window-0-0-5-5.png?{query}").status_code == 404
    assert manager.get(f"{cine.path}/thumb.png?t=2").status_code == 404


def _shown(manager, chest, query):
    return pixels_of(manager.get(f"{chest.path}/window-0-0-60-40.png?{query}"))


@pytest.fixture
def grey(chest):
    return windowed(chest.stored[2, :40, :60], SOFT)


def test_contrast_gamma_and_inversion_follow_the_window(manager, chest, grey):
    share = np.clip(grey / 255 * 1.5, 0, 1) ** 0.5
    expected = 255 - np.rint(share * 255)
    shown = _shown(manager, chest, "contrast=1.5&gamma=0.5&inverse=True&bits=8")
    np.testing.assert_array_equal(shown, expected)
    np.testing.assert_array_equal(_shown(manager, chest, "inverse=False&contrast=1.0&gamma=1"), grey)


def test_colour_maps_are_those_of_dicom(manager, chest, grey):
    np.testing.assert_array_equal(_shown(manager, chest, "colormap=hot_iron"), read_palette("HOT_IRON")[grey])
    inverted = _shown(manager, chest, "colormap=PET&inverse=true")
    np.testing.assert_array_equal(inverted, read_palette("PET")[255 - grey])


@pytest.mark.parametrize(
    "query",
    [
        "colormap=123",
        "colormap=",
        "gamma=0",
        "gamma=nan",
        "contrast=-1",
        "bits=32",
        "bits=max",
        "center=40",
        "preset=nowhere",
        "projection=max",
        "filters=otsu",
        "inverse=perhaps",
        "bits=16&center=40&width=400",
        "bits=16&inverse=True",
        "mask=true&bits=16",
        "mask=true&inverse=True",
        "zoom=-1",
        "maxSize=0",
        "plane=oblique",
        "unknown=1",
    ],
)
def test_what_is_not_served_is_refused(manager, chest, query):
    answer = manager.get(f"{chest.path}/window-0-0-60-40.png?{query}")
    assert answer.status_code == 400, answer.text
    assert answer.json()["detail"]


def test_a_parameter_that_is_not_served_is_named(manager, chest):
    answer = manager.get(f"{chest.path}/thumb.png?projection=max")
    assert answer.json()["detail"] == "projection: is not served here"


def test_an_encoding_that_cannot_hold_the_picture_is_refused(manager, ours, chest):
    drawn = f"/api/userannotation/{ours.annotation.id}"
    for path in (f"{drawn}/alphamask.jpg", f"{drawn}/crop.jpg?bits=16", f"{drawn}/crop.tif?bits=16"):
        assert manager.get(path).status_code == 400
    assert manager.get(f"{drawn}/crop.gif").status_code == 404


@pytest.mark.parametrize(
    ("encoding", "kind"),
    [("png", "png"), ("jpg", "jpeg"), ("webp", "webp"), ("tif", "tiff"), ("tiff", "tiff")],
)
def test_pictures_come_in_every_encoding(manager, chest, encoding, kind):
    answer = manager.get(f"{chest.path}/window-0-0-60-40.{encoding}")
    assert answer.headers["content-type"] == f"image/{kind}"
    assert pixels_of(answer).shape[:2] == (40, 60)


def _routes(ours):
    image, slice_id, drawn = ours.ct.id, ours.ct.slice_base, ours.annotation.id
    return (
        *(f"/api/imageinstance/{image}/{end}" for end in ("thumb.png", "window-0-0-3-3.png", "render/z/0.png")),
        *(f"/api/sliceinstance/{slice_id}/{end}" for end in ("thumb.png", "window-0-0-3-3.png")),
        f"/api/imageinstance/{image}/normalized-tile/zoom/0/tx/0/ty/0.png",
        f"/api/sliceinstance/{slice_id}/normalized-tile/zoom/0/tx/0/ty/0.png",
        f"/api/sliceinstance/{slice_id}/window-0-0-3-3.png?mask=true",
        *(f"/api/{noun}/{drawn}/{kind}.png" for noun in ("userannotation", "annotation") for kind in ("crop", "mask")),
        f"/api/annotation/{drawn}/alphamask.png",
    )


def test_what_did_not_change_is_not_sent_again(manager, as_user, ours):
    exact = (f"/api/imageinstance/{ours.ct.id}/plane/z/0", f"/api/segmentation/{ours.segmentation.id}/plane/z/0")
    for path in (*_routes(ours), *exact):
        first = manager.get(path)
        tag = first.headers["etag"]
        again = manager.get(path, headers={"If-None-Match": f'"other", W/{tag}'})
        assert (again.status_code, again.content) == (304, b""), path
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == "no-store"
        assert manager.get(path, headers={"If-None-Match": '"other"'}).content == first.content
        assert as_user("stranger").get(path, headers={"If-None-Match": tag}).status_code == 404
        assert as_user("uploader").get(path, headers={"If-None-Match": tag}).status_code == 403
    path = f"/api/imageinstance/{ours.ct.id}/window-0-0-3-3.png"
    tags = {manager.get(path + query).headers["etag"] for query in ("", "?preset=lung", "?index=1", "?mask=true")}
    assert len(tags) == 4


@pytest.mark.parametrize(
    ("access", "exact", "rendered"), [("rendered", 403, 200), ("none", 403, 403), ("full", 200, 200)]
)
def test_the_project_decides_which_pixels_leave(manager, ours, access, exact, rendered):
    before = ours.project.record.pixel_access
    ours.project.edit(pixel_access=PixelAccess(access))
    try:
        assert {manager.get(path).status_code for path in _routes(ours)} == {rendered}
        deep = [path for path in _routes(ours) if "mask." not in path and "mask=" not in path and "render" not in path]
        assert {manager.get(f"{path}?bits=16").status_code for path in deep} == {exact}
    finally:
        ours.project.edit(pixel_access=before)
