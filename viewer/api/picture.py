"""Cytomine's pictures: thumbnails, windows, tiles, and crops and masks of annotations, on every plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Depends, Query, Request, Response

from imaging.domain.annotation import Annotation, AnnotationFilter, Box
from imaging.domain.base import AnnotationKey, ImageKey, TermKey, UserKey
from imaging.domain.image import Axis, Image
from imaging.errors import InvalidInputError, NotFoundError
from imaging.geometry import parse_wkt
from imaging.project.drawing import Plane, plane_of
from imaging.project.project import Project
from viewer.api.shapes.picture import (
    PICTURE,
    CropQuery,
    PictureQuery,
    PlanarThumbQuery,
    PlanarTileQuery,
    PlanarWindowQuery,
    PlaneQuery,
    ThumbQuery,
    WindowQuery,
)
from viewer.cuts import Cut, Rectangle, find_crop, find_tile, find_window, fit, mask_cut, whole
from viewer.cutting import picture_cut, stored_cut
from viewer.deps import Door, Entry, Id
from viewer.pixels import NOT_TRANSPARENT, Encoding, Pixels, add_alpha, encode_picture, require_storable
from viewer.reading import Place, open_pyramid, require_exact, require_rendered
from viewer.tags import answer_tagged, make_tag

router = APIRouter(prefix="/api", tags=["pixels"])

_MOST_NAMED = 1000
_MOST_DRAWINGS = 10_000
_REVIEWED = "/api/reviewedannotation/"


@dataclass(frozen=True)
class Asker:
    """Who asks, and in which encoding the picture is wanted."""

    door: Door
    request: Request
    encoding: Encoding

    def open(self, kind: Literal["image", "slice", "annotation"], key: int) -> Project:
        """Open the project of a thing, where it sends pictures at all."""
        project = self.door.locate(kind, key)
        require_rendered(project)
        return project


def find_asker(door: Entry, request: Request, encoding: Encoding) -> Asker:
    """Bring together who asks and for what."""
    return Asker(door, request, encoding)


Asking = Annotated[Asker, Depends(find_asker)]


def find_rectangle(left: int, top: int, columns: int, rows: int) -> Rectangle:
    """Read which rectangle the URL names; whether it can be, its plane says."""
    return Rectangle(left, top, columns, rows)


Asked = Annotated[Rectangle, Depends(find_rectangle)]


class _Sight:
    """A plane of an image that the caller may see as pictures."""

    def __init__(self, asker: Asker, project: Project, image: Image, place: Place) -> None:
        extents = {place.axis.value: place.index, "t": place.t}
        if any(index >= image.extent(axis) for axis, index in extents.items()) or place.c >= image.slice_order.channels:
            raise NotFoundError("plane")
        self._asker, self._project, self._pyramid = asker, project, open_pyramid(project, image.id)
        self.image, self.place = image, place

    @property
    def plane(self) -> Plane:
        """How large it is."""
        return plane_of(self.image, self.place.axis)

    def send(self, query: PictureQuery, cut: Cut, *, blend: bool = False) -> Response:
        """Send the pixels of a cut."""
        return self._send(self._maker(query, cut, blend=blend))

    def send_mask(self, query: PictureQuery, cut: Cut, drawings: list[str]) -> Response:
        """Send a cut in white where drawings hold it, else black."""
        query.require_no_look()
        return self._send(lambda: np.where(mask_cut(cut, drawings), np.uint8(255), np.uint8(0)), drawings)

    def send_masked(self, query: PictureQuery, cut: Cut, drawings: list[str]) -> Response:
        """Send the pixels of a cut, transparent but where drawings hold it."""
        if self._asker.encoding is Encoding.JPG:
            raise InvalidInputError(NOT_TRANSPARENT)
        make = self._maker(query, cut)
        return self._send(lambda: add_alpha(make(), mask_cut(cut, drawings)), drawings)

    def find_drawings(self, query: WindowQuery, rectangle: Rectangle) -> list[str]:
        """Find what a window's mask is made of: what is named, else what the layers, terms and users hold here."""
        if query.annotations:
            return self._find_named(query.annotations)
        t, c, z_plane = self.place.t, self.place.c, self.place.axis is Axis.Z
        right, bottom = rectangle.left + rectangle.width, rectangle.top + rectangle.height
        wanted = AnnotationFilter(
            images=(self.image.id,),
            axis=self.place.axis,
            index=self.place.index,
            slices=(self.image.slice_base + self.image.slice_order.rank(t=t, z=self.place.index, c=c),)
            if z_plane
            else (),
            terms=tuple(TermKey(key) for key in query.terms),
            users=tuple(UserKey(key) for key in query.users),
            reviewed=query.reviewed,
            box=Box(x0=rectangle.left, y0=rectangle.top, x1=right, y1=bottom),
            limit=_MOST_DRAWINGS,
        )
        found = self._project.annotations.list(wanted)
        if found.total > _MOST_DRAWINGS:
            raise InvalidInputError(f"a mask is made of at most {_MOST_DRAWINGS} annotations; ask for a smaller window")
        return [drawn.wkt for drawn in found.items if self._shows(drawn)]

    def _find_named(self, keys: tuple[int, ...]) -> list[str]:
        if len(keys) > _MOST_NAMED:
            raise InvalidInputError(f"a mask names at most {_MOST_NAMED} annotations")
        drawn = [self._project.annotations.get(AnnotationKey(key)) for key in dict.fromkeys(keys)]
        if any(one.image != self.image.id for one in drawn):
            raise InvalidInputError("the annotations of a mask belong to its image")
        return [one.wkt for one in drawn if self._shows(one)]

    def _shows(self, drawn: Annotation) -> bool:
        return Place(drawn.axis, drawn.index, 0, drawn.t, drawn.c) == self.place

    def _maker(self, query: PictureQuery, cut: Cut, *, blend: bool = False) -> Callable[[], Pixels]:
        pyramid, place, look = self._pyramid, self.place, query.look
        if query.exact:
            require_exact(self._project)
            require_storable(pyramid.dtype)
            return lambda: stored_cut(pyramid, place, cut)
        if look.needs_grey and pyramid.attributes.photometric == "RGB":
            raise InvalidInputError("a colour picture takes no window and no colour map")
        return lambda: picture_cut(pyramid, place, cut, look, blend=blend)

    def _send(self, make: Callable[[], Pixels], drawings: Sequence[str] = ()) -> Response:
        request, encoding = self._asker.request, self._asker.encoding
        attributes = self._pyramid.attributes.model_dump_json()
        tag = make_tag(request.url.path, request.url.query, attributes, *drawings)
        return answer_tagged(request, tag, lambda: encode_picture(make(), encoding), media_type=encoding.media_type)


@router.get("/imageinstance/{image}/thumb.{encoding}", responses=PICTURE, response_class=Response)
def show_thumb(image: Id, asker: Asking, query: Annotated[PlanarThumbQuery, Query()]) -> Response:
    """Send a small picture of the middle plane, or of another one."""
    return _send_thumb(_see_image(asker, image, query), query)


@router.get("/sliceinstance/{slice}/thumb.{encoding}", responses=PICTURE, response_class=Response)
def show_slice_thumb(slice: Id, asker: Asking, query: Annotated[ThumbQuery, Query()]) -> Response:
    """Send a small picture of one slice."""
    return _send_thumb(_see_slice(asker, slice), query)


_WINDOW = "window-{left}-{top}-{columns}-{rows}.{encoding}"


@router.get("/imageinstance/{image}/" + _WINDOW, responses=PICTURE, response_class=Response)
def show_window(image: Id, asked: Asked, asker: Asking, query: Annotated[PlanarWindowQuery, Query()]) -> Response:
    """Send a rectangle of a plane, counted from its top left corner, or a mask of it."""
    return _send_window(_see_image(asker, image, query), asked, query)


@router.get("/sliceinstance/{slice}/" + _WINDOW, responses=PICTURE, response_class=Response)
def show_slice_window(slice: Id, asked: Asked, asker: Asking, query: Annotated[WindowQuery, Query()]) -> Response:
    """Send a rectangle of a slice, counted from its top left corner, or a mask of it."""
    return _send_window(_see_slice(asker, slice), asked, query)


_TILE = "normalized-tile/zoom/{zoom}/tx/{tx}/ty/{ty}.{encoding}"


@dataclass(frozen=True)
class AskedTile:
    """A tile as the URL names it."""

    zoom: int
    tx: int
    ty: int


def find_asked_tile(zoom: int, tx: int, ty: int) -> AskedTile:
    """Read which tile is asked for; whether there is one, its plane says."""
    return AskedTile(zoom, tx, ty)


Tile = Annotated[AskedTile, Depends(find_asked_tile)]


@router.get("/imageinstance/{image}/" + _TILE, responses=PICTURE, response_class=Response)
def show_tile(image: Id, tile: Tile, asker: Asking, query: Annotated[PlanarTileQuery, Query()]) -> Response:
    """Send a tile of a plane."""
    sight = _see_image(asker, image, query)
    return sight.send(query, find_tile(sight.plane, tile.zoom, tile.tx, tile.ty))


@router.get("/sliceinstance/{slice}/" + _TILE, responses=PICTURE, response_class=Response)
def show_slice_tile(slice: Id, tile: Tile, asker: Asking, query: Annotated[PictureQuery, Query()]) -> Response:
    """Send a tile of a slice."""
    sight = _see_slice(asker, slice)
    return sight.send(query, find_tile(sight.plane, tile.zoom, tile.tx, tile.ty))


_Handler = Callable[[int, Asker, CropQuery], Response]


def _get_drawn(kind: str) -> Callable[[_Handler], _Handler]:
    """Serve a picture of an annotation under each of the nouns that Cytomine has for it."""

    def register(handler: _Handler) -> _Handler:
        for noun in ("userannotation", "annotation", "reviewedannotation"):
            path = f"/{noun}/{{annotation}}/{kind}.{{encoding}}"
            router.get(path, name=f"show_{noun}_{kind}", responses=PICTURE, response_class=Response)(handler)
        return handler

    return register


@_get_drawn("crop")
def show_crop(annotation: Id, asker: Asking, query: Annotated[CropQuery, Query()]) -> Response:
    """Send the pixels around an annotation."""
    sight, drawn = _see_annotation(asker, annotation)
    return sight.send(query, _cut_out(sight, drawn, query))


@_get_drawn("mask")
def show_mask(annotation: Id, asker: Asking, query: Annotated[CropQuery, Query()]) -> Response:
    """Send an annotation in white on black."""
    sight, drawn = _see_annotation(asker, annotation)
    return sight.send_mask(query, _cut_out(sight, drawn, query), [drawn.wkt])


@_get_drawn("alphamask")
def show_alpha_mask(annotation: Id, asker: Asking, query: Annotated[CropQuery, Query()]) -> Response:
    """Send the pixels inside an annotation, transparent around it."""
    sight, drawn = _see_annotation(asker, annotation)
    return sight.send_masked(query, _cut_out(sight, drawn, query), [drawn.wkt])


def _see_image(asker: Asker, image: int, query: PlaneQuery) -> _Sight:
    project = asker.open("image", image)
    record = project.images.get(ImageKey(image))
    return _Sight(asker, project, record, query.place(record))


def _see_slice(asker: Asker, slice: int) -> _Sight:
    project = asker.open("slice", slice)
    record, rank = project.images.by_slice(slice)
    t, z, c = record.slice_order.place(rank)
    return _Sight(asker, project, record, Place(Axis.Z, z, 0, t, c))


def _see_annotation(asker: Asker, annotation: int) -> tuple[_Sight, Annotation]:
    project = asker.open("annotation", annotation)
    drawn = project.annotations.get(AnnotationKey(annotation))
    if asker.request.url.path.startswith(_REVIEWED) and not drawn.reviewed:
        raise NotFoundError("reviewed annotation", annotation)
    place = Place(drawn.axis, drawn.index, 0, drawn.t, drawn.c)
    return _Sight(asker, project, project.images.get(drawn.image), place), drawn


def _send_thumb(sight: _Sight, query: ThumbQuery) -> Response:
    return sight.send(query, fit(whole(sight.plane), query.max_size), blend=not query.exact)


def _send_window(sight: _Sight, rectangle: Rectangle, query: WindowQuery) -> Response:
    cut = query.cut(find_window(sight.plane, rectangle))
    if query.alpha_mask:
        return sight.send_masked(query, cut, sight.find_drawings(query, rectangle))
    if query.mask:
        return sight.send_mask(query, cut, sight.find_drawings(query, rectangle))
    return sight.send(query, cut)


def _cut_out(sight: _Sight, drawn: Annotation, query: CropQuery) -> Cut:
    x0, y0, x1, y1 = parse_wkt(drawn.wkt).bounds
    return query.cut(find_crop(sight.plane, Box(x0=x0, y0=y0, x1=x1, y1=y1), query.increase_area))
