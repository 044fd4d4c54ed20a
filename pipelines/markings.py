"""Lays what reports and presentation states draw on the planes of an image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from imaging.dicom.headers_store import PlanePlace
from imaging.dicom.markings import MarkedImages, Marking, Shape
from imaging.domain.image import Axis, Image
from imaging.errors import InvalidInputError
from imaging.geometry import format_wkt, world_to_voxel
from imaging.project.drawing import draw, plane_of
from pipelines.contours import find_plane, on_plane
from pipelines.drawing_files import Drawn

_CORNERS = 96
"""Of what is round: an inscribed polygon of so many corners lacks 0.07 % of the area."""

Find = Callable[[str], Sequence[PlanePlace]]
"""Tells by its original UID which planes of the image came from an instance; none where it is of another image."""


def lay_markings(marked: MarkedImages, image: Image, find: Find) -> list[Drawn]:
    """Turn markings into drawings, each on every frame that it names.

    Raises
    ------
    InvalidInputError
        One was drawn on another image, or lies on no plane of this one, or outside it.
    """
    found = [drawn for marking in marked.markings for drawn in _lay(marking, image, find)]
    for one in found:
        draw(one.draft(image, ()).wkt, plane_of(image, one.axis))
    return found


def _lay(marking: Marking, image: Image, find: Find) -> Iterator[Drawn]:
    terms = (marking.name,) if marking.name else ()
    if not marking.frames:
        axis, index, flat = _lay_in_patient(marking, image)
        for shape in _shapes(marking.shape, flat):
            yield Drawn(format_wkt(shape), terms, axis, index, measurements=marking.measurements)
        return
    height = plane_of(image, Axis.Z).height
    for went in _find_planes(marking, find):
        flat = marking.points - [went.left, went.top]
        flat[:, 1] = height - flat[:, 1]
        for shape in _shapes(marking.shape, flat):
            yield Drawn(format_wkt(shape), terms, Axis.Z, went.z, went.t, measurements=marking.measurements)


def _lay_in_patient(marking: Marking, image: Image) -> tuple[Axis, int, NDArray[np.float64]]:
    if not image.attributes.placed or not image.attributes.regular:
        raise InvalidInputError("the planes of the image form no regular grid in the patient")
    voxels = world_to_voxel(np.asarray(image.attributes.affine_lps, np.float64), marking.points)
    axis, index = find_plane(voxels, image)
    return axis, index, on_plane(voxels, axis, image)


def _find_planes(marking: Marking, find: Find) -> Iterator[PlanePlace]:
    for frame in marking.frames:
        planes = [went for went in find(frame.instance) if frame.frame in (None, went.frame)]
        if not planes:
            raise InvalidInputError("a shape was drawn on another image")
        if frame.frame is not None and len(planes) > 1:
            raise InvalidInputError("a shape was drawn on several planes side by side")
        yield from planes


def _shapes(shape: Shape, flat: NDArray[np.float64]) -> list[BaseGeometry]:
    """Turn points (points, 2) into what they stand for; a line that ends where it begins is an outline."""
    if shape in (Shape.POINT, Shape.POINTS):
        return [shapely.Point(point) for point in flat]
    if shape is Shape.CIRCLE:
        # Whatever length the radius has along one axis it has along the other: in pixels, as it is stored.
        across = flat[1] - flat[0]
        return [_outline(_turn(flat[0], across, np.array([-across[1], across[0]])))]
    if shape is Shape.ELLIPSE:
        return [_outline(_turn(flat.mean(axis=0), (flat[1] - flat[0]) / 2, (flat[3] - flat[2]) / 2))]
    closed = shape is Shape.OUTLINE or (len(flat) > 3 and bool((flat[0] == flat[-1]).all()))
    return [_outline(flat) if closed else _line(flat)]


def _turn(centre: NDArray[np.float64], first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    angles = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)[:, np.newaxis]
    return np.asarray(centre + np.cos(angles) * first + np.sin(angles) * second)


def _outline(points: NDArray[np.float64]) -> BaseGeometry:
    """Give the surface within, or the line that is drawn where there is none."""
    surface = shapely.make_valid(shapely.Polygon(points)) if len(points) > 2 else shapely.Polygon()
    return surface if surface.area > 0 else _line(points)


def _line(points: NDArray[np.float64]) -> BaseGeometry:
    return shapely.Point(points[0]) if (points == points[0]).all() else shapely.LineString(points)
