"""Real values within annotations and segmentations."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from imaging.domain.annotation import Annotation
from imaging.domain.image import Axis, ImageAttributes
from imaging.errors import InvalidInputError
from imaging.geometry import parse_wkt, wkt_to_mask
from imaging.pyramid.labels import SegmentationReader
from imaging.pyramid.read import Pyramid
from imaging.statistics import Tally
from viewer.pixels import rescale_plane
from viewer.reading import Place, read_plane

_SLAB = 32
"""Planes read at once: those of one shard."""


def tally_annotation(pyramid: Pyramid, drawn: Annotation) -> Tally:
    """Count the real values of the voxels whose centres a polygon holds, or of the one that a point lies in.

    Padding is left out.

    Raises
    ------
    InvalidInputError
        A line holds no voxel.
    """
    place = Place(drawn.axis, drawn.index, 0, drawn.t, drawn.c)
    stored = read_plane(pyramid, place)
    tally = Tally()
    planes = pyramid.levels[0].shape[-3]
    real = rescale_plane(stored, pyramid.attributes.rescale, axis=place.axis, index=place.index, planes=planes)
    _add(tally, stored, real, _mask(drawn.wkt, stored.shape), pyramid.attributes)
    return tally


def tally_segmentation(
    pyramid: Pyramid, labels: SegmentationReader, values: Collection[int], *, t: int = 0, c: int = 0
) -> dict[int, Tally]:
    """Count the real values of the voxels of each label value, slab by slab; padding is left out."""
    tallies = {value: Tally() for value in values}
    depth, height, width = labels.shape
    rescale, attributes = pyramid.attributes.rescale, pyramid.attributes
    for first in range(0, depth, _SLAB):
        last = min(first + _SLAB, depth)
        marked = labels.region((first, last, 0, height, 0, width))
        if not marked.any():
            continue
        stored = pyramid.region((first, last, 0, height, 0, width), t=t, c=c)
        for z, (plane, mask) in enumerate(zip(stored, marked, strict=True), start=first):
            real = rescale_plane(plane, rescale, axis=Axis.Z, index=z, planes=depth)
            for value, tally in tallies.items():
                _add(tally, plane, real, mask == value, attributes)
    return tallies


def voxel_ml(attributes: ImageAttributes) -> float | None:
    """Volume of a voxel in millilitres; None where the image has no distances, or no regular ones."""
    if None in attributes.spacing_mm or not attributes.regular:
        return None
    return abs(float(np.linalg.det(np.asarray(attributes.affine_lps)[:3, :3]))) / 1000


def _add(
    tally: Tally,
    stored: NDArray[Any],
    real: NDArray[np.float64],
    mask: NDArray[np.bool_],
    attributes: ImageAttributes,
) -> None:
    padding = attributes.padding
    if padding is not None:
        padded = mask & (stored >= padding.low) & (stored <= padding.high)
        tally.left_out += int(padded.sum())
        mask = mask & ~padded
    if mask.any():
        tally.add(real[mask])


def _mask(wkt: str, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    rows, columns = shape
    geometry = parse_wkt(wkt)
    if isinstance(geometry, shapely.Point):
        mask = np.zeros((rows, columns), bool)
        mask[min(int(geometry.y), rows - 1), min(int(geometry.x), columns - 1)] = True
        return mask
    if geometry.area == 0:
        raise InvalidInputError("values are counted within a polygon or at a point")
    return wkt_to_mask(wkt, (rows, columns))
