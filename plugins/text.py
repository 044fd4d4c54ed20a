"""Finds text with the detection network of PP-OCRv4 (Apache-2.0), run by ONNX Runtime.

The network comes inside the package rapidocr-onnxruntime and is opened as a file: the package itself is never imported,
as it needs OpenCV and with it a display library. Its preparation and reading of the probability map are done here
(DBNet, arXiv:1911.08947).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from imaging.text import Box

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_PACKAGE = "rapidocr_onnxruntime"
_NETWORK = "models/ch_PP-OCRv4_det_infer.onnx"
_STEP = 32
_TILE, _OVERLAP = 960, 96
_ENLARGED = 1.5
"""How much a picture is enlarged at least; a radiograph is not: its letters are large, and its pixels many."""
_TEXT = 0.3
_SURE = 0.7
_UNCLIP = 1.6
_THINNEST = 3


class PaddleTextDetector:
    """A `TextDetector` of lines that run from left to right, with letters of about 5 to 60 pixels."""

    name = "pp-ocrv4-det"

    def __init__(self) -> None:
        _find_network()
        if find_spec("onnxruntime") is None:
            raise ModuleNotFoundError("onnxruntime is not installed", name="onnxruntime")

    @property
    def version(self) -> str:
        """The version of the package that carries the network."""
        return version("rapidocr-onnxruntime")

    def detect(self, frame: NDArray[np.uint8]) -> tuple[Box, ...]:
        """Return lines and words of text."""
        return tuple(sorted({box for tile in _cut(frame.shape) for box in _detect_in(frame, tile)}))


def _cut(shape: tuple[int, ...]) -> Iterator[Box]:
    """Cut a frame into tiles that overlap, so that memory does not grow with its size."""
    stride = _TILE - _OVERLAP
    for top in range(0, max(1, shape[0] - _OVERLAP), stride):
        for left in range(0, max(1, shape[1] - _OVERLAP), stride):
            yield Box(top, left, min(_TILE, shape[0] - top), min(_TILE, shape[1] - left))


def _detect_in(frame: NDArray[np.uint8], tile: Box) -> Iterator[Box]:
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
    session = _open_session()
    feed = {session.get_inputs()[0].name: np.broadcast_to(values, (1, 3, height, width))}
    return np.asarray(session.run(None, feed)[0])[0, 0], (height / rows, width / columns)


@cache
def _open_session() -> InferenceSession:
    """Open the network once per process, with one thread: workers are how the work is spread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Frames differ in size: an arena would keep the largest for ever.
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(str(_find_network()), options, providers=["CPUExecutionProvider"])


def _find_network() -> Path:
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{_PACKAGE} is not installed", name=_PACKAGE)
    return Path(spec.submodule_search_locations[0]) / _NETWORK
