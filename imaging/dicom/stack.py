"""A stack: planes of one image in their final order, with what is known about them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from imaging.dicom.instance import Instance
from imaging.domain.image import ImageAttributes, Vector


@dataclass(frozen=True, eq=False)
class Plane:
    """One 2-D frame with its place in the patient.

    Attributes
    ----------
    frame
        Number inside the file, from 0.
    tile
        (top, left, rows, columns) inside the frame; None for the whole frame.
    position : LPS mm
        Centre of the first voxel (0020,0032); None where the source gives none.
    orientation
        Row cosines, column cosines (0020,0037); None where the source gives none.
    pixel_spacing : (row spacing, column spacing), mm
        (0028,0030); None where the source gives none.
    rescale_type
        (0028,1054), "" where the rescaling names no unit, None where nothing is rescaled.
    step : mm
        From plane to plane as stated (0018,0088), None where it is not; counts only where no plane has a position.
    labels
        What may tell time points apart, by name: sortable tuples of numbers.
    """

    instance: Instance
    frame: int
    position: Vector | None
    orientation: tuple[float, ...] | None
    pixel_spacing: tuple[float, float] | None
    slope: float
    intercept: float
    rescale_type: str | None
    windows: tuple[tuple[float, float], ...]
    image_type: tuple[str, ...]
    labels: dict[str, tuple[float, ...]]
    tile: tuple[int, int, int, int] | None = None
    step: float | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        if self.tile is not None:
            return self.tile[2], self.tile[3]
        return self.instance.format.rows, self.instance.format.columns


@dataclass(frozen=True, eq=False)
class Stack:
    """What becomes one image.

    Attributes
    ----------
    axes
        `zyx`, `tzyx`, `czyx` or `tczyx`.
    planes
        By time point, then ascending along the normal.
    attributes
        Without frame of reference and profile: those are pseudonymous and follow from the profile applied.
    """

    axes: str
    planes: tuple[tuple[Plane, ...], ...]
    dtype: np.dtype[np.integer]
    channels: int
    attributes: ImageAttributes

    @cached_property
    def instances(self) -> tuple[Instance, ...]:
        """The files of this stack, once each, in the order of their first plane."""
        return tuple({id(plane.instance): plane.instance for planes in self.planes for plane in planes}.values())

    @property
    def plane_shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.planes[0][0].shape

    @property
    def shape(self) -> tuple[int, ...]:
        """Extent along each of `axes`."""
        extents = {
            "t": len(self.planes),
            "c": self.channels,
            "z": len(self.planes[0]),
            "y": self.plane_shape[0],
            "x": self.plane_shape[1],
        }
        return tuple(extents[axis] for axis in self.axes)

    def without_headers(self, start: int, stop: int, *, t: int) -> Stack:
        """Give planes start..stop−1 of one time point with what decoding them takes, and nothing that names anybody."""
        planes = self.planes[t][start:stop]
        bare = {id(plane.instance): plane.instance.without_header() for plane in planes}
        kept = tuple(replace(plane, instance=bare[id(plane.instance)], labels={}) for plane in planes)
        return replace(self, planes=(kept,), attributes=self.attributes.model_copy(update={"positions_lps": ()}))

    @property
    def names(self) -> tuple[str, ...]:
        """The inputs as typed or found: shown to the uploader, never logged."""
        return tuple(instance.name for instance in self.instances)
