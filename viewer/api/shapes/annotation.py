"""Annotations. Here the lower-left WKT of the border meets the top-left WKT inside."""

from __future__ import annotations

from typing import Self

from pydantic import AliasChoices, Field, field_validator

from imaging.domain.annotation import Annotation, AnnotationDraft
from imaging.domain.base import TermKey
from imaging.domain.grouping import Tracked
from imaging.domain.image import Axis, Image
from imaging.geometry import flip_wkt_y, parse_wkt
from imaging.project.drawing import LONGEST_WKT, plane_of
from viewer.api.shapes.envelope import Changed, Sent, SentId, Shape, Thing, to_millis

_USER_ANNOTATION = "be.cytomine.domain.ontology.UserAnnotation"
_KINDS = {
    False: (_USER_ANNOTATION, "userannotation"),
    True: ("be.cytomine.domain.ontology.ReviewedAnnotation", "reviewedannotation"),
}
"""Class and route of an annotation, by whether it is a reviewed copy."""


class Centroid(Shape):
    """The middle of a drawing, lower-left origin, pixels."""

    x: float
    y: float


class MeasurementShape(Shape):
    """A number that came with a drawing; `unit` is a code of UCUM."""

    name: str
    value: float
    unit: str


class TermBy(Shape):
    """Who gave a term to an annotation."""

    id: int
    term: int
    user: list[int]


class TrackedShape(Shape):
    """That an annotation shows the object of a track."""

    id: int
    annotation: int
    track: int

    @classmethod
    def of(cls, tracked: Tracked) -> Self:
        """Show it within its annotation."""
        return cls(id=tracked.id, annotation=tracked.annotation, track=tracked.track)


class AnnotationShape(Thing):
    """A drawing on one plane; `slice` is null on planes other than z."""

    class_: str = Field(default=_USER_ANNOTATION, alias="class")
    slice: int | None
    image: int
    project: int
    user: int | None
    container: int
    location: str | None = Field(description="WKT, pixels of the plane, lower-left origin; null unless asked for.")
    geometry_compression: float = 0.0
    centroid: Centroid | None
    area: float
    area_unit: str
    perimeter: float
    perimeter_unit: str
    term: list[int]
    user_by_term: list[TermBy]
    track: list[int] | None = Field(default=None, description="In a listing with `showTrack`.")
    annotation_track: list[TrackedShape] | None = None
    nb_comments: int
    crop_url: str = Field(alias="cropURL")
    small_crop_url: str = Field(alias="smallCropURL")
    url: str
    image_url: str = Field(alias="imageURL")
    reviewed: bool = Field(description="Accepted, or a reviewed copy itself.")
    parent_ident: int | None = Field(description="Of a reviewed copy: what it was copied from, which may be gone.")
    parent_class_name: str | None
    review_user: int | None
    axis: Axis
    index: int
    t: int
    c: int
    version: int
    layer: int
    length_mm: float | None
    area_mm2: float | None = Field(alias="areaMm2")
    measurements: list[MeasurementShape] = Field(description="What its source says was measured on it.")

    @classmethod
    def of(cls, drawn: Annotation, image: Image, *, site: str, with_location: bool = True) -> Self:
        """Show an annotation; `site` is scheme and host for Cytomine's absolute URLs."""
        class_name, kind = _KINDS[drawn.parent is not None]
        crop = f"{site}/api/{kind}/{drawn.id}/crop.png"
        location = flip_wkt_y(drawn.wkt, plane_of(image, drawn.axis).height) if with_location else None
        users = [] if drawn.user is None else [drawn.user]
        calibrated = drawn.area_mm2 is not None and drawn.length_mm is not None
        return cls(
            id=drawn.id,
            class_=class_name,
            created=to_millis(drawn.created),
            updated=to_millis(drawn.updated),
            slice=find_slice(drawn, image),
            image=drawn.image,
            project=drawn.project,
            user=drawn.user,
            container=drawn.project,
            location=location,
            centroid=_find_centroid(location),
            area=(drawn.area_mm2 or 0.0) * 1e6 if calibrated else drawn.area_px,
            area_unit="micron²" if calibrated else "pixels²",
            perimeter=(drawn.length_mm or 0.0) if calibrated else drawn.length_px,
            perimeter_unit="mm" if calibrated else "pixels",
            term=list(drawn.terms),
            user_by_term=[TermBy(id=drawn.id, term=term, user=users) for term in drawn.terms],
            nb_comments=drawn.comments,
            crop_url=crop,
            small_crop_url=f"{crop}?maxSize=256",
            url=crop,
            image_url=f"{site}/#/project/{drawn.project}/image/{drawn.image}?axis={drawn.axis.value}&index={drawn.index}",
            reviewed=drawn.reviewed or drawn.accepted,
            parent_ident=drawn.parent,
            parent_class_name=None if drawn.parent is None else _USER_ANNOTATION,
            review_user=drawn.reviewer,
            axis=drawn.axis,
            index=drawn.index,
            t=drawn.t,
            c=drawn.c,
            version=drawn.version,
            layer=drawn.layer,
            length_mm=drawn.length_mm,
            area_mm2=drawn.area_mm2,
            measurements=[MeasurementShape(**one.model_dump()) for one in drawn.measurements],
        )


class AnnotationChanged(Changed):
    """A changed annotation."""

    annotation: AnnotationShape


class ReviewedChanged(AnnotationChanged):
    """A reviewed copy that was made or is gone."""

    reviewedannotation: AnnotationShape


class AnnotationsAdded(Shape):
    """What a bulk POST answers."""

    message: str
    collection: list[AnnotationShape]
    size: int


class AnnotationTermShape(Thing):
    """That an annotation carries a term."""

    class_: str = Field(default="be.cytomine.domain.ontology.AnnotationTerm", alias="class")
    userannotation: int
    term: int
    user: int | None

    @classmethod
    def of(cls, drawn: Annotation, term: int) -> AnnotationTermShape:
        """Show the pair under the annotation's id; it has none of its own."""
        moment = to_millis(drawn.updated)
        return cls(id=drawn.id, created=moment, updated=moment, userannotation=drawn.id, term=term, user=drawn.user)


class AnnotationTermChanged(Changed):
    """A changed pair of annotation and term."""

    annotationterm: AnnotationTermShape


class _Drawn(Sent):
    location: str | None = Field(default=None, max_length=LONGEST_WKT)
    term: tuple[SentId, ...] | None = None

    @field_validator("term", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return value if value is None or isinstance(value, list | tuple) else [value]


class AnnotationSent(_Drawn):
    """What an annotation is made from; its plane is `axis` and `index`, else `slice`, else the reference slice.

    Sent again with the same `token`, one whose answer was lost is not made twice.
    """

    location: str = Field(max_length=LONGEST_WKT)
    image: SentId | None = None
    slice: SentId | None = None
    axis: Axis | None = None
    index: int | None = Field(default=None, ge=0)
    t: int = Field(default=0, ge=0)
    c: int = Field(default=0, ge=0)
    token: str | None = Field(default=None, min_length=8, max_length=64)

    def draft(self, image: Image, rank: int | None) -> AnnotationDraft:
        """Turn what was sent into the inside convention."""
        _, reference, _ = image.slice_order.place(image.reference)
        t, z, c = (self.t, reference, self.c) if rank is None else image.slice_order.place(rank)
        axis = self.axis or Axis.Z
        index = self.index if self.index is not None else (z if axis is Axis.Z else 0)
        return AnnotationDraft(
            image=image.id,
            wkt=flip_wkt_y(self.location, plane_of(image, axis).height),
            axis=axis,
            index=index,
            t=t,
            c=c,
            terms=as_terms(self.term or ()),
        )


class AnnotationEdited(_Drawn):
    """What an annotation is edited from; what is absent stays. A stale `version` is refused."""

    version: int | None = None
    class_: str | None = Field(default=None, validation_alias=AliasChoices("class", "class_"))

    @property
    def terms(self) -> tuple[TermKey, ...] | None:
        """The terms to set, or None.

        Cytomine's clients send the whole object back, with the terms that they once saw; Cytomine itself never changes
        terms by this route, so what comes with a class name speaks of the drawing alone.
        """
        return None if self.term is None or self.class_ is not None else as_terms(self.term)


def as_terms(keys: tuple[int, ...]) -> tuple[TermKey, ...]:
    """Name plain ids as terms."""
    return tuple(TermKey(key) for key in keys)


def find_slice(drawn: Annotation, image: Image) -> int | None:
    """Give Cytomine's slice id of a z plane; None for other planes."""
    if drawn.axis is not Axis.Z:
        return None
    return image.slice_base + image.slice_order.rank(t=drawn.t, z=drawn.index, c=drawn.c)


def _find_centroid(location: str | None) -> Centroid | None:
    if location is None:
        return None
    middle = parse_wkt(location).centroid
    return None if middle.is_empty else Centroid(x=middle.x, y=middle.y)
