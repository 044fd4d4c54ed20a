"""What the cheap look points at, and what is painted over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from imaging.dicom.decode import read_frame
from imaging.dicom.find_text import find_text, show_full_range, show_local_contrast
from imaging.dicom.headers import read_instance
from imaging.dicom.redact import redact
from imaging.dicom.text_likeness import find_text_like, looks_like_text, merge
from imaging.dicom.walk import Found
from imaging.text import Box

SIZES = (9, 12, 16, 24, 32, 48)


def write(ground: NDArray[np.integer], text: str, size: int, *, ink: float, at: tuple[int, int] = (40, 30)):
    """Draw text as devices do: `ink` where a letter is, mixed with the ground on its rim."""
    canvas = Image.new("L", ground.shape[::-1], 0)
    ImageDraw.Draw(canvas).text(at[::-1], text, fill=255, font=ImageFont.load_default(size))
    share = np.asarray(canvas, np.float64) / 255
    return np.round(ground * (1 - share) + ink * share).astype(ground.dtype), share > 0


def noise(low: float, spread: float, dtype: type, seed: int = 7) -> NDArray[np.integer]:
    return np.random.default_rng(seed).normal(low, spread, (384, 512)).round().astype(dtype)


GROUNDS = {
    "black": np.zeros((384, 512), np.uint8),
    "white": np.full((384, 512), 255, np.uint8),
    "air with noise": noise(-1000, 15, np.int16),
    "water with noise": noise(20, 20, np.int16),
    "a detector's ramp": np.add.outer(np.arange(384), 20 * np.arange(512)).astype(np.uint16),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("step", [0.3, -0.3])
def test_text_of_every_size_and_polarity_is_pointed_at(size: int, ground: str, step: float) -> None:
    plain = GROUNDS[ground]
    middle = float(np.median(plain))
    if plain.dtype == np.uint8:
        step = abs(step) if middle == 0 else -abs(step)
    contrast = step * (255 if plain.dtype == np.uint8 else 4000)
    ink = middle + contrast if ground != "a detector's ramp" else (16000 if step > 0 else 0)
    frame, letters = write(plain, "PHANTOM^ALPHA", size, ink=ink)

    rows, columns = np.nonzero(letters)
    boxes = [region.box for region in find_text_like(frame)]

    assert any(
        box.top <= np.median(rows) < box.bottom and box.left < columns.max() and columns.min() < box.right
        for box in boxes
    )


@pytest.mark.parametrize("size", SIZES)
def test_faint_text_in_noise_is_pointed_at(size: int) -> None:
    frame, _ = write(noise(1000, 12, np.int16), "PHANTOM^ALPHA 1957", size, ink=1100)

    assert looks_like_text(frame)


def test_faint_text_is_pointed_at_beside_an_extreme_value() -> None:
    frame, _ = write(noise(1000, 3, np.int16), "PHANTOM^ALPHA 1957", 16, ink=1060)
    frame[300:310, 300:310] = 32767

    assert looks_like_text(frame)


def test_text_in_one_colour_only_is_pointed_at() -> None:
    grey = noise(90, 2, np.uint8)
    written, _ = write(grey, "PHANTOM^ALPHA", 16, ink=140)

    assert looks_like_text(np.stack([grey, written, grey]))


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.int32, np.float32])
def test_every_type_of_value_is_read(dtype: type) -> None:
    frame, _ = write(np.zeros((128, 256), dtype), "PHANTOM^ALPHA", 16, ink=100)

    assert looks_like_text(frame)
    assert not looks_like_text(np.zeros((128, 256), dtype))


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (200, 3), (17, 19), (3, 64, 64)])
def test_frames_of_any_size_are_read(shape: tuple[int, ...]) -> None:
    assert not looks_like_text(np.ones(shape, np.uint16))


def test_the_full_range_of_16_bits_does_not_overflow() -> None:
    frame, _ = write(np.full((128, 256), 65535, np.uint16), "PHANTOM^ALPHA", 16, ink=0)

    assert looks_like_text(frame)


@pytest.mark.parametrize("seed", range(8))
def test_plain_noise_is_rarely_taken_for_text(seed: int) -> None:
    assert not looks_like_text(noise(1000, 30, np.int16, seed))


def test_an_unflagged_localizer_with_a_name_is_pointed_at(shared_data: Path) -> None:
    instance = read_instance(Found(shared_data / "burned_in" / "presidio_2.dcm", "localizer"))

    boxes = [region.box for region in find_text_like(read_frame(instance, 0))]

    assert any(box.top < 11 and box.left < 229 and box.right > 1 for box in boxes)


class Everywhere:
    """A detector that finds text in whatever it is shown."""

    name, version = "everywhere", "1"

    def __init__(self) -> None:
        self.shown: list[tuple[int, ...]] = []

    def detect(self, frame: NDArray[np.uint8]) -> tuple[Box, ...]:
        assert frame.dtype == np.uint8
        self.shown.append(frame.shape)
        return (Box(0, 0, frame.shape[0] // 4, frame.shape[1]),)


def test_a_frame_that_looks_plain_is_not_shown_unless_asked() -> None:
    detector, plain = Everywhere(), np.zeros((64, 96), np.int16)
    assert find_text(plain, detector, everywhere=True) == ()
    plain[40:] = 100

    assert find_text(plain, detector, everywhere=False) == ()
    assert detector.shown == []
    assert find_text(plain, detector, everywhere=True) == (Box(0, 0, 10, 96),)


def test_what_is_found_in_a_region_makes_the_whole_frame_be_looked_over() -> None:
    detector = Everywhere()
    frame, _ = write(GROUNDS["black"], "PHANTOM^ALPHA", 16, ink=200)

    assert find_text(frame, detector, everywhere=False)[0].columns == 512
    assert max(detector.shown) >= frame.shape


def test_both_pictures_show_faint_text_and_neither_fails_on_one_value() -> None:
    frame, letters = write(noise(1000, 3, np.int16), "PHANTOM^ALPHA", 16, ink=1060)
    frame[300:310, 300:310] = 32767

    local = show_local_contrast(frame)

    assert local[letters].mean() > local[~letters].mean() + 40
    for show in (show_local_contrast, show_full_range):
        assert np.ptp(show(np.full((20, 30), 5, np.int16))) == 0


def test_merged_boxes_overlap_no_more() -> None:
    assert merge([Box(0, 0, 4, 4), Box(3, 3, 4, 4), Box(6, 6, 2, 2), Box(20, 0, 1, 1)]) == (
        Box(0, 0, 8, 8),
        Box(20, 0, 1, 1),
    )


def test_redaction_leaves_the_ground_and_nothing_of_the_text() -> None:
    frame, letters = write(noise(1000, 3, np.int16), "PHANTOM^ALPHA", 24, ink=3000)
    rows, columns = np.nonzero(letters)
    box = Box(int(rows.min()), int(columns.min()), int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1)
    before = frame.copy()

    painted = redact(frame, [box], margin=2)

    inside = np.zeros(frame.shape, bool)
    inside[box.top - 2 : box.bottom + 2, box.left - 2 : box.right + 2] = True
    assert np.array_equal(painted[~inside], frame[~inside])
    assert np.unique(painted[inside]).size == 1
    assert abs(int(painted[inside][0]) - 1000) < 10
    assert painted.dtype == frame.dtype
    assert np.array_equal(frame, before)
    assert not looks_like_text(painted)


def test_redaction_fills_each_colour_with_its_own_ground_and_stops_at_the_rim() -> None:
    frame = np.stack([np.full((8, 9), value, np.uint8) for value in (10, 20, 30)])
    frame[:, 0, 1:3] = 255

    painted = redact(frame, [Box(0, 0, 3, 4), Box(50, 50, 3, 3)])

    assert [np.unique(channel).tolist() for channel in painted] == [[10], [20], [30]]
