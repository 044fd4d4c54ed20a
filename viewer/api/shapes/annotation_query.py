"""Cytomine's many filters of an annotation listing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from imaging.domain.annotation import AnnotationFilter
from imaging.domain.base import AnnotationKey, ImageKey, LayerKey, TermKey, UserKey
from imaging.domain.image import Axis
from imaging.errors import InvalidInputError
from viewer.api.shapes.envelope import Sent, SentId
from viewer.deps import LARGEST_ID

_LATEST_MILLIS = 253_402_300_799_000
_MOST_IDS = 10_000
_LONGEST_ID = len(str(LARGEST_ID))
LONGEST_REGION = 100_000
"""Characters of WKT in a query."""


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
    review_users: Ids = ()
    layer: SentId | None = None
    layers: Ids = ()
    term: SentId | None = None
    terms: Ids = ()
    no_term: bool = False
    multiple_term: bool = False
    track: SentId | None = None
    tracks: Ids = ()
    no_track: bool = False
    multiple_track: bool = False
    tag: SentId | None = None
    tags: Ids = ()
    no_tag: bool = False
    group: SentId | None = None
    groups: Ids = ()
    property_key: str | None = Field(default=None, min_length=1, max_length=256)
    property_value: str | None = Field(default=None, min_length=1, max_length=65_536)
    text: str | None = Field(
        default=None, min_length=1, max_length=1_024, description="Found in descriptions, comments, property values."
    )
    excluded_annotation: SentId | None = None
    not_reviewed_only: bool = False
    reviewed: bool | None = None
    axis: Axis | None = None
    index: int | None = Field(default=None, ge=0, le=LARGEST_ID)
    bbox: str | None = Field(
        default=None, max_length=LONGEST_REGION, description="WKT, lower-left; what meets it matches."
    )
    bbox_annotation: SentId | None = Field(default=None, description="What meets this annotation matches.")
    base_annotation: str | None = Field(
        default=None,
        max_length=LONGEST_REGION,
        description="An annotation, or WKT, lower-left; needs `maxDistanceBaseAnnotation`.",
    )
    max_distance_base_annotation: float | None = Field(default=None, ge=0, le=1e9, description="Pixels of the plane.")
    after_than: Millis | None = None
    before_than: Millis | None = None
    show_basic: bool | None = None
    show_meta: bool | None = None
    show_wkt: bool | None = Field(default=None, alias="showWKT")
    show_gis: bool | None = Field(default=None, alias="showGIS")
    show_term: bool | None = None
    show_track: bool | None = None
    suggested_term: str | None = None
    users_for_term: str | None = None
    kmeans: bool = False

    @property
    def with_location(self) -> bool:
        """Whether drawings are wanted."""
        shows = (self.show_basic, self.show_meta, self.show_gis, self.show_term, self.show_track)
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

    @property
    def base_key(self) -> int | None:
        """Which annotation `base_annotation` names, unless it is WKT."""
        given = (self.base_annotation or "").strip()
        return int(given) if given.isascii() and given.isdecimal() and len(given) <= _LONGEST_ID else None

    def require_known(self) -> None:
        """Refuse filters that are not understood, or not whole: ignoring one would list too much."""
        asked = {
            "suggestedTerm": self.suggested_term,
            "usersForTerm": self.users_for_term,
            "kmeans": self.kmeans,
        }
        unknown = [name for name, value in asked.items() if value]
        if unknown:
            raise InvalidInputError(f"this filter is not understood: {', '.join(unknown)}")
        if (self.base_annotation is None) != (self.max_distance_base_annotation is None):
            raise InvalidInputError("baseAnnotation and maxDistanceBaseAnnotation go together")

        if self.property_value is not None and self.property_key is None:
            raise InvalidInputError("propertyValue needs propertyKey")

    def filter(self, *, offset: int, limit: int | None, region: Region) -> AnnotationFilter:
        """Say the same inside."""
        return AnnotationFilter(
            images=tuple(ImageKey(key) for key in self.wanted_images),
            users=tuple(UserKey(key) for key in _join(self.user, self.users)),
            reviewers=tuple(UserKey(key) for key in self.review_users),
            layers=tuple(LayerKey(key) for key in _join(self.layer, self.layers)),
            terms=tuple(TermKey(key) for key in _join(self.term, self.terms)),
            without_term=self.no_term,
            several_terms=self.multiple_term,
            tracks=_join(self.track, self.tracks),
            without_track=self.no_track,
            several_tracks=self.multiple_track,
            tags=_join(self.tag, self.tags),
            without_tag=self.no_tag,
            groups=_join(self.group, self.groups),
            property=None if self.property_key is None else (self.property_key, self.property_value),
            text=self.text,
            excluded=() if self.excluded_annotation is None else (AnnotationKey(self.excluded_annotation),),
            slices=self.wanted_slices,
            axis=region.axis,
            index=self.index,
            intersects_wkt=region.meets,
            near=region.near,
            reviewed=self.reviewed,
            unaccepted=self.not_reviewed_only,
            after=_moment(self.after_than),
            before=_moment(self.before_than),
            offset=offset,
            limit=limit,
        )


class IncludedQuery(Sent):
    """The query of `annotation/included.json`: what meets an annotation, which is not listed itself, or a region."""

    image: SentId | None = None
    annotation: SentId | None = None
    geometry: str | None = Field(default=None, max_length=LONGEST_REGION, description="WKT, lower-left.")
    user: SentId | None = None
    users: Ids = ()
    term: SentId | None = None
    terms: Ids = ()
    reviewed: bool | None = None

    def listing(self, image: int | None = None) -> AnnotationQuery:
        """Say the same as a listing of an image."""
        if (self.annotation is None) == (self.geometry is None):
            raise InvalidInputError("name an annotation or a geometry")
        if image is not None and self.image not in (None, image):
            raise InvalidInputError("the images differ")
        return AnnotationQuery(
            image=image or self.image,
            bbox=self.geometry,
            bbox_annotation=self.annotation,
            excluded_annotation=self.annotation,
            user=self.user,
            users=self.users,
            term=self.term,
            terms=self.terms,
            reviewed=self.reviewed,
        )


@dataclass(frozen=True)
class Region:
    """Where listed annotations lie: on planes of an axis, meeting a region, near to one (WKT, top-left; pixels)."""

    axis: Axis | None
    meets: str | None = None
    near: tuple[str, float] | None = None


def _join(one: int | None, many: tuple[int, ...]) -> tuple[int, ...]:
    return many if one is None else (one, *many)


def _moment(millis: int | None) -> datetime | None:
    return None if millis is None else datetime.fromtimestamp(millis / 1000, UTC)
