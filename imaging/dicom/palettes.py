"""The well-known colour palettes of DICOM."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pydicom.pixels.processing import apply_color_lut

PALETTES = {
    "HOT_IRON": "1.2.840.10008.1.5.1",
    "PET": "1.2.840.10008.1.5.2",
    "HOT_METAL_BLUE": "1.2.840.10008.1.5.3",
    "PET_20_STEP": "1.2.840.10008.1.5.4",
    "SPRING": "1.2.840.10008.1.5.5",
    "SUMMER": "1.2.840.10008.1.5.6",
    "FALL": "1.2.840.10008.1.5.7",
    "WINTER": "1.2.840.10008.1.5.8",
}
"""UIDs by content label (PS3.6 Annex B)."""


@lru_cache
def read_palette(name: str) -> NDArray[np.uint8]:
    """Give the colours of a palette of `PALETTES`: (256, 3), red, green and blue by grey level."""
    colours: NDArray[np.uint8] = apply_color_lut(np.arange(256, dtype=np.uint8), palette=PALETTES[name])
    colours.setflags(write=False)
    return colours
