"""Cytomine's many filters of an annotation listing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from imaging.domain.annotation import AnnotationFilter
from imaging.domain.base import ImageKey, LayerKey, TermKey, UserKey
from imaging.domain.image import Axis, Image
from imaging.errors import InvalidInputError
from imaging.geometry import flip_wkt_y
from imaging.project.drawing import plane_of
from viewer.api.shapes.envelope import Sent, SentId
from viewer.deps import LARGEST_ID

_LATEST_MILLIS = 253_402_300_799_000
_MOST_IDS = 10_000


def _split(value: object) -> object:
    """Accept `1,2,3` as well as repeated parameters."""
    parts = value if isinstance(value, list | tuple) else [value]
    return [piece for part in parts for piece in str(part).split(",") if piece]


Ids = Annotated[tuple[SentId, ...], BeforeValidator(_split), Field(max_length=_MOST_IDS)]
Millis = Annotated[int, Field(ge=0, le=_LATEST_MILLIS)]


class AnnotationQuery(Sent):
    """The query of `annotation.json`; all filters are ANDed.

    With any `show...` the location comes only with `showWKT`; without any of them it comes.
    """

    project: SentId | None = None
    image: SentId | None = None
    images: Ids = ()
    slice: SentId | None = None
    slices: Ids = ()
    user: SentId | None = None
    users: Ids = ()
    layer: SentId | None = None
    layers: Ids = ()
    term: SentId | None = None
    terms: Ids = ()
    no_term: bool = False
    reviewed: bool | None = None
    axis: Axis | None = None
    index: int | None = Field(default=None, ge=0, le=LARGEST_ID)
    bbox: str | None = Field(default=None, max_length=100_000, description="WKT, lower-left; what meets it matches.")
    after_than: Millis | None = None
    before_than: Millis | None = None
    show_basic: bool | None = None
    show_meta: bool | None = None
    show_wkt: bool | None = Field(default=None, alias="showWKT")
    show_gis: bool | None = Field(default=None, alias="showGIS")
    show_term: bool | None = None
    multiple_term: bool = False
    included: bool = False
    suggested_term: str | None = None
    track: str | None = None
    tracks: str | None = None
    group: str | None = None
    groups: str | None = None
    tag: str | None = None
    tags: str | None = None
    bbox_annotation: str | None = None
    base_annotation: str | None = None
    max_distance_base_annotation: str | None = None

    @property
    def with_location(self) -> bool:
        """Whether drawings are wanted."""
        shows = (self.show_basic, self.show_meta, self.show_gis, self.show_term)
        if self.show_wkt is not None:
            return self.show_wkt
        return not any(show is not None for show in shows)

    @property
    def wanted_images(self) -> tuple[int, ...]:
        """All images that are named."""
        return _join(self.image, self.images)

    @property
    def wanted_slices(self) -> tuple[int, ...]:
        """All slices that are named."""
        return _join(self.slice, self.slices)

    def require_known(self) -> None:
        """Refuse filters that are not understood: ignoring one would list too much."""
        asked = {
            "multipleTerm": self.multiple_term,
            "included": self.included,
            "suggestedTerm": self.suggested_term,
            "track": self.track or self.tracks,
            "group": self.group or self.groups,
            "tag": self.tag or self.tags,
            "bboxAnnotation": self.bbox_annotation,
            "baseAnnotation": self.base_annotation or self.max_distance_base_annotation,
        }
        unknown = [name for name, value in asked.items() if value]
        if unknown:
            raise InvalidInputError(f"this filter is not understood: {', '.join(unknown)}")

    def filter(self, *, offset: int, limit: int | None, intersects: str | None) -> AnnotationFilter:
        """Say the same inside; `intersects` is the box as top-left WKT."""
        return AnnotationFilter(
            images=tuple(ImageKey(key) for key in self.wanted_images),
            users=tuple(UserKey(key) for key in _join(self.user, self.users)),
            layers=tuple(LayerKey(key) for key in _join(self.layer, self.layers)),
            terms=tuple(TermKey(key) for key in _join(self.term, self.terms)),
            without_term=self.no_term,
            slices=self.wanted_slices,
            axis=self.plane_axis,
            index=self.index,
            intersects_wkt=intersects,
            reviewed=self.reviewed,
            after=_moment(self.after_than),
            before=_moment(self.before_than),
            offset=offset,
            limit=limit,
        )

    @property
    def plane_axis(self) -> Axis | None:
        """Which planes are wanted; a box or an index speaks about z planes unless another axis is named."""
        speaks_of_planes = self.bbox is not None or self.index is not None
        return self.axis or (Axis.Z if speaks_of_planes else None)

    def flip_box(self, images: Iterable[Image]) -> str | None:
        """Turn the box to top-left; its images must have planes of one height."""
        if self.bbox is None:
            return None
        heights = {plane_of(image, self.plane_axis or Axis.Z).height for image in images}
        if len(heights) > 1:
            raise InvalidInputError("a box needs images of one height; ask image by image")
        return flip_wkt_y(self.bbox, heights.pop() if heights else 0)


def _join(one: int | None, many: tuple[int, ...]) -> tuple[int, ...]:
    return many if one is None else (one, *many)


def _moment(millis: int | None) -> datetime | None:
    return None if millis is None else datetime.fromtimestamp(millis / 1000, UTC)
