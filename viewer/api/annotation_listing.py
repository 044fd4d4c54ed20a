"""Listings of annotations, by Cytomine's many filters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from imaging.domain.annotation import Annotation, AnnotationPage
from imaging.domain.base import AnnotationKey, ImageKey
from imaging.domain.image import Axis, Image
from imaging.errors import InvalidInputError
from imaging.geometry import flip_wkt_y
from imaging.project.drawing import plane_of
from imaging.project.project import Project
from viewer.api.shapes.annotation import AnnotationShape, TrackedShape
from viewer.api.shapes.annotation_query import AnnotationQuery, IncludedQuery, Region
from viewer.api.shapes.envelope import Collection
from viewer.deps import Door, Entry, Id, Page, Paging, Site

router = APIRouter(prefix="/api", tags=["annotation"])

Listing = Collection[AnnotationShape] | Response
"""A collection, or the same as a stream of its text."""

_FEW = 4
"""Up to so many images are fetched one by one rather than all at once."""
_MANY = 1_000
"""More annotations than these are sent as they are read."""


@router.get("/annotation.json", response_model=Collection[AnnotationShape])
def list_annotations(query: Annotated[AnnotationQuery, Query()], door: Entry, page: Page, site: Site) -> Listing:
    """List annotations of one project by Cytomine's filters."""
    return _list(_find_project(door, query), query, page, site)


@router.get("/annotation/included.json", response_model=Collection[AnnotationShape])
def list_included(query: Annotated[IncludedQuery, Query()], door: Entry, page: Page, site: Site) -> Listing:
    """List what meets an annotation, or a region, of an image, as Cytomine's client asks for it."""
    asked = query.listing()
    return _list(_find_project(door, asked), asked, page, site)


@router.get("/imageinstance/{image}/annotation/included.json", response_model=Collection[AnnotationShape])
def list_included_in_image(
    image: Id, query: Annotated[IncludedQuery, Query()], door: Entry, page: Page, site: Site
) -> Listing:
    """List what meets an annotation, or a region, of an image."""
    return _list(door.locate("image", image), query.listing(image), page, site)


def _list(project: Project, query: AnnotationQuery, page: Paging, site: str) -> Listing:
    query.require_known()
    region = _find_region(project, query)
    first = query.filter(offset=page.offset, limit=min(page.limit or _MANY, _MANY), region=region)
    found, show = project.annotations.list(first), _Showing(project, query, site)
    wanted = found.total - page.offset if page.limit is None else page.limit
    if wanted <= _MANY:
        return Collection[AnnotationShape].page(show(found.items), found.total, page)
    limit = None if page.limit is None else page.limit - len(found.items)
    rest = project.annotations.each(query.filter(offset=page.offset + len(found.items), limit=None, region=region))
    return StreamingResponse(_stream(show, found, rest, page, limit), media_type="application/json")


def _stream(
    show: _Showing, first: AnnotationPage, rest: Iterable[Sequence[Annotation]], page: Paging, limit: int | None
) -> Iterator[str]:
    """Write a collection as it is read: of all of them only a few are in memory."""
    yield '{"collection":['
    sent = 0
    for batch in chain([first.items], rest):
        items = batch if limit is None else batch[: limit + len(first.items) - sent]
        written = ",".join(shape.model_dump_json(by_alias=True) for shape in show(items))
        yield f",{written}" if sent and items else written
        sent += len(items)
        if len(items) < len(batch):
            break
    total = page.offset + sent if limit is None else first.total
    closing = Collection[AnnotationShape].page([], total, page).model_dump(by_alias=True, exclude={"collection"})
    closing["perPage"] = sent if page.limit is None else page.limit
    yield f"],{json.dumps(closing, separators=(',', ':'))[1:]}"


class _Showing:
    """Shows annotations of one project as a query wants them."""

    def __init__(self, project: Project, query: AnnotationQuery, site: str) -> None:
        self._project = project
        self._query = query
        self._site = site
        self._images: dict[ImageKey, Image] = {}

    def __call__(self, drawn: Sequence[Annotation]) -> list[AnnotationShape]:
        self._learn({one.image for one in drawn})
        location = self._query.with_location
        shapes = [
            AnnotationShape.of(one, self._images[one.image], site=self._site, with_location=location) for one in drawn
        ]
        return _with_tracks(self._project, shapes) if self._query.show_track else shapes

    def _learn(self, keys: set[ImageKey]) -> None:
        unknown = keys - set(self._images)
        if len(unknown) > _FEW:
            self._images |= {image.id: image for image in self._project.images.list()}
        else:
            self._images |= {key: self._project.images.get(key) for key in unknown}


def _with_tracks(project: Project, shapes: list[AnnotationShape]) -> list[AnnotationShape]:
    tracked = project.tracks.of_annotations([AnnotationKey(shape.id) for shape in shapes])
    told = {key: [TrackedShape.of(one) for one in ones] for key, ones in tracked.items()}
    return [
        shape.model_copy(update={"track": [one.track for one in held], "annotation_track": held})
        for shape in shapes
        for held in [told.get(AnnotationKey(shape.id), [])]
    ]


def _find_project(door: Door, query: AnnotationQuery) -> Project:
    if query.project is not None:
        return door.project(query.project)
    if query.wanted_images:
        return door.locate("image", query.wanted_images[0])
    if query.wanted_slices:
        return door.locate("slice", query.wanted_slices[0])
    raise InvalidInputError("name a project, image, images, slice or slices")


def _find_region(project: Project, query: AnnotationQuery) -> Region:
    """Turn what is asked for to top-left; a region or an index speaks about z planes unless another axis is named."""
    named = [key for key in (query.bbox_annotation, query.base_key) if key is not None]
    drawn = {key: project.annotations.get(AnnotationKey(key)) for key in named}
    axes = {one.axis for one in drawn.values()} | ({query.axis} if query.axis else set())
    if len(axes) > 1:
        raise InvalidInputError("the annotation lies on planes of another axis")
    speaks_of_planes = any(one is not None for one in (query.bbox, query.base_annotation, query.index))
    axis = axes.pop() if axes else Axis.Z if speaks_of_planes else None
    if query.bbox is None and query.bbox_annotation is None and query.base_annotation is None:
        return Region(axis)
    height = _find_height(project, query, axis or Axis.Z, drawn.values())
    if query.bbox is not None and query.bbox_annotation is not None:
        raise InvalidInputError("name a bbox or a bboxAnnotation")
    meets = None if query.bbox is None else flip_wkt_y(query.bbox, height)
    if query.bbox_annotation is not None:
        meets = drawn[query.bbox_annotation].wkt
    near = None
    if query.base_annotation is not None and query.max_distance_base_annotation is not None:
        base = flip_wkt_y(query.base_annotation, height) if query.base_key is None else drawn[query.base_key].wkt
        near = (base, query.max_distance_base_annotation)
    return Region(axis, meets, near)


def _find_height(project: Project, query: AnnotationQuery, axis: Axis, drawn: Iterable[Annotation]) -> int:
    """Rows of the planes that a region speaks about, all of one height: else lower-left is not one place."""
    heights = {plane_of(image, axis).height for image in _asked_images(project, query)}
    heights |= {plane_of(project.images.get(one.image), axis).height for one in drawn}
    if len(heights) > 1:
        raise InvalidInputError("a region needs images of one height; ask image by image")
    return heights.pop() if heights else 0


def _asked_images(project: Project, query: AnnotationQuery) -> Iterator[Image]:
    """Give the images that are asked about, each fetched when it is looked at."""
    if query.wanted_images:
        yield from (project.images.get(ImageKey(key)) for key in query.wanted_images)
    elif query.wanted_slices:
        yield from (project.images.by_slice(key)[0] for key in query.wanted_slices)
    else:
        yield from project.images.list()
