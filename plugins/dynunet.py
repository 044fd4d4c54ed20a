"""Segmentation networks: MONAI's DynUNet, shaped by patch and spacing as nnU-Net shapes its own."""

from __future__ import annotations

from collections.abc import Mapping

from imaging.contracts import NetworkRequest
from imaging.domain.job import Task

_SMALL = (8, 16, 32, 64)
_FEWEST = 3
"""MONAI's DynUNet is made of three levels or more."""


class DynUNetFactory:
    """Describes a U-Net that leaves thick-slice axes alone until the others have caught up."""

    name = "dynunet"
    tasks = frozenset({Task.SEGMENTATION})

    def describe(self, request: NetworkRequest) -> Mapping[str, object]:
        """Choose kernels and strides, one per level; fewer levels than filters where the patch is small."""
        filters = request.filters or _SMALL
        filters += filters[-1:] * (_FEWEST - len(filters))
        kernels, strides = plan_levels(request.patch, request.spacing or (1.0,) * len(request.patch), len(filters))
        return {
            "_target_": "monai.networks.nets.DynUNet",
            "spatial_dims": request.spatial_dims,
            "in_channels": request.in_channels,
            "out_channels": request.out_channels,
            "kernel_size": kernels,
            "strides": strides,
            "upsample_kernel_size": strides[1:],
            "filters": list(filters[: len(kernels)]),
            "norm_name": ["INSTANCE", {"affine": True}],
            "res_block": False,
        }


def plan_levels(
    patch: tuple[int, ...], spacing: tuple[float, ...], levels: int
) -> tuple[list[list[int]], list[list[int]]]:
    """Halve whichever axes are long enough and not much coarser than the finest (Isensee 2021, nnU-Net).

    Returns
    -------
    kernels, strides : one list of axes per level
    """
    sizes, steps = list(patch), list(spacing)
    kernels, strides = [_kernel(sizes, steps)], [[1] * len(sizes)]
    for _ in range(1, levels):
        finest = _finest(sizes, steps)
        stride = [
            2 if size >= 8 and size % 2 == 0 and step < 2 * finest else 1
            for size, step in zip(sizes, steps, strict=True)
        ]
        if stride == [1] * len(sizes) and len(strides) >= _FEWEST:
            break
        sizes = [size // by for size, by in zip(sizes, stride, strict=True)]
        steps = [step * by for step, by in zip(steps, stride, strict=True)]
        strides.append(stride)
        kernels.append(_kernel(sizes, steps))
    return kernels, strides


def _kernel(sizes: list[int], steps: list[float]) -> list[int]:
    finest = _finest(sizes, steps)
    return [1 if size == 1 or step >= 2 * finest else 3 for size, step in zip(sizes, steps, strict=True)]


def _finest(sizes: list[int], steps: list[float]) -> float:
    """The smallest distance along an axis that has any extent: the z of a picture says nothing."""
    return min((step for size, step in zip(sizes, steps, strict=True) if size > 1), default=1.0)
