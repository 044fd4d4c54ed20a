"""Finds text: by two small networks on every frame, and by that of PP-OCRv4 (Apache-2.0) where text is to be expected.

The latter comes inside the package rapidocr-onnxruntime and is opened as a file: the package itself is never imported,
as it needs OpenCV and with it a display library. Its preparation and reading of the probability map are done here
(DBNet, arXiv:1911.08947).
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imaging.text import Box
from plugins.text.screening import cut, find_lines
from plugins.text.sessions import find_paddle, open_paddle

_NETWORKS = 2
"""Rises with each change of look.onnx or confirm.onnx."""
_STEP = 32
_TILE, _OVERLAP = 960, 96
_ENLARGED = 1.5
"""How much a picture is enlarged at least; a radiograph is not: its letters are large, and its pixels many."""
_TEXT = 0.3
_SURE = 0.7
_UNCLIP = 1.6
_THINNEST = 3


class NetworkTextDetector:
    """A `TextDetector` of letters of about 8 to 80 pixels, larger ones on larger frames, run by ONNX Runtime."""

    name = "networks"

    def __init__(self) -> None:
        find_paddle()
        if find_spec("onnxruntime") is None:
            raise ModuleNotFoundError("onnxruntime is not installed", name="onnxruntime")

    @property
    def version(self) -> str:
        """The version of the two small networks, and of the package that carries PP-OCRv4."""
        return f"{_NETWORKS}+{version('rapidocr-onnxruntime')}"

    def screen(self, channel: NDArray[np.generic]) -> tuple[Box, ...]:
        """Return lines of text, level, tilted by up to 12 degrees or upended, as the two small networks find them."""
        return find_lines(channel)

    def detect(self, frame: NDArray[np.uint8]) -> tuple[Box, ...]:
        """Return lines and words of text that run from left to right, as PP-OCRv4 finds them."""
        return tuple(sorted({box for tile in cut(frame.shape, _TILE, _OVERLAP) for box in _detect_in(frame, tile)}))


def _detect_in(frame: NDArray[np.uint8], tile: Box) -> Iterator[Box]:
    from scipy import ndimage

    part = frame[tile.top : tile.bottom, tile.left : tile.right]
    likely, scale = _rate(part, least=_ENLARGED if min(frame.shape) <= _TILE else 1.0)
    regions, count = ndimage.label(likely > _TEXT, np.ones((3, 3)))
    sure = np.atleast_1d(ndimage.mean(likely, regions, range(1, count + 1)))
    for (down, across), mean in zip(ndimage.find_objects(regions), sure.tolist(), strict=True):
        rows, columns = down.stop - down.start, across.stop - across.start
        if mean < _SURE or min(rows, columns) < _THINNEST:
            continue
        # The network marks the core of a line; DBNet grows it by area × ratio / perimeter.
        grown = rows * columns * _UNCLIP / (2 * (rows + columns))
        top = max(0, int((down.start - grown) / scale[0]))
        left = max(0, int((across.start - grown) / scale[1]))
        bottom = min(tile.rows, int((down.stop + grown) / scale[0]) + 1)
        right = min(tile.columns, int((across.stop + grown) / scale[1]) + 1)
        yield Box(tile.top + top, tile.left + left, bottom - top, right - left)


def _rate(part: NDArray[np.uint8], *, least: float) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """Return how likely each pixel of the enlarged part is text, (y, x), and the enlargement of y and x."""
    rows, columns = part.shape
    # The network was trained on scans: it overlooks small letters and small pictures unless they are enlarged.
    scale = min(3.0, max(least, 288 / rows))
    height, width = (max(_STEP, round(side * scale / _STEP) * _STEP) for side in (rows, columns))
    enlarged = Image.fromarray(part).resize((width, height), Image.Resampling.BILINEAR)
    values = np.asarray(enlarged, np.float32) / 127.5 - 1
    session = open_paddle()
    feed = {session.get_inputs()[0].name: np.broadcast_to(values, (1, 3, height, width))}
    return np.asarray(session.run(None, feed)[0])[0, 0], (height / rows, width / columns)
