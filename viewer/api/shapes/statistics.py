"""Statistics of values within annotations and segmentations."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from imaging.domain.image import ImageAttributes
from imaging.statistics import Tally
from viewer.api.shapes.envelope import Shape
from viewer.measuring import voxel_ml

_PERCENTS = (5.0, 25.0, 50.0, 75.0, 95.0)


class StatisticsShape(Shape):
    """What values are found in a region; all null where no voxel's centre lies in it."""

    term: int | None = Field(default=None, description="Whose voxels, in a segmentation.")
    voxels: int
    left_out: int = Field(description="Voxels of padding, or that hold no number.")
    units: str
    mean: float | None
    sd: float | None = Field(description="Of a sample: divided by n - 1.")
    minimum: float | None
    maximum: float | None
    percentiles: dict[str, float]
    volume_ml: float | None = Field(description="Of all its voxels; null where distances are not known or not even.")

    @classmethod
    def of(cls, tally: Tally, attributes: ImageAttributes, *, term: int | None = None) -> Self:
        """Show what was counted."""
        found, each = tally.summarise(_PERCENTS), voxel_ml(attributes)
        counted = 0 if found is None else found.count
        return cls(
            term=term,
            voxels=counted,
            left_out=tally.left_out,
            units=attributes.units,
            mean=None if found is None else found.mean,
            sd=None if found is None else found.sd,
            minimum=None if found is None else found.minimum,
            maximum=None if found is None else found.maximum,
            percentiles={}
            if found is None
            else dict(zip(map("{:g}".format, _PERCENTS), found.percentiles, strict=True)),
            volume_ml=None if each is None else (counted + tally.left_out) * each,
        )
