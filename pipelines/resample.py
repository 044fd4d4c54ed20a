"""The job that makes a regular image of an irregular one: asked for by somebody, never by itself."""

from __future__ import annotations

import hashlib
import os
from functools import partial

import numpy as np

from imaging.access import Action
from imaging.cli import Report
from imaging.domain.base import ImageKey, Record
from imaging.domain.image import Image, Irregularity, Resampled
from imaging.domain.job import ResampleWork
from imaging.errors import StateError
from imaging.project.project import Project
from imaging.pyramid.layout import Slab, Stored
from imaging.pyramid.read import Pyramid
from pipelines.cluster import find_crew
from pipelines.irregular import VERSION, Interpolator, RegularGrid, has_one_rescale, plan_grid, regular_attributes
from pipelines.memory import return_freed_memory
from pipelines.publication import Publisher, Source
from pipelines.sweeping import publishing


class ResampleResult(Record):
    """What was made: `interpolated` counts its planes that lie between two of the source."""

    image: ImageKey
    source: ImageKey
    interpolated: int


def resample_image(project: Project, work: ResampleWork, report: Report) -> ResampleResult:
    """Make a regular image of an irregular one, which stays; one that was made before is given again.

    Raises
    ------
    StateError
        The image is regular, or planes are missing and nobody said that they may be made up.
    """
    project.require(Action.EDIT_IMAGES)
    image = project.images.get(work.image)
    made = _find_made(project, image)
    if made is not None:
        return _describe(made)
    _refuse(image, across_gaps=work.across_gaps)
    return_freed_memory()
    pyramid = Pyramid.open(project.images.path(image.id))
    grid = plan_grid(image.attributes, (image.extent("y"), image.extent("x")))
    with publishing(project), find_crew(os.cpu_count() or 1) as crew:
        publisher = Publisher(project, crew=crew, existing=project.images.catalogue())
        made = publisher.publish(
            _source(image, pyramid, grid), lambda share: report(int(100 * share), "writing the regular image")
        )
    return _describe(made)


def _refuse(image: Image, *, across_gaps: bool) -> None:
    if image.attributes.regular:
        raise StateError("image", "its planes form a regular grid already")
    if Irregularity.GAP in image.attributes.irregularities and not across_gaps:
        raise StateError("image", "planes are missing; --across-gaps (acrossGaps) makes them up from their neighbours")


def _find_made(project: Project, image: Image) -> Image | None:
    """Find what was made of an image already: nobody needs it twice, and a retried job may have made it."""
    for other in project.images.catalogue():
        if other.attributes.resampled is not None and other.attributes.resampled.source == image.id:
            return other
    return None


def _source(image: Image, pyramid: Pyramid, grid: RegularGrid) -> Source:
    attributes = regular_attributes(image.attributes, grid)
    dtype = pyramid.dtype if has_one_rescale(image.attributes) else np.dtype(np.float32)
    resampled = Resampled(
        source=image.id,
        version=VERSION,
        irregularities=image.attributes.irregularities,
        interpolated=grid.interpolated,
        across_gaps=grid.across_gaps,
    )
    return Source(
        label=f"{attributes.modality} {image.subject}",
        # Words of the header: a stricter profile could not take them from an image that has no header.
        description="",
        subject=image.subject,
        study=image.study,
        # What comes late for the series belongs to the image that has its headers.
        series="",
        attributes=attributes.model_copy(update={"resampled": resampled}),
        shape=(*image.shape[:-3], *grid.shape),
        dtype=dtype.name,
        read=Interpolator(image.attributes, grid, partial(_read, pyramid), dtype),
        headers=bytes,
        # No file has this digest: it keeps two jobs from making the same image.
        digests=(hashlib.sha256(f"regular image of {image.id}".encode()).hexdigest(),),
        names=(),
    )


def _read(pyramid: Pyramid, slab: Slab) -> Stored:
    rows, columns = pyramid.shape[-2:]
    return pyramid.region((slab.start, slab.stop, 0, rows, 0, columns), t=slab.t, c=slab.c)


def _describe(image: Image) -> ResampleResult:
    resampled = image.attributes.resampled
    assert resampled is not None
    return ResampleResult(image=image.id, source=resampled.source, interpolated=len(resampled.interpolated))
