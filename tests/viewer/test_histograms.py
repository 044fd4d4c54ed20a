"""How often values occur, over the API."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.domain.project import PixelAccess
from viewer.histograms import count_values


def _real(ours):
    slopes = np.arange(1.0, 6.0)[:, None, None]
    seen = (ours.stored < -1024) | (ours.stored > -1000)
    return ours.stored * slopes - 10 * slopes, seen


def test_a_slice_is_counted_in_real_units_without_padding(manager, ours):
    real, seen = _real(ours)
    values = real[3][seen[3]]
    answer = manager.get(f"/api/sliceinstance/{ours.ct.slice_base + 3}/histogram.json?nBins=16").json()
    (told,) = answer["collection"]
    assert answer["size"] == 1
    assert (told["minimum"], told["maximum"], told["nBins"]) == (values.min(), values.max(), 16)
    assert told["histogram"] == np.histogram(values, 16)[0].tolist()
    assert (told["type"], told["firstBin"], told["lastBin"]) == ("COMPLETE", 0, 15)


def test_an_image_is_counted_on_its_coarsest_level(manager, ours):
    real, seen = _real(ours)
    told = manager.get(f"/api/imageinstance/{ours.ct.id}/histogram.json").json()
    assert told["type"] == "FAST"
    assert told["histogram"] == np.histogram(real[seen], 256)[0].tolist()


def test_all_colours_are_counted(manager, ours):
    for path in (f"imageinstance/{ours.picture.id}", f"sliceinstance/{ours.picture.slice_base}"):
        told = manager.get(f"/api/{path}/histogram.json").json()
        assert sum(told.get("collection", [told])[0]["histogram"]) == 3 * 8 * 9


@pytest.mark.parametrize(("values", "counts"), [([], [0, 0]), ([np.nan], [0, 0]), ([7.0, 7.0], [2, 0])])
def test_no_value_or_one_alone_is_counted_too(values, counts):
    assert list(count_values(np.array(values), 2).counts) == counts


@pytest.mark.parametrize("bins", [0, 65_537, "many"])
def test_a_number_of_bins_that_cannot_be_is_refused(manager, ours, bins):
    answer = manager.get(f"/api/imageinstance/{ours.ct.id}/histogram.json?nBins={bins}")
    assert answer.status_code == 400
    assert list(answer.json()) == ["errors"]


def test_the_project_decides_whether_values_are_counted(manager, ours):
    before = ours.project.record.pixel_access
    ours.project.edit(pixel_access=PixelAccess.NONE)
    try:
        for path in (f"imageinstance/{ours.ct.id}", f"sliceinstance/{ours.ct.slice_base}"):
            assert manager.get(f"/api/{path}/histogram.json").status_code == 403
    finally:
        ours.project.edit(pixel_access=before)
