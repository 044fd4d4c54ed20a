"""Generated frames with text on most of them, and which cells of 8 × 8 pixels it runs through.

Names, dates and numbers are made up. Letters of 8 to 60 pixels in whatever fonts the machine has and in the strokes of
OpenCV's: upright or slanted, level, tilted by up to 12 degrees or upended, sharp or soft, white, black, faint, boxed.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tests.learning.grounds import SIDE, Chance, Grey, make_ground, soften

CELL = 8
TEXT, UNSURE = 1, 255
"""In the map of cells: a line runs through the cell; its rim does, or what is written there can hardly be seen."""
_FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts")
_FAMILIES = (
    *("DOE", "SMITH", "MARTIN", "DUPONT", "PETIT", "LEROY", "MOREL", "GARCIA", "ROUX"),
    *("MULLER", "WEBER", "ROSSI", "KIM", "LEE", "NGUYEN", "ALPHA", "BETA"),
)
_LABELS = ("Dr. ", "HOSPITAL ", "Acc# ", "DOB: ", "KV 120 mA ", "Zoom ", "W/L ", "SE: ", "Im: ")
_LEAST_LETTERS = 3


@dataclass(frozen=True)
class Line:
    """One line of text: how much ink each pixel gets, 0 to 1, and which pixels belong to the line, both (y, x)."""

    ink: Grey
    inside: Grey
    size: int


def make_frame(chance: Chance) -> tuple[NDArray[np.float16], NDArray[np.uint8]]:
    """Give a frame (256, 256), within 0..1, and its cells (32, 32): 0, `TEXT` or `UNSURE`."""
    frame, marked = make_ground(chance), np.zeros((SIDE, SIDE), np.float32)
    if chance.random() < 0.6:
        for _ in range(int(chance.choice([1, 1, 2, 3]))):
            _write(chance, frame, marked)
    if chance.random() < 0.15:
        _cover(chance, frame, marked)
    frame = _degrade(chance, frame)
    low, high = float(frame.min()), float(frame.max())
    share = np.exp(chance.uniform(np.log(0.15), 0))
    return ((frame - low) * (share / max(high - low, 1e-6))).astype(np.float16), _to_cells(marked)


def _degrade(chance: Chance, frame: Grey) -> Grey:
    low, high = float(frame.min()), float(frame.max())
    way = chance.random()
    if way < 0.1:
        shown = ((frame - low) * (255 / max(high - low, 1e-6))).astype(np.uint8)
        coded = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, int(chance.integers(40, 95))])[1]
        frame = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE).astype(np.float32)
    elif way < 0.3:
        frame = frame + chance.choice([0.01, 0.03, 0.08]) * chance.standard_normal((SIDE, SIDE))
    if chance.random() < 0.5:
        frame = -frame
    if chance.random() < 0.3:
        low, high = float(frame.min()), float(frame.max())
        frame = np.round((frame - low) * (chance.choice([60, 255]) / max(high - low, 1e-6)))
    return frame


def _cover(chance: Chance, frame: Grey, marked: Grey) -> None:
    """Put plain boxes where no text is: what has been painted over already is not text."""
    for _ in range(int(chance.integers(1, 5))):
        top, left = chance.integers(0, SIDE - CELL, 2)
        place = np.s_[top : top + chance.integers(6, 60), left : left + chance.integers(6, 200)]
        if not marked[place].any():
            grey = np.median(frame[place]) if chance.random() < 0.7 else chance.choice([frame.min(), frame.max()])
            frame[place] = float(grey)


def _to_cells(marked: Grey) -> NDArray[np.uint8]:
    shape = (SIDE // CELL, CELL, SIDE // CELL, CELL)
    text, unsure = ((marked == value).reshape(shape).mean((1, 3)) for value in (1, 2))
    cells = np.where((text > 0) | (unsure > 0), UNSURE, 0).astype(np.uint8)
    cells[text >= 0.3] = TEXT
    return cells


def _say(chance: Chance) -> str:
    def name() -> str:
        return f"{chance.choice(_FAMILIES)}{chance.choice([' ', '^', ', '])}{chance.choice(_FAMILIES)}"

    def date() -> str:
        marks = chance.choice(["-", ".", "/", ""], 2)
        year, month, day = chance.integers(1920, 2026), chance.integers(1, 13), chance.integers(1, 29)
        return f"{year}{marks[0]}{month:02d}{marks[1]}{day:02d}"

    def letters(choice: str, least: int, most: int) -> str:
        return "".join(chance.choice(list(choice), int(chance.integers(least, most))))

    texts = (
        name,
        lambda: name().title(),
        date,
        lambda: f"ID {chance.integers(1, 10**8)}",
        lambda: letters(string.ascii_uppercase + string.digits + "  ", 4, 16),
        lambda: letters(string.ascii_letters + string.digits + string.punctuation + "    ", 4, 20),
        lambda: f"{chance.choice(_LABELS)}{chance.integers(10**3, 10**7)}",
        lambda: f"{name()} {date()}",
        lambda: letters(string.ascii_lowercase, 4, 12),
    )
    text = texts[int(chance.integers(len(texts)))]().strip()
    return text if len(text.replace(" ", "")) >= _LEAST_LETTERS else "ID 4711"


@cache
def _list_fonts() -> tuple[str, ...]:
    found = (path for folder in _FONT_FOLDERS for path in Path(folder).rglob("*.ttf"))
    return ("", *sorted(str(path) for path in found if "Math" not in path.name))


def _draw(chance: Chance, text: str, size: int) -> Grey:
    """Draw a text, (y, x), 0 to 1, with some room around it."""
    if chance.random() < 0.2:
        face, scale = int(chance.integers(8)), size / 30
        thick = max(1, round(scale * chance.uniform(0.8, 2.5)))
        (width, height), below = cv2.getTextSize(text, face, scale, thick)
        canvas = np.zeros((height + below + 2 * thick + 4, width + 2 * thick + 4), np.uint8)
        edge = cv2.LINE_AA if chance.random() < 0.6 else cv2.LINE_8
        cv2.putText(canvas, text, (thick + 2, height + thick + 2), face, scale, 255, thick, edge)
        return canvas.astype(np.float32) / 255
    path = str(chance.choice(_list_fonts()))
    font = ImageFont.truetype(path, size) if path else ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(text)
    room = (4 - min(0, left), 4 - min(0, top))
    image = Image.new("L", (int(right + room[0] + 4), int(bottom + room[1] + 4)))
    pen = ImageDraw.Draw(image)
    if chance.random() < 0.3:
        pen.fontmode = "1"
    pen.text(room, text, fill=255, font=font)
    return np.asarray(image, np.float32) / 255


def _make_line(chance: Chance, size: int) -> Line | None:
    ink = _draw(chance, _say(chance), size)
    if chance.random() < 0.08:
        lean = np.array([[1, -0.25, 0.25 * len(ink)], [0, 1, 0]])
        ink = cv2.warpAffine(ink, lean, (ink.shape[1] + int(0.3 * len(ink)) + 2, len(ink)))
    rows, columns = np.nonzero(ink > 0.2)
    if not rows.size:
        return None
    ink = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    # A wide gap between words is not part of the line.
    near = cv2.dilate((ink > 0.2).astype(np.uint8), np.ones((1, int(size * 0.9) | 1), np.uint8))
    inside = np.repeat(near.max(0)[np.newaxis], len(ink), 0).astype(np.float32)
    ink, inside = _turn(chance, ink, inside)
    if chance.random() < 0.15:
        ink = soften(ink, chance.uniform(0.3, 0.9))
    return Line(ink, inside, size)


def _turn(chance: Chance, ink: Grey, inside: Grey) -> tuple[Grey, Grey]:
    way = chance.random()
    if way < 0.07:
        quarters = int(chance.choice([1, 3]))
        return np.rot90(ink, quarters).copy(), np.rot90(inside, quarters).copy()
    if way < 0.16:
        angle = chance.uniform(-12, 12)
        room = int(abs(np.sin(np.radians(angle))) * ink.shape[1]) + 4
        ink, inside = np.pad(ink, room), np.pad(inside, room)
        matrix = cv2.getRotationMatrix2D((ink.shape[1] / 2, len(ink) / 2), angle, 1)
        return cv2.warpAffine(ink, matrix, ink.shape[::-1]), cv2.warpAffine(inside, matrix, ink.shape[::-1])
    return ink, inside


def _write(chance: Chance, frame: Grey, marked: Grey) -> None:
    """Write up to three lines of one size and kind below one another, anywhere, partly outside too."""
    low, high = np.percentile(frame, (1, 99))
    span = max(float(high - low), 1e-3) if frame.std() > 0 else 1.0
    size = int(np.exp(chance.uniform(np.log(8), np.log(60))))
    top, left = int(chance.integers(-size // 3, SIDE)), int(chance.integers(-120, SIDE - 12))
    kind = str(chance.choice(["white", "black", "faint", "any", "boxed"]))
    for number in range(int(chance.choice([1, 1, 1, 2, 3]))):
        line = _make_line(chance, size)
        if line is None:
            continue
        step = int(number * size * 1.25)
        upended = line.ink.shape[0] > line.ink.shape[1]
        row, column = (top - 60, left + step) if upended else (top + step, left)
        rows = slice(max(0, row), min(SIDE, row + line.ink.shape[0]))
        columns = slice(max(0, column), min(SIDE, column + line.ink.shape[1]))
        if rows.stop - rows.start < 3 or columns.stop - columns.start < 3:
            continue
        seen = np.s_[rows.start - row : rows.stop - row, columns.start - column : columns.stop - column]
        part = Line(line.ink[seen], line.inside[seen], size)
        if (part.ink > 0.5).sum() < CELL:
            continue
        cut = min(part.ink.shape) < 0.55 * min(line.ink.shape)
        _put(chance, frame, marked, (rows, columns), part, (kind, span, cut))


def _put(
    chance: Chance, frame: Grey, marked: Grey, place: tuple[slice, slice], line: Line, how: tuple[str, float, bool]
) -> None:
    kind, span, cut = how
    if kind == "boxed":
        rows, columns = place
        around = np.s_[max(0, rows.start - 3) : rows.stop + 3, max(0, columns.start - 3) : columns.stop + 3]
        solid = chance.uniform(0.6, 1)
        frame[around] = frame[around] * (1 - solid) + solid * chance.uniform(frame.min(), frame.max())
    ground, inked = frame[place], line.ink > 0.5
    under = float(np.median(ground[inked]))
    grey = _choose_grey(chance, frame, under, kind, span)
    rough = _measure_roughness(ground, inked)
    ground[...] = ground * (1 - line.ink) + grey * line.ink
    stands_out = float(np.median(np.abs(grey - ground[~inked]))) if (~inked).any() else abs(grey - under)
    short = line.ink.shape[1] < 1.5 * line.size and line.ink.shape[0] < 1.5 * line.size
    weak = cut or short or stands_out < max(1.3 * rough, 1e-3 * span)
    np.maximum(marked[place], np.where(line.inside > 0.5, 2.0 if weak else 1.0, 0.0), out=marked[place])


def _choose_grey(chance: Chance, frame: Grey, under: float, kind: str, span: float) -> float:
    low, high = (float(value) for value in np.percentile(frame, (1, 99)))
    if kind == "white":
        most = max(float(frame.max()), under + 0.3 * span)
        return most if chance.random() < 0.7 else under + span * chance.uniform(0.4, 3)
    if kind == "black":
        return float(frame.min()) if chance.random() < 0.7 else under - span * chance.uniform(0.4, 1.5)
    if kind == "faint":
        lighter = (under < (low + high) / 2) == (chance.random() < 0.85)
        return under + span * chance.uniform(0.04, 0.3) * (1 if lighter else -1)
    if kind == "boxed":
        return under + span * chance.uniform(0.15, 2) * float(chance.choice([-1, 1]))
    return float(chance.uniform(low - 0.3 * span, high + 0.3 * span))


def _measure_roughness(ground: Grey, inked: NDArray[np.bool_]) -> float:
    """Tell what the ground itself varies by, from pixel to pixel and over the line."""
    free = ~(inked[:, 1:] | inked[:, :-1])
    if not free.any() or (~inked).sum() < 16:
        return 0.0
    return float(np.median(np.abs(np.diff(ground, axis=1))[free])) + 0.35 * float(ground[~inked].std())
