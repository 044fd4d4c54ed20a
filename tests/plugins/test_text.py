"""The text detector that is found by its entry point, on generated and on real text."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from imaging.dicom.decode import read_frame
from imaging.dicom.find_text import find_text
from imaging.dicom.headers import read_instance
from imaging.dicom.redact import redact
from imaging.dicom.walk import Found
from imaging.text import Box
from plugins.text import PaddleTextDetector

pytest.importorskip("onnxruntime", reason="the extra `text` is not installed")


@pytest.fixture(scope="module")
def detector() -> PaddleTextDetector:
    return PaddleTextDetector()


def write(ground: NDArray[np.integer], size: int, ink: int) -> tuple[NDArray[np.integer], Box]:
    canvas = Image.new("L", ground.shape[::-1], 0)
    pen = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size)
    pen.text((20, 30), "PHANTOM ALPHA", fill=255, font=font)
    left, top, right, bottom = pen.textbbox((20, 30), "PHANTOM ALPHA", font=font)
    share = np.asarray(canvas, np.float64) / 255
    frame = np.round(ground * (1 - share) + ink * share).astype(ground.dtype)
    return frame, Box(int(top), int(left), int(bottom - top), int(right - left))


def share_covered(box: Box, boxes: tuple[Box, ...], margin: int = 2) -> float:
    seen = np.zeros((box.rows, box.columns), bool)
    for other in boxes:
        rows = slice(max(0, other.top - margin - box.top), max(0, other.bottom + margin - box.top))
        columns = slice(max(0, other.left - margin - box.left), max(0, other.right + margin - box.left))
        seen[rows, columns] = True
    return float(seen.mean())


@pytest.mark.parametrize("size", [9, 12, 16, 24, 32, 48])
@pytest.mark.parametrize(("ground", "ink"), [(0, 255), (255, 0), (100, 150), (150, 100)])
def test_generated_text_is_found_and_painted_over(
    detector: PaddleTextDetector, size: int, ground: int, ink: int
) -> None:
    frame, text = write(np.full((160, 512), ground, np.uint8), size, ink)

    found = find_text(frame, detector, everywhere=False)

    assert share_covered(text, found) > 0.95
    assert find_text(redact(frame, found), detector, everywhere=False) == ()


def test_short_words_are_painted_over_where_text_is_to_be_expected(detector: PaddleTextDetector) -> None:
    canvas = Image.new("L", (320, 160), 0)
    ImageDraw.Draw(canvas).text((30, 50), "2D", fill=255, font=ImageFont.load_default(20))
    frame = np.asarray(canvas)

    assert not redact(frame, find_text(frame, detector, everywhere=True)).any()


@pytest.mark.parametrize("ink", [1120, 880])
def test_faint_text_is_found_beside_an_extreme_value(detector: PaddleTextDetector, ink: int) -> None:
    ground = np.random.default_rng(3).normal(1000, 12, (256, 512)).round().astype(np.int16)
    ground[200:210, 400:410] = 32767
    frame, text = write(ground, 16, ink)

    assert share_covered(text, find_text(frame, detector, everywhere=False)) > 0.95


def test_text_across_the_tiles_of_a_large_frame_is_found(detector: PaddleTextDetector) -> None:
    frame = np.zeros((300, 1700), np.uint8)
    part, text = write(np.zeros((256, 512), np.uint8), 24, 255)
    frame[:256, 800:1312] = part

    assert share_covered(Box(text.top, text.left + 800, text.rows, text.columns), detector.detect(frame)) > 0.95


@pytest.mark.parametrize("shape", [(1, 1), (5, 400), (400, 5)])
def test_a_plain_frame_of_any_size_holds_no_text(detector: PaddleTextDetector, shape: tuple[int, int]) -> None:
    assert detector.detect(np.full(shape, 90, np.uint8)) == ()


def test_a_detector_can_be_sent_to_a_worker(detector: PaddleTextDetector) -> None:
    detector.detect(np.zeros((32, 32), np.uint8))

    sent = pickle.loads(pickle.dumps(detector))

    assert (sent.name, sent.version) == (detector.name, detector.version)


def test_neither_opencv_nor_the_runtime_loads_with_the_module() -> None:
    check = (
        "import sys, numpy, plugins.text as text\n"
        "assert 'onnxruntime' not in sys.modules\n"
        "text.PaddleTextDetector().detect(numpy.zeros((32, 32), numpy.uint8))\n"
        "assert 'cv2' not in sys.modules and 'rapidocr_onnxruntime' not in sys.modules\n"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False, cwd=Path(__file__).parents[2]).returncode == 0


def test_every_known_word_is_painted_over(detector: PaddleTextDetector, shared_data: Path) -> None:
    folder = shared_data / "burned_in"
    for name, words in json.loads((folder / "ground_truth_boxes.json").read_text()).items():
        if name.endswith(".png"):
            with Image.open(folder / name) as picture:
                frame = np.asarray(picture.convert("L"))
        else:
            frame = read_frame(read_instance(Found(folder / name, name)), 0)
        found = find_text(frame, detector, everywhere=False)
        for word in words:
            assert share_covered(Box(word["top"], word["left"], word["height"], word["width"]), found) == 1
        assert (redact(frame, found) != frame).mean() < 0.05


def test_hardly_a_clean_slice_is_held(detector: PaddleTextDetector, shared_data: Path) -> None:
    folder = shared_data / "ct_philips_phantom" / "dicom" / "S2010"
    slices = [path for path in sorted(folder.iterdir()) if path.name.startswith("I")]

    held = [p for p in slices if find_text(read_frame(read_instance(Found(p, "")), 0), detector, everywhere=False)]

    assert len(slices) == 28
    assert held == []
