"""How often values occur in images and slices."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from imaging.domain.base import ImageKey
from imaging.domain.image import Axis
from viewer.api.shapes.envelope import Collection
from viewer.api.shapes.histogram import HistogramShape
from viewer.deps import Entry, Id, Paging
from viewer.histograms import count_values
from viewer.reading import Place, open_pyramid, plane_values, require_rendered, sample_values

router = APIRouter(prefix="/api", tags=["pixels"])

Bins = Annotated[int, Query(ge=1, le=65_536, alias="nBins")]


@router.get("/imageinstance/{image}/histogram.json")
def show_histogram(image: Id, door: Entry, bins: Bins = 256) -> HistogramShape:
    """Count the values of an image, in real units, on its coarsest level."""
    project = door.locate("image", image)
    require_rendered(project)
    record = project.images.get(ImageKey(image))
    pyramid = open_pyramid(project, record.id)
    return HistogramShape.of(count_values(sample_values(pyramid), bins), kind="FAST")


@router.get("/sliceinstance/{slice}/histogram.json")
def show_slice_histogram(slice: Id, door: Entry, bins: Bins = 256) -> Collection[HistogramShape]:
    """Count the values of a slice, in real units."""
    project = door.locate("slice", slice)
    require_rendered(project)
    record, rank = project.images.by_slice(slice)
    t, z, c = record.slice_order.place(rank)
    values = plane_values(open_pyramid(project, record.id), Place(Axis.Z, z, 0, t, c))
    shape = HistogramShape.of(count_values(values, bins), kind="COMPLETE")
    return Collection[HistogramShape].cut([shape], Paging(0, None))
