"""Crops and masks of annotations, and masks of windows, over the API."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.domain.annotation import AnnotationDraft
from imaging.domain.image import Axis
from tests.viewer.known_pictures import SOFT, pixels_of, windowed


def _draw(world, image, wkt, **place):
    return world.ours.project.annotations.create(AnnotationDraft(image=image.id, wkt=wkt, **place))


@pytest.mark.parametrize("axis", [Axis.Z, Axis.Y, Axis.X])
def test_annotations_of_any_plane_have_crops_and_masks(manager, world, ours, axis):
    wkt = "POLYGON ((1 1, 5 1, 5 2.4, 3.4 4, 1 4, 1 1))"
    drawn = _draw(world, ours.ct, wkt, axis=axis, index=2)
    slopes = np.arange(1.0, 6.0)[:, None, None]
    grey = windowed(ours.stored * slopes - 10 * slopes, SOFT)
    grey[(ours.stored >= -1024) & (ours.stored <= -1000)] = 0
    plane = grey.take(2, "zyx".index(axis.value))[1:4, 1:5]
    # Row 2.5 is left of the slanted edge up to x = 4.9, row 3.5 up to 3.9.
    inside = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 0]], bool)
    path = f"/api/annotation/{drawn.id}"
    np.testing.assert_array_equal(pixels_of(manager.get(f"{path}/crop.png")), plane)
    np.testing.assert_array_equal(pixels_of(manager.get(f"{path}/mask.png")), inside * np.uint8(255))
    alpha = pixels_of(manager.get(f"{path}/alphamask.png"))
    np.testing.assert_array_equal(alpha[..., 0], plane)
    np.testing.assert_array_equal(alpha[..., 1] > 0, inside)


def test_a_crop_grows_about_its_middle_as_far_as_the_plane_reaches(manager, world, chest):
    drawn = _draw(world, chest.image, "POLYGON ((100 4, 110 4, 110 14, 100 14, 100 4))", index=2)
    shown = pixels_of(manager.get(f"/api/userannotation/{drawn.id}/crop.png?increaseArea=2"))
    np.testing.assert_array_equal(shown, windowed(chest.stored[2, 0:19, 95:115], SOFT))
    mask = pixels_of(manager.get(f"/api/userannotation/{drawn.id}/mask.png?increaseArea=2&complete=True"))
    assert (mask[4:14, 5:15] == 255).all()
    assert np.count_nonzero(mask) == 100


def test_a_point_has_the_crop_of_its_voxel(manager, world, chest):
    drawn = _draw(world, chest.image, "POINT (600 300)", index=2)
    path = f"/api/userannotation/{drawn.id}"
    assert pixels_of(manager.get(f"{path}/crop.png")).tolist() == [[windowed(chest.stored[2, 299, 599], SOFT)]]
    assert pixels_of(manager.get(f"{path}/mask.png")).tolist() == [[0]]
    assert pixels_of(manager.get(f"{path}/crop.png?increaseArea=9")).shape == (5, 5)


def test_reviewed_copies_have_pictures_of_their_own(manager, world, ours):
    drawn = _draw(world, ours.film, "POLYGON ((1 1, 5 1, 5 3, 1 3, 1 1))")
    assert manager.get(f"/api/reviewedannotation/{drawn.id}/crop.png").status_code == 404
    assert manager.post(f"/api/imageinstance/{ours.film.id}/review.json").status_code == 200
    copy = manager.post(f"/api/annotation/{drawn.id}/review.json").json()["reviewedannotation"]
    assert f"/api/reviewedannotation/{copy['id']}/" in copy["cropURL"]
    crop = pixels_of(manager.get(copy["cropURL"]))
    np.testing.assert_array_equal(crop, pixels_of(manager.get(f"/api/userannotation/{drawn.id}/crop.png")))
    assert manager.get(copy["cropURL"].replace("crop.png", "alphamask.png")).status_code == 200


def test_a_mask_that_changed_is_sent_again(manager, world, ours):
    drawn = _draw(world, ours.ct, "POLYGON ((1 1, 4 1, 4 3, 1 3, 1 1))", index=4)
    path = f"/api/imageinstance/{ours.ct.id}/window-0-0-5-5.png?mask=true&index=4"
    first = manager.get(path)
    ours.project.annotations.edit(drawn.id, wkt="POLYGON ((1 1, 3 1, 3 3, 1 3, 1 1))")
    second = manager.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert np.count_nonzero(pixels_of(first)) - np.count_nonzero(pixels_of(second)) == 2


@pytest.fixture(scope="module")
def drawn(world, chest):
    project = world.ours.project
    layer = project.layers.mine().id
    shapes = {
        "a": ("POLYGON ((200 100, 210 100, 210 110, 200 110, 200 100))", (), False, 1),
        "b": ("POLYGON ((205 105, 220 105, 220 108, 205 108, 205 105))", (world.ours.terms[1].id,), False, 1),
        "c": ("POLYGON ((230 100, 234 100, 234 104, 230 104, 230 100))", (), True, 1),
        "elsewhere": ("POLYGON ((200 100, 240 100, 240 120, 200 120, 200 100))", (), False, 3),
    }
    return {
        name: project.annotations.import_many(
            layer, [AnnotationDraft(image=chest.image.id, wkt=wkt, index=index, terms=said)], reviewed=reviewed
        )[0]
        for name, (wkt, said, reviewed, index) in shapes.items()
    }


def _mask(manager, chest, query):
    slice_id = chest.image.slice_base + 1
    path = f"/api/sliceinstance/{slice_id}/window-200-100-40-20.png?mask=true&{query}"
    return pixels_of(manager.get(path)) == 255


@pytest.fixture
def parts():
    a, b, c = (np.zeros((20, 40), bool) for _ in range(3))
    a[:10, :10], b[5:8, 5:20], c[:4, 30:34] = True, True, True
    return {"a": a, "b": b, "c": c}


def test_a_mask_holds_all_that_is_drawn_on_the_plane(manager, chest, drawn, parts):
    np.testing.assert_array_equal(_mask(manager, chest, ""), parts["a"] | parts["b"] | parts["c"])


def test_a_mask_is_made_of_what_is_named(manager, chest, drawn, parts):
    named = f"annotations={drawn['a'].id},{drawn['c'].id},{drawn['elsewhere'].id}&complete=True"
    np.testing.assert_array_equal(_mask(manager, chest, named), parts["a"] | parts["c"])


def test_a_mask_is_made_of_terms_users_or_what_is_reviewed(world, manager, ours, chest, drawn, parts):
    np.testing.assert_array_equal(_mask(manager, chest, f"terms={ours.terms[1].id}"), parts["b"])
    np.testing.assert_array_equal(_mask(manager, chest, "reviewed=True"), parts["c"])
    me, other = world.users["manager"].id, world.users["reader"].id
    np.testing.assert_array_equal(_mask(manager, chest, f"users={me}&reviewed=False"), parts["a"] | parts["b"])
    assert not _mask(manager, chest, f"users={other}").any()


def test_what_is_drawn_without_a_slice_is_on_the_window_of_its_image(manager, ours):
    sent = {"image": ours.ct.id, "location": "POLYGON ((0 0, 2 0, 2 1, 0 1, 0 0))"}
    drawn = manager.post("/api/annotation.json", json=sent).json()["annotation"]
    path = f"/api/imageinstance/{ours.ct.id}/window-0-0-7-6.png?mask=true&annotations={drawn['id']}"
    assert np.argwhere(pixels_of(manager.get(path))).tolist() == [[5, 0], [5, 1]]


def test_an_alpha_mask_keeps_the_pixels_inside(manager, chest, drawn, parts):
    path = f"{chest.path}/window-200-100-40-20.png?index=1&alphaMask=true&annotations={drawn['a'].id}&bits=8"
    shown = pixels_of(manager.get(path))
    np.testing.assert_array_equal(shown[..., 1] == 255, parts["a"])
    np.testing.assert_array_equal(shown[..., 0], windowed(chest.stored[1, 100:120, 200:240], SOFT))


def test_a_smaller_mask_shows_the_voxels_at_the_middle_of_itspixels_of(manager, chest, drawn, parts):
    shown = _mask(manager, chest, f"annotations={drawn['a'].id}&zoom=1")
    np.testing.assert_array_equal(shown, parts["a"][1::2, 1::2])


def test_annotations_of_another_image_are_no_part_of_a_mask(manager, world, ours, chest):
    path = f"{chest.path}/window-0-0-9-9.png?mask=true&annotations="
    assert manager.get(f"{path}{ours.annotation.id}").status_code == 400
    assert manager.get(f"{path}{world.theirs.annotation.id}").status_code == 404
    assert manager.get(f"{path}1;drop").status_code == 400
