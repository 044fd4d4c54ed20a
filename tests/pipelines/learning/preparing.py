"""Images on oblique, unequal grids, and what MONAI and SimpleITK make of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import SimpleITK
import torch

from imaging.domain.image import Image, ImageAttributes, Rescale
from imaging.project.project import Project
from imaging.pyramid.read import Pyramid
from pipelines.preprocess import Prepared, PreparedImages
from pipelines.preprocessing import PreprocessingRecipe
from tests.pipelines.learning.conftest import register

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
REVERSED = np.eye(4)[[2, 1, 0, 3]]
"""(z, y, x, 1) to (x, y, z, 1)."""

Affine = Any


def turn(angles: tuple[float, float, float]) -> np.ndarray:
    """A rotation matrix from three angles about x, y and z, degrees."""
    made = np.eye(3)
    for axis, degrees in enumerate(angles):
        cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        one, other = [place for place in range(3) if place != axis]
        about = np.eye(3)
        about[one, one] = about[other, other] = cosine
        about[one, other], about[other, one] = -sine, sine
        made = about @ made
    return made


def lay(
    angles: tuple[float, float, float],
    spacing: tuple[float, float, float],
    order: tuple[int, int, int] = (2, 1, 0),
    origin: tuple[float, float, float] = (-31.5, 12.25, 80.0),
) -> np.ndarray:
    """An affine of ours whose z, y and x run along the axes `order` of a rotated frame."""
    affine = np.eye(4)
    affine[:3, :3] = turn(angles)[:, order] * spacing
    affine[:3, 3] = origin
    return affine


def put_image(
    project: Project, stored: np.ndarray, affine: np.ndarray, *, modality: str = "CT", intercept: float = -1000.0
) -> Image:
    """Register stored values (z, y, x) that lie by an affine."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    attributes = ImageAttributes(
        axes="zyx",
        affine_lps=tuple(tuple(float(value) for value in row) for row in affine),
        spacing_mm=tuple(float(length) for length in spacing),
        rescale=Rescale(intercept=(intercept,)),
        units="HU" if modality == "CT" else "stored",
        modality=modality,
    )
    return register(project, stored, attributes, "SUBJECT")


def orient(axes: str) -> Callable:
    """MONAI's Orientation to sides that z, y and x run to; its default of the labels is about to change."""
    from monai.transforms import Orientation

    return Orientation(axes, labels=(("L", "R"), ("P", "A"), ("I", "S")))


def by_monai(values: np.ndarray, affine: np.ndarray, *transforms: Callable) -> tuple[np.ndarray, np.ndarray]:
    """Run MONAI transforms over values (z, y, x); gives theirs and the LPS affine (z, y, x, 1)."""
    from monai.data import MetaTensor

    found: Any = MetaTensor(torch.from_numpy(values.astype(np.float32))[None], affine=torch.tensor(LPS_TO_RAS @ affine))
    for transform in transforms:
        found = transform(found)
    return np.asarray(found[0]), LPS_TO_RAS @ np.asarray(found.affine)


def by_sitk(values: np.ndarray, affine: np.ndarray, onto: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Resample values (z, y, x) linearly onto another grid, borders repeated."""
    image, grid = (
        SimpleITK.GetImageFromArray(values.astype(np.float32)),
        SimpleITK.Image(shape[::-1], SimpleITK.sitkFloat32),
    )
    for one, matrix in ((image, affine), (grid, onto)):
        columns = matrix[:3, [2, 1, 0]]
        lengths = np.linalg.norm(columns, axis=0)
        one.SetSpacing(lengths.tolist())
        one.SetDirection((columns / lengths).ravel().tolist())
        one.SetOrigin(matrix[:3, 3].tolist())
    resample = SimpleITK.ResampleImageFilter()
    resample.SetReferenceImage(grid)
    resample.SetUseNearestNeighborExtrapolator(True)
    return SimpleITK.GetArrayFromImage(resample.Execute(image))


def whole(prepared: Prepared) -> np.ndarray:
    z, y, x = prepared.voxels.shape
    return prepared.voxels.read((0, z, 0, y, 0, x))[0]


def prepare(project: Project, key: int, recipe: PreprocessingRecipe) -> tuple[np.ndarray, np.ndarray]:
    with PreparedImages(project, recipe, always=True) as images:
        found = images.open(key)
        return whole(found), np.asarray(Pyramid.open(found.path).attributes.affine_lps)


def noise(seed: int, shape: tuple[int, int, int] = (11, 15, 13)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2000, shape).astype(np.uint16)
