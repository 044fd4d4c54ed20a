"""Classification networks: a small MONAI DenseNet in two or three dimensions."""

from __future__ import annotations

from collections.abc import Mapping

from imaging.contracts import NetworkRequest
from imaging.domain.job import Task


class DenseNetFactory:
    """Describes a DenseNet with one dense block per halving that the samples are large enough for."""

    name = "densenet"
    tasks = frozenset({Task.CLASSIFICATION})

    def describe(self, request: NetworkRequest) -> Mapping[str, object]:
        """Choose depth by the smallest axis: the stem quarters it and every further block halves it."""
        smallest = min(size for size in request.patch if size > 1) if max(request.patch) > 1 else 1
        blocks = max(1, min(3, smallest.bit_length() - 3))
        first = request.filters[0] if request.filters else 16
        growth = request.filters[1] if len(request.filters) > 1 else 12
        return {
            "_target_": "monai.networks.nets.DenseNet",
            "spatial_dims": request.spatial_dims,
            "in_channels": request.in_channels,
            "out_channels": request.out_channels,
            "init_features": first,
            "growth_rate": growth,
            "block_config": [4] * blocks,
        }
