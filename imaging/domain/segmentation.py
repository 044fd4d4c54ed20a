"""Voxel label volumes."""

from __future__ import annotations

from datetime import datetime

from imaging.domain.base import ImageKey, LayerKey, ProjectKey, Record, SegmentationKey, TermKey


class TermVoxels(Record):
    """How many voxels of a segmentation carry one term."""

    term: TermKey
    value: int
    voxels: int


class Segmentation(Record):
    """A label volume on the grid of its image; voxel value = the term's `value`, 0 = background."""

    id: SegmentationKey
    project: ProjectKey
    image: ImageKey
    layer: LayerKey
    name: str
    terms: tuple[TermVoxels, ...]
    revision: int = 0
    reviewed: bool = False
    created: datetime
    updated: datetime
