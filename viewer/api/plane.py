"""Exact planes and rendered pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from numpy.typing import NDArray

from imaging.domain.base import ImageKey, SegmentationKey
from imaging.domain.image import Axis, ImageAttributes, Window
from imaging.errors import InvalidInputError
from imaging.pyramid.labels import SegmentationReader
from viewer.deps import LARGEST_ID, Entry, Id
from viewer.pixels import PRESETS, Encoding, encode_picture, pack_plane
from viewer.reading import (
    Place,
    PlaneName,
    choose_thumb,
    open_pyramid,
    picture_plane,
    read_plane,
    require_exact,
    require_rendered,
    shrink_place,
)

router = APIRouter(prefix="/api", tags=["pixels"])

_THUMB = 256
_LARGEST_THUMB = 4096

Count = Annotated[int, Query(ge=0, le=LARGEST_ID)]
Real = Annotated[float | None, Query(allow_inf_nan=False)]


@dataclass(frozen=True)
class AskedPlane:
    """One plane as the URL names it."""

    plane: PlaneName
    index: int
    level: int
    t: int
    c: int

    def place(self, attributes: ImageAttributes) -> Place:
        """Find the plane in an image."""
        return Place(self.plane.axis(attributes), self.index, self.level, self.t, self.c)


def find_plane(plane: PlaneName, index: int, level: Count = 0, t: Count = 0, c: Count = 0) -> AskedPlane:
    """Read which plane is asked for; on a coarser level, `index` counts that level's planes."""
    return AskedPlane(plane, index, level, t, c)


Asked = Annotated[AskedPlane, Depends(find_plane)]


def find_window(center: Real = None, width: Real = None, preset: str | None = None) -> Window | None:
    """Read a window in real units; None means the default one."""
    if preset is not None and preset != "default":
        if preset not in PRESETS:
            raise InvalidInputError(f"the presets are default, {', '.join(PRESETS)}")
        return PRESETS[preset]
    if (center is None) != (width is None):
        raise InvalidInputError("a window needs both center and width")
    if center is None or width is None:
        return None
    if width <= 0:
        raise InvalidInputError("the width of a window is above 0")
    return Window(center=center, width=width)


AskedWindow = Annotated[Window | None, Depends(find_window)]

_EXACT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Stored values, little-endian, C order.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        "headers": {
            "X-Imaging-Shape": {"schema": {"type": "string"}, "description": "rows,columns"},
            "X-Imaging-Dtype": {"schema": {"type": "string"}, "description": "int16, uint8..."},
        },
    }
}
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A picture.",
        "content": {encoding.media_type: {"schema": {"type": "string", "format": "binary"}} for encoding in Encoding},
    }
}


@router.get("/imageinstance/{image}/plane/{plane}/{index}", responses=_EXACT, response_class=Response)
def show_plane(image: Id, asked: Asked, door: Entry, request: Request) -> Response:
    """Send one plane exactly."""
    project = door.locate("image", image)
    require_exact(project)
    record = project.images.get(ImageKey(image))
    return _send_plane(read_plane(open_pyramid(project, record.id), asked.place(record.attributes)), request)


@router.get("/segmentation/{segmentation}/plane/{plane}/{index}", responses=_EXACT, response_class=Response)
def show_segmentation_plane(segmentation: Id, asked: Asked, door: Entry, request: Request) -> Response:
    """Send one plane of a segmentation: the `value` of the term of each voxel, uint16."""
    project = door.locate("segmentation", segmentation)
    require_exact(project)
    record = project.segmentations.get(SegmentationKey(segmentation))
    image = project.images.get(record.image)
    reader = SegmentationReader.open(project.images.path(image.id), record.id)
    return _send_plane(read_plane(reader, asked.place(image.attributes)), request)


@router.get("/imageinstance/{image}/render/{plane}/{index}.{encoding}", responses=_PICTURE, response_class=Response)
def render_plane(image: Id, asked: Asked, encoding: Encoding, window: AskedWindow, door: Entry) -> Response:
    """Send one plane as a picture, with a window in real units."""
    project = door.locate("image", image)
    require_rendered(project)
    record = project.images.get(ImageKey(image))
    pixels = picture_plane(open_pyramid(project, record.id), asked.place(record.attributes), window)
    return _send_picture(encode_picture(pixels, encoding), encoding)


Side = Annotated[int, Query(ge=1, le=_LARGEST_THUMB, alias="maxSize")]


@router.get("/imageinstance/{image}/thumb.{encoding}", responses=_PICTURE, response_class=Response)
def show_thumb(image: Id, encoding: Encoding, window: AskedWindow, door: Entry, max_size: Side = _THUMB) -> Response:
    """Send a small picture of the middle plane."""
    project = door.locate("image", image)
    require_rendered(project)
    record = project.images.get(ImageKey(image))
    pyramid = open_pyramid(project, record.id)
    pixels = picture_plane(pyramid, choose_thumb(pyramid, record, max_size), window)
    return _send_picture(encode_picture(pixels, encoding, max_size=max_size), encoding)


@router.get("/sliceinstance/{slice}/thumb.{encoding}", responses=_PICTURE, response_class=Response)
def show_slice_thumb(
    slice: Id, encoding: Encoding, window: AskedWindow, door: Entry, max_size: Side = _THUMB
) -> Response:
    """Send a small picture of one slice."""
    project = door.locate("slice", slice)
    require_rendered(project)
    record, rank = project.images.by_slice(slice)
    t, z, c = record.slice_order.place(rank)
    pyramid = open_pyramid(project, record.id)
    place = shrink_place(pyramid, Place(Axis.Z, z, 0, t, c), max_size)
    return _send_picture(encode_picture(picture_plane(pyramid, place, window), encoding, max_size=max_size), encoding)


def _send_plane(stored: NDArray[Any], request: Request) -> Response:
    compress = "gzip" in request.headers.get("accept-encoding", "").lower()
    headers = {
        "Vary": "Accept-Encoding",
        "X-Imaging-Shape": ",".join(str(length) for length in stored.shape),
        "X-Imaging-Dtype": stored.dtype.name,
    }
    if compress:
        headers["Content-Encoding"] = "gzip"
    return Response(pack_plane(stored, compress=compress), headers=headers, media_type="application/octet-stream")


def _send_picture(encoded: bytes, encoding: Encoding) -> Response:
    return Response(encoded, media_type=encoding.media_type)
