"""Boxes of real values and of classes, read straight from the stored chunks and brought to one spacing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import FiniteFloat, model_validator

from imaging.domain.base import Record
from imaging.domain.image import Image, Rescale
from imaging.errors import InvalidInputError
from imaging.pyramid.labels import SegmentationReader
from imaging.pyramid.read import Box, Pyramid

Values = NDArray[np.float32]
Classes = NDArray[np.uint8]
Size = tuple[int, int, int]
Spacing = tuple[float, float, float]
Corner = tuple[int, int, int]

SURVEY_VOXELS = 2_000_000
SLAB_VOXELS = 32_000_000
_OUTLIERS = 0.5
"""Percent at each end of the values."""


class Intensity(Record):
    """How real values become what a network sees.

    Attributes
    ----------
    kind
        "fixed": low..high becomes -1..1. "percentile": clipped to the image's own percentiles low..high, by default
        0.5..99.5, then z-score.
        "zscore": that without clipping. "suv": as fixed, low..high in standardised uptake values by body weight.
    """

    kind: Literal["fixed", "percentile", "zscore", "suv"]
    low: FiniteFloat = 0.0
    high: FiniteFloat = 0.0

    @model_validator(mode="before")
    @classmethod
    def _leave_out_outliers(cls, given: object) -> object:
        """Complete percentiles that name no bound: all but the outermost half per cent."""
        if isinstance(given, Mapping) and given.get("kind") == "percentile" and not given.keys() & {"low", "high"}:
            return {**given, "low": _OUTLIERS, "high": 100 - _OUTLIERS}
        return given

    @model_validator(mode="after")
    def _bounds_ascend(self) -> Self:
        if self.kind != "zscore" and self.low >= self.high:
            raise ValueError("low must be below high")
        if self.kind == "percentile" and not 0 <= self.low < self.high <= 100:
            raise ValueError("percentiles lie between 0 and 100")
        return self


PERCENTILES = Intensity(kind="percentile")


class ImageVoxels:
    """One image as real values (HU and the like), by box; the first time point of those that have several.

    Parameters
    ----------
    extent
        Where percentiles and the like are taken; the whole image by default.
    suv
        What real values of a PET are multiplied by to give standardised uptake values; None where nobody knows.

    Attributes
    ----------
    numberless
        Whether a voxel that was read so far is no number (NaN, infinity).
    """

    def __init__(self, pyramid: Pyramid, *, extent: Box | None = None, suv: float | None = None) -> None:
        self._pyramid = pyramid
        self._extent = extent
        self._suv = suv
        self._known: dict[Intensity, tuple[np.float32, np.float32, np.float32, np.float32]] = {}
        attributes = pyramid.attributes
        z, y, x = pyramid.shape[-3:]
        self.shape: Size = (z, y, x)
        self.channels = 3 if attributes.photometric == "RGB" else 1
        self.modality = attributes.modality
        self.spacing = known_spacing(attributes.spacing_mm)
        self.numberless = False

    def stored(self, box: Box) -> NDArray[np.generic]:
        """Read the stored values (z, y, x) of the first channel."""
        return self._pyramid.region(box)

    def read(self, box: Box) -> Values:
        """Read real values (c, z, y, x) of a box inside the image, 0 where it has no number."""
        return self._real(box, level=0)

    def normalised(self, box: Box, intensity: Intensity) -> Values:
        """Read a box as the network is to see it."""
        return self.normalise(self.read(box), intensity)

    def normalise(self, values: Values, intensity: Intensity) -> Values:
        """Turn real values into what the network sees."""
        match intensity.kind:
            case "fixed":
                return scale(values, intensity)
            case "suv":
                if self._suv is None:
                    raise InvalidInputError("the header does not say how to reach standardised uptake values")
                return scale(values * np.float32(self._suv), intensity)
            case "percentile" | "zscore":
                low, high, mean, deviation = self._statistics(intensity)
                return (np.clip(values, low, high) - mean) / deviation

    def survey(self) -> Values:
        """Read the whole image (c, z, y, x) at the finest level that is small enough to look over."""
        sizes = [int(np.prod(level.shape[-3:])) for level in self._pyramid.levels]
        level = next((number for number, size in enumerate(sizes) if size <= SURVEY_VOXELS), len(sizes) - 1)
        z, y, x = self._pyramid.levels[level].shape[-3:]
        return self._real((0, z, 0, y, 0, x), level=level)

    def _real(self, box: Box, *, level: int) -> Values:
        planes = [self._pyramid.region(box, level=level, c=channel) for channel in range(self.channels)]
        slope, intercept = _linear(self._pyramid.attributes.rescale, box, whole=level == 0)
        real = np.stack(planes).astype(np.float32) * slope + intercept
        if planes[0].dtype.kind != "f":
            return real
        finite = np.isfinite(real)
        if finite.all():
            return real
        self.numberless = True
        return np.where(finite, real, np.float32(0))

    def _statistics(self, intensity: Intensity) -> tuple[np.float32, np.float32, np.float32, np.float32]:
        if intensity not in self._known:
            self._known[intensity] = self._take_statistics(intensity)
        return self._known[intensity]

    def _take_statistics(self, intensity: Intensity) -> tuple[np.float32, np.float32, np.float32, np.float32]:
        # Of every voxel, as stock MONAI takes them: a coarser level has less noise, and so a narrower spread.
        values, counts = self._distribution()
        bounds = (0.0, 100.0) if intensity.kind == "zscore" else (intensity.low, intensity.high)
        low, high = (_percentile(values, counts, percent) for percent in bounds)
        clipped = np.clip(values, low, high).astype(np.float64)
        mean = np.average(clipped, weights=counts)
        deviation = np.sqrt(np.average((clipped - mean) ** 2, weights=counts))
        return low, high, np.float32(mean), np.float32(max(deviation, 1e-6))

    def _distribution(self) -> tuple[Values, NDArray[np.int64]]:
        """Give the real values that occur, rising, and how often each does, reading slab by slab."""
        pixels, rescale = self._pyramid.dtype, self._pyramid.attributes.rescale
        if pixels.kind not in "iu" or pixels.itemsize > 2 or len(rescale.slope) > 1:
            return np.unique(self.survey(), return_counts=True)
        least, counts = int(np.iinfo(pixels).min), np.zeros(1 << 8 * pixels.itemsize, np.int64)
        depth, rows, columns = self._pyramid.shape[-3:]
        z0, z1, *plane = self._extent or (0, depth, 0, rows, 0, columns)
        planes = max(1, SLAB_VOXELS // (rows * columns))
        for first in range(z0, z1, planes):
            box = (first, min(z1, first + planes), plane[0], plane[1], plane[2], plane[3])
            for channel in range(self.channels):
                slab = self._pyramid.region(box, c=channel)
                counts += np.bincount(slab.ravel().astype(np.int32) - least, minlength=len(counts))
        (found,) = np.nonzero(counts)
        values = (found + least).astype(np.float32) * np.float32(rescale.slope[0]) + np.float32(rescale.intercept[0])
        order = np.argsort(values)
        return values[order], counts[found][order]


def _percentile(values: Values, counts: NDArray[np.int64], percent: float) -> np.float32:
    """Give what `numpy.percentile` gives of all voxels: between two of them it is interpolated."""
    ends = np.cumsum(counts)
    place = (float(ends[-1]) - 1) * percent / 100
    below, above = (values[np.searchsorted(ends, rank, "right")] for rank in (np.floor(place), np.ceil(place)))
    return np.float32(below + (above - below) * (place - np.floor(place)))


class LabelVoxels:
    """What is true of one image, by box: 0 for background, else the class of a term (1, 2, ...).

    Parameters
    ----------
    shape
        Of the image.
    readers
        Segmentations with the class of each of their voxel values; later ones cover earlier ones.
    planes : z -> (y, x)
        Classes drawn on single z planes; they cover the segmentations.
    """

    def __init__(
        self,
        shape: Size,
        readers: Sequence[tuple[SegmentationReader, Mapping[int, int]]] = (),
        planes: Mapping[int, Classes] | None = None,
    ) -> None:
        self.shape = shape
        self._readers = [(reader, _lookup(classes)) for reader, classes in readers]
        self._planes = dict(planes or {})

    def read(self, box: Box) -> Classes:
        """Read the classes (z, y, x) of a box inside the image."""
        z0, z1, y0, y1, x0, x1 = box
        classes = np.zeros((z1 - z0, y1 - y0, x1 - x0), np.uint8)
        for reader, table in self._readers:
            found = table[np.minimum(reader.region(box), len(table) - 1)]
            classes = np.where(found > 0, found, classes)
        for index in self._planes.keys() & set(range(z0, z1)):
            drawn = self._planes[index][y0:y1, x0:x1]
            classes[index - z0] = np.where(drawn > 0, drawn, classes[index - z0])
        return classes


def require_one_time(image: Image) -> None:
    """Refuse an image of several time points: nothing says which of them a model is to see."""
    times = image.extent("t")
    if times > 1:
        raise InvalidInputError(f"image {image.id} has {times} time points; models see only images of one")


def known_spacing(spacing_mm: tuple[float | None, float | None, float | None]) -> Spacing:
    """Give the spacing (z, y, x) of an image, 1 along an axis that is not calibrated."""
    z, y, x = (step or 1.0 for step in spacing_mm)
    return z, y, x


def scale(values: Values, intensity: Intensity) -> Values:
    """Clip to low..high and bring that range to -1..1."""
    span = intensity.high - intensity.low
    scaled = (np.clip(values, intensity.low, intensity.high) - intensity.low) * (2.0 / span) - 1.0
    return scaled.astype(np.float32)


def slabs(shape: Size) -> Iterator[Box]:
    """Cut an image into boxes along z that each fit into memory with ease."""
    depth = max(1, SLAB_VOXELS // (shape[1] * shape[2]))
    for start in range(0, shape[0], depth):
        yield start, min(start + depth, shape[0]), 0, shape[1], 0, shape[2]


def native_size(patch: Size, target: Spacing, spacing: Spacing) -> Size:
    """Count the image's own voxels that span a patch at the target spacing."""
    z, y, x = (
        1 if count == 1 else max(1, round(count * wanted / own))
        for count, wanted, own in zip(patch, target, spacing, strict=True)
    )
    return z, y, x


def clip_box(start: Corner, size: Size, shape: Size) -> tuple[Box, tuple[tuple[int, int], ...]]:
    """Cut a box to the image and say how many voxels are missing before and after, per axis."""
    low = [min(max(place, 0), length - 1) for place, length in zip(start, shape, strict=True)]
    high = [
        max(min(place + count, length), first + 1)
        for place, count, length, first in zip(start, size, shape, low, strict=True)
    ]
    missing = tuple(
        (max(first - place, 0), max(place + count - max(last, first), 0))
        for place, count, first, last in zip(start, size, low, high, strict=True)
    )
    return (low[0], high[0], low[1], high[1], low[2], high[2]), missing


def _linear(rescale: Rescale, box: Box, *, whole: bool) -> tuple[Values, Values]:
    """Give slope and intercept, per z plane where they differ, shaped for (c, z, y, x)."""

    def spread(pairs: tuple[float, ...]) -> Values:
        if len(pairs) == 1:
            return np.float32(pairs[0]).reshape(1, 1, 1, 1)
        # A coarser level has no planes of its own to rescale; their middle is near enough to look the image over.
        chosen = np.asarray(pairs[box[0] : box[1]] if whole else [float(np.median(pairs))], np.float32)
        return chosen.reshape(1, -1, 1, 1)

    return spread(rescale.slope), spread(rescale.intercept)


def _lookup(classes: Mapping[int, int]) -> Classes:
    # One entry more than the largest value, so that every unknown value falls on background.
    table = np.zeros(max(classes, default=0) + 2, np.uint8)
    for value, number in classes.items():
        table[value] = number
    return table
