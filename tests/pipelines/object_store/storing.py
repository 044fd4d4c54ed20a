"""Segmentations of tests, and which tokens folders and bucket name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imaging.domain.base import SegmentationKey
from imaging.domain.image import Image
from imaging.domain.segmentation import Segmentation
from imaging.project.project import Project
from imaging.pyramid.labels import SegmentationReader, count_voxels, write_segmentation
from tests.object_store import Bucket, places_in

PLANES = 150
"""More than two slabs."""


@dataclass(frozen=True)
class Series:
    """A folder of DICOM files and the voxels (z, y, x) in them."""

    folder: Path
    voxels: np.ndarray


def segment(project: Project, image: Image, value: int = 1, planes: int = 20) -> Segmentation:
    labels = np.zeros(image.shape, np.uint16)
    labels[:planes, 3:9, 4:8] = value
    term = next(term for term in project.ontology.terms() if term.value == value)
    path = project.images.path(image.id)
    return project.segmentations.create(
        image.id,
        project.layers.mine().id,
        "by hand",
        count_voxels(labels, [term]),
        lambda key: write_segmentation(path, key, labels, [term], store=project.object_store),
    )


def replace(project: Project, image: Image, key: SegmentationKey) -> None:
    labels = np.full(image.shape, 2, np.uint16)
    term = next(term for term in project.ontology.terms() if term.value == 2)
    path = project.images.path(image.id)
    project.segmentations.replace(
        key,
        count_voxels(labels, [term]),
        lambda key: write_segmentation(path, key, labels, [term], store=project.object_store),
    )


def labels_of(project: Project, image: Image, key: SegmentationKey) -> np.ndarray:
    z, y, x = image.shape
    return SegmentationReader.open(project.images.path(image.id), key).region((0, z, 0, y, 0, x))


def tokens_on_disk(folder: Path) -> set[str]:
    """Which tokens the folders of a project name, staging and what waits to be removed among them."""
    return {json.loads(file.read_text())["url"].split("/")[-3] for file in places_in(folder)}


def tokens_in(bucket: Bucket) -> set[str]:
    return {key.split("/")[2] for key in bucket.names()}


def segmentations_on_disk(project: Project, image: Image) -> list[Path]:
    return sorted((project.images.path(image.id) / "labels").glob("[0-9]*"))
