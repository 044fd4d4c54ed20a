"""Tiny projects to learn from: a few small volumes or pictures, written straight into a project."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from imaging.domain.base import LayerKey
from imaging.domain.image import Image, ImageAttributes, ImageDraft, Rescale
from imaging.domain.ontology import Term
from imaging.domain.segmentation import Segmentation
from imaging.project.project import Project
from imaging.pyramid.labels import count_voxels, write_segmentation
from imaging.pyramid.manifest import manifest_path, save_manifest
from imaging.pyramid.write import write_pyramid

# Read once, as torch is loaded: without it a shared machine needs many times the processor (pipelines.networks).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

AddImage = Callable[..., Image]
AddSegmentation = Callable[..., Segmentation]

QUICK = {
    "steps": 80,
    "patch": [8, 16, 16],
    "filters": [6, 12],
    "batch": 4,
    "learning_rate": 0.01,
    "seed": 3,
    "held_out": 0.2,
}
"""Settings of a training of seconds."""


def register(project: Project, stored: np.ndarray, attributes: ImageAttributes, subject: str) -> Image:
    """Write stored values along `attributes.axes` into a project, as if they had been ingested."""
    draft = ImageDraft(
        name=f"image of {subject}",
        subject=subject,
        shape=stored.shape,
        dtype=stored.dtype.name,
        attributes=attributes,
        sources=1,
    )

    def prepare(key: int) -> None:
        path = project.images.path(key)
        save_manifest(write_pyramid(path, stored, attributes), manifest_path(path))

    return project.images.register(draft, prepare)


@pytest.fixture
def add_image(project: Project) -> AddImage:
    """Register stored values (z, y, x), (c, z, y, x) or as `axes` says as an image of a subject."""

    def add(
        stored: np.ndarray,
        subject: str,
        *,
        modality: str = "CT",
        spacing: tuple[float | None, float | None, float | None] = (2.0, 1.0, 1.0),
        axes: str = "",
    ) -> Image:
        axes = axes or ("czyx" if stored.ndim == 4 else "zyx")
        colour = "c" in axes
        z, y, x = (step or 1.0 for step in spacing)
        attributes = ImageAttributes(
            axes=axes,
            affine_lps=((0, 0, x, 0), (0, y, 0, 0), (z, 0, 0, 0), (0, 0, 0, 1)),
            spacing_mm=spacing,
            rescale=Rescale(intercept=(-1000.0,)) if modality == "CT" else Rescale(),
            units="HU" if modality == "CT" else "stored",
            modality=modality,
            photometric="RGB" if colour else "MONOCHROME2",
        )
        return register(project, stored, attributes, subject)

    return add


@pytest.fixture
def add_segmentation(project: Project) -> AddSegmentation:
    """Give an image a segmentation in the member's own layer, or another."""

    def add(
        image: Image, labels: np.ndarray, terms: Sequence[Term], *, layer: LayerKey | None = None, reviewed: bool = True
    ) -> Segmentation:
        path = project.images.path(image.id)
        counts = count_voxels(labels.astype(np.uint16), terms)
        place = project.layers.mine().id if layer is None else layer
        return project.segmentations.create(
            image.id,
            place,
            "truth",
            counts,
            lambda key: write_segmentation(path, key, labels.astype(np.uint16), terms),
            reviewed=reviewed,
        )

    return add


def make_balls(seed: int, shape: tuple[int, int, int] = (10, 24, 24)) -> tuple[np.ndarray, np.ndarray]:
    """Bright balls among bright rods of the same value: stored uint16 (HU + 1000), and the balls' mask."""
    rng = np.random.default_rng([seed, 5])
    z, y, x = np.meshgrid(*(np.arange(count) for count in shape), indexing="ij")
    mask = np.zeros(shape, bool)
    rods = np.zeros(shape, bool)
    for place in range(2):
        centre = (rng.uniform(3, shape[0] - 3), rng.uniform(5, shape[1] - 5), 6 + 12 * place + rng.uniform(-1, 1))
        mask |= (2 * (z - centre[0])) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 < 16
        across = rng.integers(0, shape[2])
        rods |= (np.abs(x - across) < 1) & (np.abs(z - rng.integers(0, shape[0])) < 2)
    values = 200.0 + 900.0 * (mask | rods) + rng.normal(0, 20, shape)
    return np.rint(values).astype(np.uint16), mask


@pytest.fixture
def balls_project(project: Project, add_image: AddImage, add_segmentation: AddSegmentation) -> Project:
    """Five subjects with two balls each, segmented as "nodule" and reviewed."""
    term = project.ontology.find("nodule")
    for number in range(5):
        stored, mask = make_balls(number)
        image = add_image(stored, f"SUBJECT{number}")
        add_segmentation(image, mask * term.value, [term])
    return project
