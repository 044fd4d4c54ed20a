"""What values are found in a region: pure, exact, in memory that does not grow with the region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Summary:
    """Statistics of values; `sd` is that of a sample (divided by n - 1), 0 for a single value."""

    count: int
    mean: float
    sd: float
    minimum: float
    maximum: float
    percentiles: tuple[float, ...]


class Tally:
    """Values that come piece by piece, each kept once with how often it came; what is no number is counted apart."""

    def __init__(self) -> None:
        self._values: Values = np.empty(0)
        self._counts: NDArray[np.int64] = np.empty(0, np.int64)
        self.left_out = 0

    def add(self, values: NDArray[np.floating]) -> None:
        """Count values of any shape."""
        flat = np.asarray(values, np.float64).ravel()
        finite = flat[np.isfinite(flat)]
        self.left_out += flat.size - finite.size
        found, counts = np.unique(finite, return_counts=True)
        if not self._values.size:
            self._values, self._counts = found, counts.astype(np.int64)
            return
        merged, places = np.unique(np.concatenate([self._values, found]), return_inverse=True)
        weights = np.concatenate([self._counts, counts])
        self._values, self._counts = merged, np.bincount(places, weights).astype(np.int64)

    def summarise(self, percents: Sequence[float]) -> Summary | None:
        """Give the statistics, percentiles with linear interpolation between ranks; None where nothing was counted."""
        count = int(self._counts.sum())
        if not count:
            return None
        mean = float(self._values @ self._counts / count)
        squares = float((self._values - mean) ** 2 @ self._counts)
        return Summary(
            count=count,
            mean=mean,
            sd=float(np.sqrt(squares / (count - 1))) if count > 1 else 0.0,
            minimum=float(self._values[0]),
            maximum=float(self._values[-1]),
            percentiles=tuple(self._percentile(percent, count) for percent in percents),
        )

    def _percentile(self, percent: float, count: int) -> float:
        rank = percent / 100 * (count - 1)
        below = int(np.floor(rank))
        ends = np.cumsum(self._counts)
        low, high = self._values[np.searchsorted(ends, [below, min(below + 1, count - 1)], side="right")]
        return float(low + (high - low) * (rank - below))
