"""Values within annotations and segmentations, against SimpleITK and numpy."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK
import tensorstore
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from starlette.testclient import TestClient

from imaging.geometry import wkt_to_mask
from imaging.statistics import Tally
from tests.viewer.conftest import Space, World

PERCENTS = (5.0, 25.0, 50.0, 75.0, 95.0)


def _real(ours: Space) -> np.ndarray:
    slopes = np.arange(1, 6)[:, None, None]
    return ours.stored * slopes - 10.0 * slopes


def _seen(ours: Space) -> np.ndarray:
    return (ours.stored < -1024) | (ours.stored > -1000)


def _draw(client: TestClient, **sent: object) -> int:
    answer = client.post("/api/annotation.json", json=sent)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["annotation"]["id"])


@given(
    pieces=st.lists(
        arrays.arrays(np.float64, st.integers(0, 30), elements=st.floats(-1e4, 1e4, width=32)), min_size=1, max_size=4
    )
)
def test_pieces_are_summed_up_as_numpy_sums_up_the_whole(pieces: list[np.ndarray]) -> None:
    tally, whole = Tally(), np.concatenate(pieces)
    for piece in pieces:
        tally.add(piece)
    found = tally.summarise(PERCENTS)
    if not whole.size:
        assert found is None
        return
    assert found is not None
    assert (found.count, found.minimum, found.maximum) == (whole.size, whole.min(), whole.max())
    assert found.mean == pytest.approx(whole.mean(), abs=1e-9, rel=1e-9)
    assert found.sd == pytest.approx(whole.std(ddof=1) if whole.size > 1 else 0, abs=1e-6, rel=1e-9)
    assert found.percentiles == pytest.approx(np.percentile(whole, PERCENTS), abs=1e-9, rel=1e-9)


def test_what_is_no_number_is_left_out_and_told() -> None:
    tally = Tally()
    tally.add(np.array([1.0, np.nan, np.inf, 3.0]))
    found = tally.summarise(PERCENTS)
    assert found is not None
    assert (tally.left_out, found.count, found.mean) == (2, 2, 2.0)


@pytest.mark.parametrize(("axis", "index"), [("z", 3), ("y", 2), ("x", 4)])
def test_a_polygon_on_any_plane_holds_the_real_values_of_its_voxels(
    world: World, ours: Space, axis: str, index: int
) -> None:
    client = world.as_user("annotator")
    key = _draw(client, image=ours.ct.id, axis=axis, index=index, location="POLYGON ((0 0, 5 0, 5 4, 1 4, 0 0))")
    shown = client.get(f"/api/annotation/{key}/statistics.json").json()
    inside = ours.project.annotations.get(key).wkt
    planes = {
        name: np.take(volume, index, axis="zyx".index(axis))
        for name, volume in (("real", _real(ours)), ("seen", _seen(ours)))
    }
    mask = wkt_to_mask(inside, planes["real"].shape)
    values = planes["real"][mask & planes["seen"]]
    assert (shown["voxels"], shown["leftOut"], shown["units"]) == (values.size, mask.sum() - values.size, "HU")
    assert shown["mean"] == pytest.approx(values.mean())
    assert shown["sd"] == pytest.approx(values.std(ddof=1))
    assert (shown["minimum"], shown["maximum"]) == (values.min(), values.max())
    assert shown["percentiles"]["50"] == pytest.approx(np.median(values))
    assert shown["volumeMl"] == pytest.approx(mask.sum() * 3.0 * 1.0 * 0.5 / 1000)


def test_a_point_has_the_value_of_its_voxel_and_a_line_none(world: World, ours: Space) -> None:
    client = world.as_user("annotator")
    point = _draw(client, image=ours.film.id, location="POINT (10.2 299.9)")
    shown = client.get(f"/api/annotation/{point}/statistics.json").json()
    assert (shown["voxels"], shown["sd"], shown["volumeMl"]) == (1, 0.0, None)
    path = ours.project.images.path(ours.film.id)
    stored = tensorstore.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{path}/0"}}).result()
    assert shown["mean"] == float(stored[0, 0, 10].read().result())
    line = _draw(client, image=ours.ct.id, location="LINESTRING (1 1, 3 3)")
    assert client.get(f"/api/annotation/{line}/statistics.json").status_code == 400


def test_a_segmentation_has_simpleitks_statistics_for_each_term(world: World, ours: Space) -> None:
    url = f"/api/segmentation/{ours.segmentation.id}/statistics.json"
    found = {one["term"]: one for one in world.as_user("reader").get(url).json()["collection"]}
    seen = np.where(_seen(ours), ours.labels, 0).astype(np.uint16)
    filter_ = SimpleITK.LabelStatisticsImageFilter()
    filter_.Execute(SimpleITK.GetImageFromArray(_real(ours)), SimpleITK.GetImageFromArray(seen))
    assert set(found) == {term.id for term in ours.terms}
    for term in ours.terms:
        one = found[term.id]
        assert one["voxels"] == filter_.GetCount(term.value)
        assert one["mean"] == pytest.approx(filter_.GetMean(term.value), rel=1e-12)
        assert one["sd"] == pytest.approx(filter_.GetSigma(term.value), rel=1e-9)
        assert (one["minimum"], one["maximum"]) == (filter_.GetMinimum(term.value), filter_.GetMaximum(term.value))
        assert one["volumeMl"] == pytest.approx((ours.labels == term.value).sum() * 1.5 / 1000)
    assert world.as_user("stranger").get(url).status_code == 404
    assert world.as_user("reader").get(url, params={"t": 3}).status_code == 400
