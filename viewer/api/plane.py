"""Exact planes and rendered pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from numpy.typing import NDArray

from imaging.domain.base import ImageKey, SegmentationKey
from imaging.domain.image import ImageAttributes, Window
from imaging.pyramid.labels import SegmentationReader
from viewer.api.shapes.picture import PICTURE, choose_window
from viewer.deps import LARGEST_ID, Entry, Id
from viewer.pixels import Encoding, encode_picture, pack_plane
from viewer.reading import (
    Place,
    PlaneName,
    open_pyramid,
    picture_plane,
    read_plane,
    require_exact,
    require_plane,
    require_rendered,
)
from viewer.tags import answer_tagged, make_tag

router = APIRouter(prefix="/api", tags=["pixels"])

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
    return choose_window(center, width, preset)


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


@dataclass(frozen=True)
class AskedPicture:
    """How a rendered plane is wanted."""

    encoding: Encoding
    window: Window | None


def find_picture(encoding: Encoding, window: AskedWindow) -> AskedPicture:
    """Read how a rendered plane is wanted."""
    return AskedPicture(encoding, window)


Wanted = Annotated[AskedPicture, Depends(find_picture)]


@router.get("/imageinstance/{image}/render/{plane}/{index}.{encoding}", responses=PICTURE, response_class=Response)
def render_plane(image: Id, asked: Asked, wanted: Wanted, door: Entry, request: Request) -> Response:
    """Send one plane as a picture, with a window in real units."""
    project = door.locate("image", image)
    require_rendered(project)
    record = project.images.get(ImageKey(image))
    pyramid, place, encoding = open_pyramid(project, record.id), asked.place(record.attributes), wanted.encoding
    require_plane(pyramid, place)
    tag = make_tag(request.url.path, request.url.query, pyramid.attributes.model_dump_json())

    def make() -> bytes:
        return encode_picture(picture_plane(pyramid, place, wanted.window), encoding)

    return answer_tagged(request, tag, make, media_type=encoding.media_type)


def _send_plane(stored: NDArray[Any], request: Request) -> Response:
    compress = "gzip" in request.headers.get("accept-encoding", "").lower()
    shape = ",".join(str(length) for length in stored.shape)
    headers = {"Vary": "Accept-Encoding", "X-Imaging-Shape": shape, "X-Imaging-Dtype": stored.dtype.name}
    if compress:
        headers["Content-Encoding"] = "gzip"
    # A segmentation's planes change: what is sent is named by what it holds.
    tag = make_tag(shape, stored.dtype.name, compress, pack_plane(stored, compress=False))
    return answer_tagged(
        request,
        tag,
        lambda: pack_plane(stored, compress=compress),
        media_type="application/octet-stream",
        headers=headers,
    )
