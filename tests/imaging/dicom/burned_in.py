"""A body-like frame, and words burned into it."""

from __future__ import annotations

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

SIDE = 256
NAME = "PHANTOM ALPHA 1943"


def body() -> np.ndarray:
    """Give an ellipse with noise, 12 bits: (y, x) uint16."""
    y, x = np.mgrid[:SIDE, :SIDE]
    inside = ((y - 128) / 90) ** 2 + ((x - 128) / 110) ** 2 < 1
    noise = np.random.default_rng(7).normal(0, 12, (SIDE, SIDE))
    return np.clip(inside * 1040 + 40 + noise, 0, 4095).astype(np.uint16)


def written(text: str, size: int, grey: int, place: tuple[int, int] = (10, 10)) -> np.ndarray:
    """Give the body with text of a size in pixels at (left, top): (y, x) uint16."""
    mask = Picture.new("L", (SIDE, SIDE))
    ImageDraw.Draw(mask).text(place, text, fill=255, font=ImageFont.load_default(size))
    share = np.asarray(mask, np.float32) / 255
    return (body() * (1 - share) + grey * share).astype(np.uint16)
