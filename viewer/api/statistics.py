"""What values are found within annotations and segmentations."""

from __future__ import annotations

from fastapi import APIRouter

from imaging.domain.base import AnnotationKey, SegmentationKey
from imaging.pyramid.labels import SegmentationReader
from viewer.api.plane import Count
from viewer.api.shapes.envelope import Collection
from viewer.api.shapes.statistics import StatisticsShape
from viewer.deps import Entry, Id, Paging
from viewer.measuring import tally_annotation, tally_segmentation
from viewer.reading import open_pyramid, require_rendered

router = APIRouter(prefix="/api", tags=["statistics"])


@router.get("/annotation/{annotation}/statistics.json")
def show_annotation_statistics(annotation: Id, door: Entry) -> StatisticsShape:
    """Count the values within an annotation, in real units."""
    project = door.locate("annotation", annotation)
    require_rendered(project)
    drawn = project.annotations.get(AnnotationKey(annotation))
    pyramid = open_pyramid(project, drawn.image)
    return StatisticsShape.of(tally_annotation(pyramid, drawn), pyramid.attributes)


@router.get("/segmentation/{segmentation}/statistics.json")
def list_segmentation_statistics(
    segmentation: Id, door: Entry, t: Count = 0, c: Count = 0
) -> Collection[StatisticsShape]:
    """Count the values within a segmentation, in real units, for each of its terms."""
    project = door.locate("segmentation", segmentation)
    require_rendered(project)
    record = project.segmentations.get(SegmentationKey(segmentation))
    pyramid = open_pyramid(project, record.image)
    labels = SegmentationReader.open(project.images.path(record.image), record.id)
    found = tally_segmentation(pyramid, labels, [known.value for known in record.terms], t=t, c=c)
    shapes = [StatisticsShape.of(found[known.value], pyramid.attributes, term=known.term) for known in record.terms]
    return Collection[StatisticsShape].cut(shapes, Paging(0, None))
