"""Vector drawings, and the layers that own them."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from imaging.domain.base import AnnotationKey, ImageKey, LayerKey, ModelKey, ProjectKey, Record, TermKey, UserKey
from imaging.domain.image import Axis


class LayerKind(Enum):
    """Who owns a layer."""

    MEMBER = "member"
    MODEL = "model"
    SOURCE = "source"
    REVIEW = "review"


class Layer(Record):
    """All annotations and segmentations by one owner in one project; `user` or `model` names the owner."""

    id: LayerKey
    project: ProjectKey
    kind: LayerKind
    name: str
    user: UserKey | None = None
    model: ModelKey | None = None


class Measurement(Record):
    """What was measured on a drawing before it came here: a word of the dictionary, a number, a unit of UCUM."""

    name: str
    value: float
    unit: str


class Annotation(Record):
    """A drawing on one plane of one image.

    `wkt` is in full-resolution pixels of the plane with the origin top-left and y down (the inside convention);
    the API border flips it to Cytomine's lower-left.
    `index` is the voxel index along `axis`; `t` and `c` are 0 where the image has no such axis.
    `area_mm2` and `length_mm` are None where the plane is not calibrated.
    `measurements` are those of its source, told as they were: nobody computed them here.
    `comments` counts what members said about it.
    A reviewed copy names its `parent`, which may be gone, and its `reviewer`; its `user` is who drew the parent.
    `accepted` says of others whether there is such a copy.
    """

    id: AnnotationKey
    project: ProjectKey
    image: ImageKey
    layer: LayerKey
    user: UserKey | None
    axis: Axis = Axis.Z
    index: int = 0
    t: int = 0
    c: int = 0
    wkt: str
    terms: tuple[TermKey, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    reviewed: bool = False
    area_px: float = 0.0
    length_px: float = 0.0
    area_mm2: float | None = None
    length_mm: float | None = None
    comments: int = 0
    parent: AnnotationKey | None = None
    reviewer: UserKey | None = None
    accepted: bool = False
    created: datetime
    updated: datetime
    version: int = 0


class AnnotationDraft(Record):
    """What a member sends to draw; `wkt` top-left, y down."""

    image: ImageKey
    wkt: str
    axis: Axis = Axis.Z
    index: int = 0
    t: int = 0
    c: int = 0
    terms: tuple[TermKey, ...] = ()
    measurements: tuple[Measurement, ...] = ()


class Box(Record):
    """A rectangle in plane pixels, top-left origin, y down: x0 <= x <= x1, y0 <= y <= y1."""

    x0: float
    y0: float
    x1: float
    y1: float


class AnnotationFilter(Record):
    """Which annotations a listing wants; an empty tuple means no restriction. All filters are ANDed.

    `property` is a key, and a value unless any will do; `text` is found in descriptions, comments and property values.
    `beyond` leaves out all up to an id.
    `near` is a drawing and a distance in pixels of the plane, top-left: what is no farther away matches.
    """

    images: tuple[ImageKey, ...] = ()
    users: tuple[UserKey, ...] = ()
    reviewers: tuple[UserKey, ...] = ()
    layers: tuple[LayerKey, ...] = ()
    terms: tuple[TermKey, ...] = ()
    without_term: bool = False
    several_terms: bool = False
    tracks: tuple[int, ...] = ()
    without_track: bool = False
    several_tracks: bool = False
    tags: tuple[int, ...] = ()
    without_tag: bool = False
    groups: tuple[int, ...] = ()
    property: tuple[str, str | None] | None = None
    text: str | None = None
    excluded: tuple[AnnotationKey, ...] = ()
    beyond: AnnotationKey | None = None
    slices: tuple[int, ...] = ()
    axis: Axis | None = None
    index: int | None = None
    box: Box | None = None
    intersects_wkt: str | None = None
    near: tuple[str, float] | None = None
    reviewed: bool | None = None
    unaccepted: bool = False
    after: datetime | None = None
    before: datetime | None = None
    offset: int = 0
    limit: int | None = None


class AnnotationPage(Record):
    """One page of a listing with the count of all that match."""

    items: tuple[Annotation, ...]
    total: int
