"""What is a valid drawing on a plane: pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from imaging.domain.annotation import Box
from imaging.domain.image import Axis, Image
from imaging.errors import InvalidInputError
from imaging.geometry import Measure, area_and_length, format_wkt

LONGEST_WKT = 8_000_000
# Checked before parsing: the parser recurses into nested collections, and we take none.
_NO_NUMBER = re.compile(r"nan|inf", re.IGNORECASE)
_START = re.compile(r"\s*(POINT|LINESTRING|POLYGON|MULTIPOLYGON)\s*(Z\s*)?\(", re.IGNORECASE)
_PARTS = {"POINT": {"Point"}, "LINESTRING": {"LineString"}, "POLYGON": {"Polygon"}, "MULTIPOLYGON": {"Polygon"}}
_COLUMNS_AND_ROWS = {Axis.Z: ("x", "y"), Axis.Y: ("x", "z"), Axis.X: ("y", "z")}


@dataclass(frozen=True)
class Drawing(Measure):
    """A valid drawing within its plane, measured; origin top-left, y down."""

    wkt: str
    box: Box

    @property
    def facts(self) -> dict[str, object]:
        """What an annotation holds of its drawing, by the names of its fields."""
        return {name: value for name, value in vars(self).items() if name != "box"}


@dataclass(frozen=True)
class Plane:
    """Size in pixels and spacing (row, column) in mm of the plane that a drawing lies on."""

    width: int
    height: int
    spacing: tuple[float, float] | None


def plane_of(image: Image, axis: Axis) -> Plane:
    """Measure the planes of an image that hold one axis fixed.

    Across z planes that form no regular grid no spacing holds, so that lengths are told in pixels alone.
    """
    columns, rows = _COLUMNS_AND_ROWS[axis]
    mm = dict(zip("zyx", image.attributes.spacing_mm, strict=True))
    row_mm, column_mm = mm[rows], mm[columns]
    even = image.attributes.regular or axis is Axis.Z
    spacing = None if row_mm is None or column_mm is None or not even else (row_mm, column_mm)
    return Plane(image.extent(columns), image.extent(rows), spacing)


def draw(wkt: str, plane: Plane) -> Drawing:
    """Repair a drawing, clip it to its plane and measure it.

    Raises
    ------
    InvalidInputError
        Not WKT of an allowed kind, not finite, or nothing of it lies on the plane.
    """
    kind, geometry = parse(wkt)
    if not shapely.is_valid(geometry):
        geometry = _keep(shapely.make_valid(geometry), kind)
    frame = shapely.box(0, 0, plane.width, plane.height)
    if not shapely.covers(frame, geometry):
        geometry = _keep(shapely.intersection(geometry, frame), kind)
    text = format_wkt(geometry)
    # Text may round a coordinate by its last bit; the box must be that of what is stored.
    x0, y0, x1, y1 = shapely.from_wkt(text).bounds
    return Drawing(**vars(area_and_length(text, plane.spacing)), wkt=text, box=Box(x0=x0, y0=y0, x1=x1, y1=y1))


def parse(wkt: str) -> tuple[str, BaseGeometry]:
    """Read WKT of an allowed kind in two finite dimensions."""
    start = _START.match(wkt) if len(wkt) <= LONGEST_WKT else None
    if start is None or _NO_NUMBER.search(wkt):
        raise InvalidInputError(
            "a drawing is WKT: a POINT, LINESTRING, POLYGON or MULTIPOLYGON with finite coordinates"
        )
    try:
        with np.errstate(over="raise", invalid="raise"):
            geometry = shapely.force_2d(shapely.from_wkt(wkt))
    except (shapely.errors.ShapelyError, ValueError, FloatingPointError) as error:
        raise InvalidInputError("the drawing's WKT cannot be read") from error
    if geometry.is_empty or not np.isfinite(shapely.get_coordinates(geometry)).all():
        raise InvalidInputError("the drawing is empty or has coordinates that are no numbers")
    return start.group(1).upper(), geometry


def _keep(geometry: BaseGeometry, kind: str) -> BaseGeometry:
    # Repair and clipping may leave crumbs of a lower dimension (a shared edge, a touching corner).
    parts = [part for part in _flatten(geometry) if part.geom_type in _PARTS[kind] and not part.is_empty]
    if not parts:
        raise InvalidInputError("nothing of the drawing lies on the plane")
    if len(parts) == 1:
        return parts[0]
    if kind in {"POLYGON", "MULTIPOLYGON"}:
        return shapely.MultiPolygon([part for part in parts if isinstance(part, shapely.Polygon)])
    raise InvalidInputError("the line leaves the plane and comes back")


def _flatten(geometry: BaseGeometry) -> list[BaseGeometry]:
    parts = [geometry]
    while any(hasattr(part, "geoms") for part in parts):
        parts = [inner for part in parts for inner in getattr(part, "geoms", (part,))]
    return parts
