"""DICOM's well-known palettes."""

from __future__ import annotations

import numpy as np
import pytest

from imaging.dicom.palettes import PALETTES, read_palette


@pytest.mark.parametrize("name", PALETTES)
def test_every_palette_has_256_colours(name):
    colours = read_palette(name)
    assert (colours.shape, colours.dtype) == ((256, 3), np.uint8)
    assert len(np.unique(colours, axis=0)) > 15


def test_hot_iron_runs_from_black_over_red_to_white():
    # PS3.6 B.1.1
    assert read_palette("HOT_IRON")[[0, 64, 128, 255]].tolist() == [
        [0, 0, 0],
        [128, 0, 0],
        [255, 0, 0],
        [255, 255, 255],
    ]
