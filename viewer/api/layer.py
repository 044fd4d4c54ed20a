"""Layers and the segmentations in them."""

from __future__ import annotations

from fastapi import APIRouter

from imaging.domain.base import ImageKey, SegmentationKey
from imaging.project.layers import LayerCount
from viewer.api.shapes.envelope import Collection
from viewer.api.shapes.layer import LayerShape, SegmentationShape
from viewer.deps import Entry, Id, Page

router = APIRouter(prefix="/api", tags=["layer"])


@router.get("/project/{project}/layer.json")
def list_project_layers(project: Id, door: Entry, page: Page) -> Collection[LayerShape]:
    """List the layers of a project with what they hold in all."""
    return Collection[LayerShape].cut(_shapes(door.project(project).layers.counts()), page)


@router.get("/imageinstance/{image}/layer.json")
def list_image_layers(image: Id, door: Entry, page: Page) -> Collection[LayerShape]:
    """List the layers that hold something on one image."""
    return Collection[LayerShape].cut(_shapes(door.locate("image", image).layers.counts(ImageKey(image))), page)


@router.get("/imageinstance/{image}/segmentation.json")
def list_segmentations(image: Id, door: Entry, page: Page) -> Collection[SegmentationShape]:
    """List the segmentations of an image in all layers."""
    project = door.locate("image", image)
    found = project.segmentations.list(project.images.get(ImageKey(image)).id)
    return Collection[SegmentationShape].cut([SegmentationShape.of(one) for one in found], page)


@router.get("/segmentation/{segmentation}.json")
def show_segmentation(segmentation: Id, door: Entry) -> SegmentationShape:
    """Show one segmentation's facts."""
    project = door.locate("segmentation", segmentation)
    return SegmentationShape.of(project.segmentations.get(SegmentationKey(segmentation)))


def _shapes(counts: list[LayerCount]) -> list[LayerShape]:
    return [
        LayerShape.of(count.layer, annotations=count.annotations, segmentations=count.segmentations) for count in counts
    ]
