"""Pictures over the API and what they should show, in plain numpy."""

from __future__ import annotations

import io
from typing import NamedTuple

import imagecodecs
import numpy as np
from PIL import Image as Picture

from imaging.domain.image import Image, ImageAttributes, ImageDraft
from imaging.project.project import Project
from imaging.pyramid.write import write_pyramid

SOFT = (40, 400)


class Known(NamedTuple):
    """An image, its stored values and where its pictures are."""

    image: Image
    stored: np.ndarray
    path: str


def register(project: Project, name: str, stored: np.ndarray, axes: str = "zyx", **facts: object) -> Known:
    """Publish an image of unequal pixels."""
    affine = ((0.0, 0.0, 0.5, 0.0), (0.0, 1.0, 0.0, 0.0), (3.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))
    attributes = ImageAttributes.model_validate(
        {"axes": axes, "affine_lps": affine, "spacing_mm": (3.0, 1.0, 0.5), **facts}
    )
    draft = ImageDraft(
        name=name, subject="PHA-1", shape=stored.shape, dtype=stored.dtype.name, attributes=attributes, sources=1
    )
    image = project.images.register(
        draft, lambda key: write_pyramid(project.images.path(key), stored, attributes) and None
    )
    return Known(image, stored, f"/api/imageinstance/{image.id}")


def pixels_of(answer):
    """Decode a picture of 8 bits."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return np.asarray(Picture.open(io.BytesIO(answer.content)))


def stored_of(answer):
    """Decode a picture of 16 bits."""
    assert answer.status_code == 200, answer.text
    return imagecodecs.png_decode(answer.content)


def windowed(real, window):
    """Map real values to grey levels as PS3.3 C.11.2.1.2.1 says."""
    center, width = window
    return np.rint(np.clip((real - (center - 0.5)) / (width - 1) + 0.5, 0, 1) * 255).astype(np.uint8)
