"""Layers and the segmentations in them."""

from __future__ import annotations

from imaging.domain.annotation import Layer, LayerKind
from imaging.domain.segmentation import Segmentation, TermVoxels
from viewer.api.shapes.envelope import Shape, to_millis


class LayerShape(Shape):
    """All annotations and segmentations of one owner, counted in the project or on one image."""

    id: int
    name: str
    kind: LayerKind
    user: int | None
    model: int | None
    annotations: int
    segmentations: int

    @classmethod
    def of(cls, layer: Layer, *, annotations: int, segmentations: int) -> LayerShape:
        """Show a layer."""
        return cls(
            id=layer.id,
            name=layer.name,
            kind=layer.kind,
            user=layer.user,
            model=layer.model,
            annotations=annotations,
            segmentations=segmentations,
        )


class SegmentationShape(Shape):
    """A label volume; voxel value = the term's `value`."""

    id: int
    project: int
    image: int
    layer: int
    name: str
    revision: int
    reviewed: bool
    terms: list[TermVoxels]
    created: str
    updated: str

    @classmethod
    def of(cls, segmentation: Segmentation) -> SegmentationShape:
        """Show a segmentation."""
        return cls(
            id=segmentation.id,
            project=segmentation.project,
            image=segmentation.image,
            layer=segmentation.layer,
            name=segmentation.name,
            revision=segmentation.revision,
            reviewed=segmentation.reviewed,
            terms=list(segmentation.terms),
            created=to_millis(segmentation.created),
            updated=to_millis(segmentation.updated),
        )
