"""How a picture is to look: window, contrast, gamma, inversion, colours. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.palettes import read_palette
from imaging.domain.image import Window
from viewer.pixels import Grey


@dataclass(frozen=True)
class Look:
    """What is done to grey levels, in this order.

    Attributes
    ----------
    window
        In real units; None means the image's own.
    contrast
        Levels are multiplied by it and clipped.
    gamma
        Levels between 0 and 1 are raised to it.
    inverse
        Black becomes white.
    palette
        Colours for the levels, by a name of `imaging.dicom.palettes`.
    """

    window: Window | None = None
    contrast: float = 1.0
    gamma: float = 1.0
    inverse: bool = False
    palette: str | None = None

    @property
    def needs_grey(self) -> bool:
        """Whether it speaks of what a colour picture has not."""
        return self.window is not None or self.palette is not None


PLAIN = Look()


def finish_look(grey: Grey, look: Look) -> Grey:
    """Do what follows the window.

    Parameters
    ----------
    grey : (rows, columns) or (rows, columns, 3)

    Returns
    -------
    Same shape; (rows, columns, 3) with a palette
    """
    table = _table(look)
    if look.palette is not None:
        return read_palette(look.palette)[table[grey]]
    return grey if look.contrast == look.gamma == 1 and not look.inverse else table[grey]


def _table(look: Look) -> NDArray[np.uint8]:
    share = np.clip(np.arange(256) / 255 * look.contrast, 0, 1) ** look.gamma
    levels = np.rint(share * 255).astype(np.uint8)
    return np.subtract(255, levels, dtype=np.uint8) if look.inverse else levels
