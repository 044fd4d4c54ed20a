"""The text detector that is found by its entry point, on generated and on real text."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from imaging.dicom.decode import read_frame
from imaging.dicom.find_text import find_text, shows_text
from imaging.dicom.headers import read_instance
from imaging.dicom.redact import redact
from imaging.dicom.walk import Found
from imaging.text import Box
from plugins.text.detector import NetworkTextDetector

pytest.importorskip("onnxruntime", reason="the extra `text` is not installed")


@pytest.fixture(scope="module")
def detector() -> NetworkTextDetector:
    return NetworkTextDetector()


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
    detector: NetworkTextDetector, size: int, ground: int, ink: int
) -> None:
    frame, text = write(np.full((160, 512), ground, np.uint8), size, ink)

    found = find_text(frame, detector)

    assert share_covered(text, found) > 0.95
    assert not shows_text(redact(frame, found), detector)


def test_short_words_are_painted_over_where_text_is_to_be_expected(detector: NetworkTextDetector) -> None:
    canvas = Image.new("L", (320, 160), 0)
    ImageDraw.Draw(canvas).text((30, 50), "2D", fill=255, font=ImageFont.load_default(20))
    frame = np.asarray(canvas)

    assert not redact(frame, find_text(frame, detector)).any()


GROUNDS = {
    "black": np.zeros((384, 512), np.uint8),
    "white": np.full((384, 512), 255, np.uint8),
    "air with noise": np.random.default_rng(7).normal(-1000, 15, (384, 512)).round().astype(np.int16),
    "water with noise": np.random.default_rng(8).normal(20, 20, (384, 512)).round().astype(np.int16),
    "a detector's ramp": np.add.outer(np.arange(384), 20 * np.arange(512)).astype(np.uint16),
}


@pytest.mark.parametrize("size", [9, 12, 16, 24, 32, 48])
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("sign", [1, -1])
def test_text_of_every_size_and_polarity_is_screened(
    detector: NetworkTextDetector, size: int, ground: str, sign: int
) -> None:
    plain = GROUNDS[ground]
    middle = float(np.median(plain))
    if plain.dtype == np.uint8:
        sign = 1 if middle == 0 else -1
    ink = middle + sign * 0.3 * (255 if plain.dtype == np.uint8 else 4000)
    frame, text = write(plain, size, max(0, int(ink)) if plain.dtype == np.uint16 else int(ink))

    assert share_covered(text, detector.screen(frame), margin=4) > 0.8


@pytest.mark.parametrize("turn", [0, 1, 3])
@pytest.mark.parametrize("lean", [0, -0.25])
def test_upended_and_slanted_text_is_screened(detector: NetworkTextDetector, turn: int, lean: float) -> None:
    canvas = Image.new("L", (512, 384), 0)
    ImageDraw.Draw(canvas).text((60, 100), "PHANTOM ALPHA 1943", fill=255, font=ImageFont.load_default(20))
    slanted = canvas.transform(canvas.size, Image.Transform.AFFINE, (1, -lean, 0, 0, 1, 0))
    body = np.random.default_rng(2).normal(1000, 20, (384, 512)) + 900 * (np.asarray(slanted) / 255.0)

    assert shows_text(np.rot90(body.astype(np.int16), turn).copy(), detector)


def test_text_in_one_colour_only_is_found(detector: NetworkTextDetector) -> None:
    grey = np.random.default_rng(7).normal(90, 2, (384, 512)).round().astype(np.uint8)

    assert shows_text(np.stack([grey, write(grey, 16, 140)[0], grey]), detector)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.int32, np.uint32, np.float32, np.float64])
def test_every_type_of_value_is_screened(detector: NetworkTextDetector, dtype: type) -> None:
    frame, _ = write(np.zeros((128, 256), np.uint8), 16, 100)

    assert shows_text(frame.astype(dtype), detector)


def test_values_that_are_no_numbers_hide_nothing(detector: NetworkTextDetector) -> None:
    frame, _ = write(np.zeros((128, 256), np.uint8), 16, 100)
    broken = frame.astype(np.float32)
    broken[100:, 200:], broken[:8, :8], broken[:8, 8:16] = np.nan, np.inf, -np.inf

    assert shows_text(broken, detector)


@pytest.mark.parametrize("ends", [(0, 65535), (65535, 0)])
def test_the_full_range_of_16_bits_is_screened(detector: NetworkTextDetector, ends: tuple[int, int]) -> None:
    assert shows_text(write(np.full((128, 256), ends[0], np.uint16), 16, ends[1])[0], detector)


@pytest.mark.parametrize("size", [60, 70, 80])
def test_large_letters_on_a_small_frame_are_screened(detector: NetworkTextDetector, size: int) -> None:
    canvas = Image.new("L", (512, 512), 0)
    ImageDraw.Draw(canvas).text((30, 200), "ALPHA 19", fill=200, font=ImageFont.load_default(size))
    noise = np.random.default_rng(6).normal(400, 10, (512, 512))

    assert shows_text((noise + np.asarray(canvas)).astype(np.uint16), detector)


@pytest.mark.parametrize(
    "shape", [(1, 2), (3, 200), (200, 3), (17, 19), (3, 40, 64), (900, 33), (800, 1), (1, 800), (3, 2500), (2100, 2)]
)
def test_frames_of_any_size_are_screened(detector: NetworkTextDetector, shape: tuple[int, ...]) -> None:
    frame = np.ones(shape, np.uint16)
    frame[..., 0] = 2
    frame[..., 0, :1] = 3

    assert not shows_text(frame, detector)


@pytest.mark.parametrize("seed", range(8))
def test_plain_noise_is_not_taken_for_text(detector: NetworkTextDetector, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(1000, 30, (384, 512)).round().astype(np.int16)

    assert not shows_text(noise, detector)


def test_large_letters_on_a_large_frame_are_screened(detector: NetworkTextDetector) -> None:
    canvas = Image.new("L", (2600, 1400), 0)
    ImageDraw.Draw(canvas).text((900, 700), "PHANTOM ALPHA", fill=200, font=ImageFont.load_default(110))
    noise = np.random.default_rng(6).normal(400, 10, (1400, 2600))

    assert shows_text((noise + np.asarray(canvas)).astype(np.uint16), detector)


@pytest.mark.parametrize("ink", [1120, 880])
def test_faint_text_is_found_beside_an_extreme_value(detector: NetworkTextDetector, ink: int) -> None:
    ground = np.random.default_rng(3).normal(1000, 12, (256, 512)).round().astype(np.int16)
    ground[200:210, 400:410] = 32767
    frame, text = write(ground, 16, ink)

    assert share_covered(text, find_text(frame, detector)) > 0.95


def test_text_across_the_tiles_of_a_large_frame_is_found(detector: NetworkTextDetector) -> None:
    frame = np.zeros((300, 1700), np.uint8)
    part, text = write(np.zeros((256, 512), np.uint8), 24, 255)
    frame[:256, 800:1312] = part

    assert share_covered(Box(text.top, text.left + 800, text.rows, text.columns), detector.detect(frame)) > 0.95


@pytest.mark.parametrize("shape", [(1, 1), (5, 400), (400, 5)])
def test_a_plain_frame_of_any_size_holds_no_text(detector: NetworkTextDetector, shape: tuple[int, int]) -> None:
    assert detector.detect(np.full(shape, 90, np.uint8)) == ()


def test_a_detector_can_be_sent_to_a_worker(detector: NetworkTextDetector) -> None:
    detector.detect(np.zeros((32, 32), np.uint8))

    sent = pickle.loads(pickle.dumps(detector))

    assert (sent.name, sent.version) == (detector.name, detector.version)


def test_neither_opencv_nor_the_runtime_loads_with_the_module() -> None:
    check = (
        "import sys, numpy, plugins.text.detector as text\n"
        "assert 'onnxruntime' not in sys.modules\n"
        "found = text.NetworkTextDetector()\n"
        "found.detect(numpy.zeros((32, 32), numpy.uint8))\n"
        "found.screen(numpy.eye(64))\n"
        "assert 'cv2' not in sys.modules and 'rapidocr_onnxruntime' not in sys.modules\n"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False, cwd=Path(__file__).parents[2]).returncode == 0


def test_every_known_word_is_painted_over(detector: NetworkTextDetector, shared_data: Path) -> None:
    folder = shared_data / "burned_in"
    for name, words in json.loads((folder / "ground_truth_boxes.json").read_text()).items():
        if name.endswith(".png"):
            with Image.open(folder / name) as picture:
                frame = np.asarray(picture.convert("L"))
        else:
            frame = read_frame(read_instance(Found(folder / name, name)), 0)
        found = find_text(frame, detector)
        for word in words:
            assert share_covered(Box(word["top"], word["left"], word["height"], word["width"]), found) == 1
        assert (redact(frame, found) != frame).mean() < 0.05


def test_hardly_a_clean_slice_is_held(detector: NetworkTextDetector, shared_data: Path) -> None:
    folder = shared_data / "ct_philips_phantom" / "dicom" / "S2010"
    slices = [path for path in sorted(folder.iterdir()) if path.name.startswith("I")]

    held = [p for p in slices if shows_text(read_frame(read_instance(Found(p, "")), 0), detector)]

    assert len(slices) == 28
    assert held == []


def test_the_runtime_is_none_that_reports_to_its_maker_and_leaves_nothing_behind(tmp_path: Path) -> None:
    program = (
        "import time, numpy as np, onnxruntime\n"
        "from imaging.text import load_detector\n"
        "load_detector().screen(np.eye(64)); load_detector().detect(np.zeros((64, 64), np.uint8))\n"
        "time.sleep(1)\n"
        "print(onnxruntime.__version__)\n"
    )
    places = {name: str(tmp_path) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_STATE_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | places, capture_output=True, text=True, check=True
    )
    assert tuple(map(int, done.stdout.split(".")[:2])) < (1, 29)
    assert list(tmp_path.iterdir()) == []
