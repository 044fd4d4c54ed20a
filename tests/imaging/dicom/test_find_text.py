"""Where text is looked for on a frame, and what is painted over."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from imaging.dicom.find_text import find_text, show_full_range, show_local_contrast, shows_text
from imaging.dicom.redact import redact
from imaging.text import Box, merge


def write(ground: NDArray[np.integer], text: str, size: int, *, ink: float, at: tuple[int, int] = (40, 30)):
    """Draw text as devices do: `ink` where a letter is, mixed with the ground on its rim."""
    canvas = Image.new("L", ground.shape[::-1], 0)
    ImageDraw.Draw(canvas).text(at[::-1], text, fill=255, font=ImageFont.load_default(size))
    share = np.asarray(canvas, np.float64) / 255
    return np.round(ground * (1 - share) + ink * share).astype(ground.dtype), share > 0


def noise(low: float, spread: float, dtype: type, seed: int = 7) -> NDArray[np.integer]:
    return np.random.default_rng(seed).normal(low, spread, (384, 512)).round().astype(dtype)


class Everywhere:
    """A detector that finds text in whatever it is shown."""

    name, version = "everywhere", "1"

    def __init__(self) -> None:
        self.screened: list[NDArray[np.generic]] = []
        self.shown: list[tuple[int, ...]] = []

    def screen(self, channel: NDArray[np.generic]) -> tuple[Box, ...]:
        self.screened.append(channel)
        return (Box(48, 80, 16, 16),)

    def detect(self, frame: NDArray[np.uint8]) -> tuple[Box, ...]:
        assert frame.dtype == np.uint8
        self.shown.append(frame.shape)
        return (Box(0, 0, frame.shape[0] // 4, frame.shape[1]),)


@pytest.mark.parametrize("shape", [(1, 1), (64, 96), (3, 64, 96)])
def test_a_plain_frame_is_shown_to_nobody(shape: tuple[int, ...]) -> None:
    detector, plain = Everywhere(), np.full(shape, 7, np.int16)

    assert not shows_text(plain, detector)
    assert find_text(plain, detector) == ()
    assert (detector.screened, detector.shown) == ([], [])


def test_every_colour_that_differs_is_looked_at() -> None:
    detector = Everywhere()
    grey = np.arange(64 * 96, dtype=np.int16).reshape(64, 96)

    find_text(np.stack([grey, grey, grey // 2]), detector)

    assert len(detector.screened) == 2


def test_what_either_way_of_looking_finds_is_told_once_and_inside_the_frame() -> None:
    detector = Everywhere()
    frame = np.arange(64 * 96, dtype=np.int16).reshape(64, 96)

    assert find_text(frame, detector) == (Box(0, 0, 10, 96), Box(48, 80, 16, 16))
    assert len(detector.shown) == 2


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


def test_redaction_fills_each_colour_with_its_own_ground_and_stops_at_the_rim() -> None:
    frame = np.stack([np.full((8, 9), value, np.uint8) for value in (10, 20, 30)])
    frame[:, 0, 1:3] = 255

    painted = redact(frame, [Box(0, 0, 3, 4), Box(50, 50, 3, 3)])

    assert [np.unique(channel).tolist() for channel in painted] == [[10], [20], [30]]
