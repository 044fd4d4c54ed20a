"""Counting values. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Histogram:
    """How many values lie in each of equally wide bins between the smallest and the largest value."""

    minimum: float
    maximum: float
    counts: tuple[int, ...]


def count_values(values: NDArray[np.float64], bins: int) -> Histogram:
    """Count values; those that are no number are left out, and all bins are empty where there are no others."""
    known = values[np.isfinite(values)]
    if known.size == 0:
        return Histogram(0.0, 0.0, (0,) * bins)
    low, high = float(known.min()), float(known.max())
    # Of one value alone numpy would make a range half a unit to both sides of it.
    counts, _ = np.histogram(known, bins, (low, high if high > low else low + 1))
    return Histogram(low, high, tuple(counts.tolist()))
