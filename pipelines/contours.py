"""Lays the contours of a structure set on the planes of an image; their vertices stay where they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from imaging.dicom.structures import Contour, ContourKind
from imaging.domain.image import Axis, Image
from imaging.errors import InvalidInputError
from imaging.geometry import format_wkt, world_to_voxel
from imaging.project.drawing import plane_of
from pipelines.drawing_files import Drawn

_AXES = (Axis.Z, Axis.Y, Axis.X)
_OFF_PLANE_VOXELS = 0.1
"""How far from a plane its points may lie: rounding of coordinates, no more."""

_MOST_COMBINED = 1000
"""Each is combined with all before it."""

_SURFACES = frozenset({ContourKind.OUTLINE, ContourKind.COMBINED})


@dataclass(frozen=True)
class _Place:
    """The region and the plane that contours share, and whether they are combined by exclusive or."""

    region: int
    axis: Axis
    index: int
    combined: bool


def lay_contours(contours: Sequence[Contour], names: Mapping[int, str], image: Image) -> list[Drawn]:
    """Turn contours into drawings: one for each point, each line and each outline with its holes.

    Parameters
    ----------
    names
        What each region is called.

    Raises
    ------
    InvalidInputError
        A contour lies between planes, or outside the image.

    References
    ----------
    PS3.3 C.8.8.6.3. That an outline inside another of its region and plane is a hole is what planning systems mean.
    """
    if not image.attributes.placed or not image.attributes.regular:
        raise InvalidInputError("the planes of the image form no regular grid in the patient")
    affine = np.asarray(image.attributes.affine_lps, np.float64)
    surfaces: dict[_Place, list[BaseGeometry]] = {}
    found = []
    for contour in contours:
        voxels = world_to_voxel(affine, contour.points)
        axis, index = find_plane(voxels, image)
        shapes = _shapes(contour.kind, on_plane(voxels, axis, image))
        if contour.kind in _SURFACES and shapes[0].area > 0:
            place = _Place(contour.region, axis, index, combined=contour.kind is ContourKind.COMBINED)
            surfaces.setdefault(place, []).extend(shapes)
            continue
        found += [Drawn(format_wkt(shape), (names[contour.region],), axis, index) for shape in shapes]
    for place, outlines in surfaces.items():
        merged = _combine(outlines) if place.combined else _nest(outlines)
        term = (names[place.region],)
        found += [Drawn(format_wkt(part), term, place.axis, place.index) for part in _polygons(merged)]
    return found


def find_plane(voxels: NDArray[np.float64], image: Image) -> tuple[Axis, int]:
    """Find the plane that all points lie on, along z where several are possible."""
    for place, axis in enumerate(_AXES):
        index = round(float(np.median(voxels[:, place])))
        if np.abs(voxels[:, place] - index).max() <= _OFF_PLANE_VOXELS:
            if not 0 <= index < image.extent(axis.value):
                raise InvalidInputError("a contour lies outside the image")
            return axis, index
    raise InvalidInputError("a contour lies on no plane of the image")


def on_plane(voxels: NDArray[np.float64], axis: Axis, image: Image) -> NDArray[np.float64]:
    """Give (points, 2): pixels of the plane, origin lower-left. The centre of the first voxel is at half a pixel."""
    columns, rows = {Axis.Z: (2, 1), Axis.Y: (2, 0), Axis.X: (1, 0)}[axis]
    height = plane_of(image, axis).height
    return np.stack([voxels[:, columns] + 0.5, height - (voxels[:, rows] + 0.5)], axis=1)


def _shapes(kind: ContourKind, flat: NDArray[np.float64]) -> list[BaseGeometry]:
    """Turn the points of a contour into what it is; an outline that encloses nothing is the line that it draws."""
    if kind is ContourKind.POINT:
        return [shapely.Point(point) for point in flat]
    outline = shapely.make_valid(shapely.Polygon(flat)) if kind in _SURFACES and len(flat) > 2 else shapely.Polygon()
    if outline.area > 0:
        return [outline]
    return [shapely.Point(flat[0]) if len(flat) == 1 else shapely.LineString(flat)]


def _nest(outlines: Iterable[BaseGeometry]) -> BaseGeometry:
    """Cut each outline that lies in an odd number of others out of the one around it; one that comes twice is one."""
    once = list({shapely.to_wkb(shapely.normalize(outline)): outline for outline in outlines}.values())
    inner, outer = shapely.STRtree(once).query(once, predicate="within")
    around: list[list[int]] = [[] for _ in once]
    for place, other in zip(inner.tolist(), outer.tolist(), strict=True):
        if place != other:
            around[place].append(other)
    holes: list[list[BaseGeometry]] = [[] for _ in once]
    for place, others in enumerate(around):
        if len(others) % 2:
            nearest = max(others, key=lambda other: len(around[other]))
            holes[nearest].append(once[place])
    parts = [
        outline.difference(shapely.unary_union(holes[place]))
        for place, outline in enumerate(once)
        if not len(around[place]) % 2
    ]
    return shapely.unary_union(parts)


def _combine(outlines: Sequence[BaseGeometry]) -> BaseGeometry:
    if len(outlines) > _MOST_COMBINED:
        raise InvalidInputError("too many outlines of one region and plane are combined by exclusive or")
    merged: BaseGeometry = shapely.Polygon()
    for outline in outlines:
        merged = merged.symmetric_difference(outline)
    return merged


def _polygons(geometry: BaseGeometry) -> list[BaseGeometry]:
    parts = getattr(geometry, "geoms", (geometry,))
    return [part for part in parts if part.geom_type == "Polygon" and not part.is_empty]
