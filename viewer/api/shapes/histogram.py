"""Histograms."""

from __future__ import annotations

from typing import Literal, Self

from viewer.api.shapes.envelope import Shape
from viewer.histograms import Histogram


class HistogramShape(Shape):
    """How often values occur between `minimum` and `maximum`, in real units, padding left out.

    `type` is COMPLETE where every voxel was counted, FAST where those of a coarser level were. `firstBin` and `lastBin`
    are the outermost bins that hold any.
    """

    type: Literal["FAST", "COMPLETE"]
    color: str = "#fff"
    minimum: float
    maximum: float
    first_bin: int
    last_bin: int
    n_bins: int
    histogram: list[int]

    @classmethod
    def of(cls, counted: Histogram, *, kind: Literal["FAST", "COMPLETE"]) -> Self:
        """Show a histogram."""
        filled = [place for place, count in enumerate(counted.counts) if count] or [0]
        return cls(
            type=kind,
            minimum=counted.minimum,
            maximum=counted.maximum,
            first_bin=filled[0],
            last_bin=filled[-1],
            n_bins=len(counted.counts),
            histogram=list(counted.counts),
        )
