"""Where members are, as Cytomine's page sends and reads it. Lower-left WKT of the border meets top-left inside."""

from __future__ import annotations

from typing import Annotated, Self

import shapely
from pydantic import Field

from imaging.domain.activity import Frequency, Look, Position, Stay
from imaging.domain.image import Axis, Image
from imaging.errors import InvalidInputError, NotFoundError
from imaging.geometry import flip_wkt_y, format_wkt, parse_wkt
from imaging.project.drawing import plane_of
from viewer.api.shapes.activity import ActivityQuery
from viewer.api.shapes.envelope import Sent, SentId, Shape, Thing, to_millis
from viewer.deps import LARGEST_ID

_FARTHEST = 1e9

Pixels = Annotated[float, Field(ge=-_FARTHEST, le=_FARTHEST, allow_inf_nan=False)]
"""A coordinate on a plane, lower-left origin; a screen may reach far beyond the plane."""


class PositionSent(Sent):
    """The corners of what is seen, as Cytomine's page sends them; its plane is as of a new annotation."""

    top_left_x: Pixels
    top_left_y: Pixels
    top_right_x: Pixels
    top_right_y: Pixels
    bottom_right_x: Pixels
    bottom_right_y: Pixels
    bottom_left_x: Pixels
    bottom_left_y: Pixels
    zoom: Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)] = 0
    rotation: Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)] = 0.0
    broadcast: bool = False
    slice: SentId | None = None
    axis: Axis | None = None
    index: int | None = Field(default=None, ge=0, le=LARGEST_ID)
    t: int = Field(default=0, ge=0, le=LARGEST_ID)
    c: int = Field(default=0, ge=0, le=LARGEST_ID)

    def look(self, image: Image, slice_key: int | None = None) -> Look:
        """Turn what was sent into the inside convention; a slice names the plane."""
        if slice_key is not None and self.slice not in (None, slice_key):
            raise InvalidInputError("the slices differ")
        t, z, c = place_of(image, slice_key or self.slice)
        axis = self.axis or Axis.Z
        index = self.index if self.index is not None else (z if axis is Axis.Z else 0)
        if slice_key is None and self.slice is None:
            t, c = self.t, self.c
        corners = shapely.Polygon(
            (
                (self.top_left_x, self.top_left_y),
                (self.top_right_x, self.top_right_y),
                (self.bottom_right_x, self.bottom_right_y),
                (self.bottom_left_x, self.bottom_left_y),
            )
        )
        wkt = flip_wkt_y(format_wkt(corners), plane_of(image, axis).height)
        return Look(axis=axis, index=index, t=t, c=c, wkt=wkt, zoom=round(self.zoom), rotation=self.rotation)


def place_of(image: Image, slice_key: int | None) -> tuple[int, int, int]:
    """Give t, z and c of a slice of an image, the reference without one; NotFoundError where it is another's."""
    rank = image.reference if slice_key is None else slice_key - image.slice_base
    if not 0 <= rank < image.slices:
        raise NotFoundError("slice", slice_key)
    return image.slice_order.place(rank)


class PositionQuery(ActivityQuery):
    """Which positions: without `showDetails` they are summed up."""

    slice: SentId | None = None
    show_details: bool = False


class PositionShape(Thing):
    """Where a member was; `slice` is null on planes other than z."""

    class_: str = Field(default="be.cytomine.domain.social.PersistentUserPosition", alias="class")
    user: int
    image: int
    slice: int | None
    project: int
    location: str = Field(description="WKT, pixels of the plane, lower-left origin.")
    x: float = Field(description="The middle of what was seen.")
    y: float
    zoom: int
    rotation: float
    broadcast: bool
    axis: Axis
    index: int
    t: int
    c: int

    @classmethod
    def of(cls, seen: Position, image: Image) -> Self:
        """Show a position on its image."""
        location = flip_wkt_y(seen.wkt, plane_of(image, seen.axis).height)
        middle = parse_wkt(location).centroid
        return cls(
            id=seen.id,
            created=to_millis(seen.created),
            updated=to_millis(seen.created),
            user=seen.user,
            image=seen.image,
            slice=_slice_of(seen, image),
            project=seen.project,
            location=location,
            x=middle.x,
            y=middle.y,
            zoom=seen.zoom,
            rotation=seen.rotation,
            broadcast=seen.broadcast,
            axis=seen.axis,
            index=seen.index,
            t=seen.t,
            c=seen.c,
        )


class FrequencyShape(Shape):
    """How often the same was looked at."""

    image: int
    slice: int | None
    location: str
    zoom: int
    rotation: float
    axis: Axis
    index: int
    frequency: int

    @classmethod
    def of(cls, seen: Frequency, image: Image) -> Self:
        """Show it on its image."""
        look = seen.look
        return cls(
            image=seen.image,
            slice=_slice_of(look, image),
            location=flip_wkt_y(look.wkt, plane_of(image, look.axis).height),
            zoom=look.zoom,
            rotation=look.rotation,
            axis=look.axis,
            index=look.index,
            frequency=seen.count,
        )


class Nothing(Shape):
    """That there is nothing to show: an empty object, as Cytomine answers."""


class OnlineShape(Shape):
    """Who is on an image now."""

    users: list[int]


class StayShape(Shape):
    """An image that somebody is on."""

    id: int
    image: int
    filename: str | None
    original_filename: str | None
    axis: Axis
    index: int
    date: int

    @classmethod
    def of(cls, stay: Stay, *, named: bool) -> Self:
        """Show it; the name for who sees images."""
        name = stay.image_name if named else None
        return cls(
            id=stay.image,
            image=stay.image,
            filename=name,
            original_filename=name,
            axis=stay.axis,
            index=stay.index,
            date=int(to_millis(stay.at)),
        )


class OnlineUserShape(Shape):
    """Somebody who is on images now."""

    id: int
    position: list[StayShape]


def _slice_of(look: Look, image: Image) -> int | None:
    if look.axis is not Axis.Z:
        return None
    return image.slice_base + image.slice_order.rank(t=look.t, z=look.index, c=look.c)
