"""Generated frames that look like tissue, bone, noise, artefacts and label maps: what text is written on, or is not.

No frame of a patient is among them but for four images that pydicom brings along.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pydicom.data
from numpy.typing import NDArray

SIDE = 256
Grey = NDArray[np.float32]
Chance = np.random.Generator
_BUNDLED = ("CT_small.dcm", "MR_small.dcm", "693_J2KI.dcm", "JPEG2000.dcm")


def make_ground(chance: Chance) -> Grey:
    """Give a frame without text, (y, x), of any range."""
    frame = normalise(_KINDS[int(chance.integers(len(_KINDS)))](chance))
    if chance.random() < 0.3:
        frame = np.sign(frame) * np.abs(frame) ** chance.uniform(0.5, 2)
    if chance.random() < 0.35:
        frame = np.clip(frame, chance.uniform(-2, -0.3), chance.uniform(0.3, 3))
    spread = chance.choice([0, 0, 0.01, 0.03, 0.1, 0.3])
    if spread:
        noise = _white(chance)
        if chance.random() < 0.4:
            noise = normalise(soften(noise, chance.uniform(0.5, 1.5)))
        frame = frame + spread * noise
    return (_fill_up(chance, frame) if chance.random() < 0.2 else frame).astype(np.float32)


def _fill_up(chance: Chance, frame: Grey) -> Grey:
    """Give one value to what lies outside a round field of view, or to strips along the sides."""
    if chance.random() < 0.5:
        frame = frame + chance.choice([0.01, 0.05, 0.2]) * np.abs(_white(chance))
    grey = chance.choice([frame.min(), np.median(frame), frame.min() - chance.uniform(0, 2)])
    y, x = _grid()
    if chance.random() < 1 / 3:
        row, column = chance.integers(-60, SIDE + 60, 2)
        outside = np.hypot(y - row, x - column) > chance.integers(60, 300)
    else:
        strips = [strip < chance.integers(1, 60) for strip in (y, x, SIDE - 1 - y, SIDE - 1 - x)]
        chosen = chance.choice(4, int(chance.integers(1, 4)))
        outside = np.any([strips[side] for side in chosen], axis=0)
    return np.asarray(np.where(outside, grey, frame), np.float32)


def normalise(frame: Grey) -> Grey:
    return (frame - frame.mean()) / (frame.std() + 1e-6) if frame.std() > 0 else frame


def soften(frame: NDArray[np.generic], sigma: float) -> Grey:
    return np.asarray(cv2.GaussianBlur(np.asarray(frame, np.float32), (0, 0), float(sigma)))


def _log_uniform(chance: Chance, low: float, high: float) -> float:
    return float(np.exp(chance.uniform(np.log(low), np.log(high))))


def _white(chance: Chance) -> Grey:
    return chance.standard_normal((SIDE, SIDE)).astype(np.float32)


def _empty() -> Grey:
    return np.zeros((SIDE, SIDE), np.float32)


def _grid() -> tuple[Grey, Grey]:
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    return y, x


def _coarse_noise(chance: Chance, sigma: float) -> Grey:
    shrink = max(1, int(sigma / 2))
    side = SIDE // shrink + 8
    noise = soften(chance.standard_normal((side, side)), sigma / shrink)
    if shrink > 1:
        noise = cv2.resize(noise, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_LINEAR)
    return normalise(noise[:SIDE, :SIDE])


def _blob(chance: Chance, size: float | None = None, *, rough: bool = False, thickness: int = -1) -> Grey:
    """Give an ellipse anywhere, 0 to 1, sharp or soft, round or ragged, filled or a shell."""
    mask = _empty()
    across = int(size if size is not None else _log_uniform(chance, 3, 200))
    axes = (across, max(2, int(across * chance.uniform(0.3, 1.6))))
    centre = tuple(int(value) for value in chance.integers(-40, SIDE + 40, 2))
    cv2.ellipse(mask, centre, axes, chance.uniform(0, 180), 0, 360, 1.0, thickness)
    if rough:
        mask = (soften(mask, 4) + 0.15 * _coarse_noise(chance, chance.uniform(3, 12)) > 0.5).astype(np.float32)
    sigma = chance.choice([0, 0.5, 1, 2, 5])
    return soften(mask, sigma) if sigma else mask


def _organs(chance: Chance) -> Grey:
    frame = _empty()
    for _ in range(chance.integers(1, 14)):
        frame += chance.uniform(-1, 1.5) * _blob(chance, rough=chance.random() < 0.4)
    for _ in range(chance.integers(0, 6)):
        frame += chance.uniform(0.5, 3) * _blob(chance, thickness=int(chance.integers(1, 10)))
    if chance.random() < 0.5:
        for _ in range(chance.integers(5, 60)):
            frame += chance.uniform(-1, 2) * _blob(chance, size=int(chance.integers(1, 7)))
    if chance.random() < 0.7:
        frame += chance.uniform(0.02, 0.5) * _coarse_noise(chance, float(chance.choice([1, 2, 4, 8]))) * (frame != 0)
    if chance.random() < 0.3:
        frame += chance.uniform(0.1, 1.0) * _coarse_noise(chance, float(chance.choice([8, 16, 32])))
    return frame


def _folds(chance: Chance) -> Grey:
    """Gyri, trabeculae, marrow: where a smooth field is near zero, or on one side of a level."""
    field = _coarse_noise(chance, _log_uniform(chance, 1.2, 12))
    width, kind = chance.uniform(0.1, 0.8), chance.integers(3)
    if kind == 0:
        texture = np.exp(-((field / width) ** 2))
    elif kind == 1:
        texture = np.tanh(field / width)
    else:
        texture = (field > chance.uniform(-1, 1.5)).astype(np.float32)
    mask = _blob(chance, size=int(chance.integers(40, 220)), rough=True)
    return (
        texture * mask * chance.uniform(0.3, 1.5)
        + mask * chance.uniform(0, 1)
        + chance.uniform(0, 0.3) * _organs(chance)
    )


def _fibres(chance: Chance) -> Grey:
    """Muscle, vessels, septa: a field drawn out in one direction."""
    stretch = chance.uniform(1, 6)
    field = _coarse_noise(chance, _log_uniform(chance, 1, 8))
    turn = np.vstack([cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), chance.uniform(0, 180), 1.0), [0, 0, 1]])
    matrix = (turn @ np.array([[stretch, 0, -(stretch - 1) * SIDE / 2], [0, 1, 0], [0, 0, 1]]))[:2]
    field = cv2.warpAffine(field, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    width = chance.uniform(0.15, 1.0)
    shapes = (lambda f: f, lambda f: np.exp(-((f / width) ** 2)), lambda f: np.tanh(f / width), lambda f: -np.abs(f))
    return np.asarray(shapes[int(chance.integers(4))](field), np.float32)


def _patchwork(chance: Chance) -> Grey:
    """Tissues beside one another, each with a texture of its own, some with a bright or dark rim."""
    frame = _organs(chance) * 0.3 if chance.random() < 0.5 else _empty()
    for _ in range(int(chance.integers(3, 14))):
        mask = np.clip(_blob(chance, size=_log_uniform(chance, 8, 160), rough=True), 0, 1)
        texture = chance.uniform(-1, 1.5) + chance.uniform(0, 0.8) * _fibres(chance)
        frame = frame * (1 - mask) + mask * texture if chance.random() < 0.5 else frame + mask * texture * 0.5
        if chance.random() < 0.4:
            frame = frame + chance.uniform(0.2, 1.5) * (cv2.dilate(mask, np.ones((3, 3))) - mask)
    return soften(frame, chance.uniform(0.4, 1.3)) if chance.random() < 0.7 else frame


def _stripes(chance: Chance) -> Grey:
    """Ringing, Moiré, spikes of k-space, grids."""
    y, x = _grid()
    angle = chance.uniform(0, np.pi) if chance.random() < 0.5 else chance.choice([0, np.pi / 2])
    phase = (x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / _log_uniform(chance, 3, 60))
    waves = np.sin(phase + 0.8 * chance.random() * _coarse_noise(chance, 16.0))
    if chance.random() < 0.5:
        waves = np.sign(waves - chance.uniform(-0.9, 0.9))
    base = _organs(chance) if chance.random() < 0.6 else _empty()
    where = _blob(chance, size=int(chance.integers(20, 200))) if chance.random() < 0.7 else 1
    return np.asarray(base + waves * chance.uniform(0.05, 1) * where, np.float32)


def _ribs(chance: Chance) -> Grey:
    frame, thickness = _empty(), int(chance.integers(2, 16))
    apart, centre, width = chance.integers(8, 45), int(chance.integers(0, SIDE)), chance.integers(60, 260)
    grey = chance.uniform(0.2, 1.5)
    for index in range(int(chance.integers(3, 12))):
        rib = _empty()
        axes = (int(width), int(width * chance.uniform(0.2, 0.5)))
        place = (centre, int(index * apart + chance.integers(-2, 3)))
        cv2.ellipse(rib, place, axes, chance.uniform(-10, 10), 0, 180, 1.0, thickness)
        frame += grey * soften(rib, chance.uniform(0.4, 3))
    return frame + 0.5 * _organs(chance)


def _rows_of_things(chance: Chance) -> Grey:
    """Teeth, vertebrae, screws, leads, markers: alike and in a row as letters are, but not text."""
    marks = _empty()
    width = int(chance.integers(3, 40))
    height, apart = int(width * chance.uniform(0.5, 2.5)), int(width * chance.uniform(1.1, 2))
    (left, top), bend, upright = chance.integers(0, SIDE, 2), chance.uniform(-0.02, 0.02), chance.random() < 0.5
    for index in range(int(chance.integers(3, 10))):
        x, y = int(left + index * apart), int(top + bend * (index * apart) ** 2)
        x, y = (y, x) if upright else (x, y)
        wide, high = (max(2, int(side * chance.uniform(0.7, 1.2))) for side in (width, height))
        if chance.random() < 0.7:
            tilt = chance.uniform(-15, 15)
            cv2.ellipse(marks, (x, y), (wide // 2 + 1, high // 2 + 1), tilt, 0, 360, chance.uniform(0.7, 1.0), -1)
        else:
            cv2.rectangle(marks, (x, y), (x + wide, y + high), 1.0, -1)
    return _organs(chance) * chance.uniform(0, 1) + chance.uniform(0.5, 3) * soften(marks, chance.uniform(0.3, 3))


def _lines(chance: Chance) -> Grey:
    """Catheters, wires, drawings."""
    frame = _organs(chance) * chance.uniform(0, 1)
    for _ in range(chance.integers(1, 8)):
        line = _empty()
        points = np.cumsum(chance.integers(-40, 41, (int(chance.integers(2, 8)), 2)), 0) + chance.integers(0, SIDE, 2)
        cv2.polylines(line, [points.astype(np.int32)], False, 1.0, int(chance.integers(1, 5)), cv2.LINE_AA)
        frame += chance.uniform(-1, 3) * (soften(line, chance.uniform(0.3, 1.5)) if chance.random() < 0.7 else line)
    return frame


def _streaks(chance: Chance) -> Grey:
    """Rays from a piece of metal."""
    y, x = _grid()
    row, column = chance.integers(0, SIDE, 2)
    rays = chance.standard_normal(int(chance.integers(20, 300)))
    place = (np.arctan2(y - row, x - column) + np.pi) / (2 * np.pi) * (len(rays) - 1)
    fading = chance.uniform(5, 40) / (np.hypot(y - row, x - column) + 5)
    streaks = np.interp(place.ravel(), np.arange(len(rays)), rays).reshape(SIDE, SIDE) * fading
    metal = np.hypot(y - row, x - column) < chance.integers(3, 20)
    return np.asarray(_organs(chance) + chance.uniform(2, 6) * metal + streaks * chance.uniform(0.05, 0.4), np.float32)


def _mosaic(chance: Chance) -> Grey:
    """Many small images on one frame."""
    count = int(chance.choice([2, 3, 4, 6]))
    side = SIDE // count
    tile = cv2.resize(_KINDS[int(chance.integers(len(_KINDS) - 1))](chance), (side, side), interpolation=cv2.INTER_AREA)
    frame = _empty()
    for row in range(0, count * side, side):
        for column in range(0, count * side, side):
            noise = 0.05 * chance.standard_normal((side, side)) * chance.random()
            frame[row : row + side, column : column + side] = tile * chance.uniform(0.8, 1.2) + noise
    return frame


def _labels(chance: Chance) -> Grey:
    frame = _empty()
    for value in range(1, int(chance.integers(2, 6))):
        frame[_coarse_noise(chance, _log_uniform(chance, 2, 30)) > chance.uniform(0.5, 2.5)] = value
    if chance.random() < 0.4:
        frame = (frame > 0).astype(np.float32)
    return np.kron(frame[::2, ::2], np.ones((2, 2), np.float32)) if chance.random() < 0.4 else frame


def _plain(chance: Chance) -> Grey:
    y, x = _grid()
    kind = chance.integers(4)
    if kind == 0:
        return _empty()
    if kind == 1:
        return (x * chance.normal() + y * chance.normal()) / SIDE
    if kind == 2:  # the noise of a magnitude image
        return np.asarray(np.abs(_white(chance) + 1j * _white(chance)), np.float32)
    return _coarse_noise(chance, float(chance.choice([1, 2, 4])))


@cache
def _load_bundled() -> tuple[Grey, ...]:
    folder = Path(pydicom.data.__file__).parent / "test_files"
    return tuple(pydicom.dcmread(folder / name).pixel_array.astype(np.float32) for name in _BUNDLED)


def _bundled(chance: Chance) -> Grey:
    """Give a part of an image of pydicom's, turned, mirrored, enlarged or shrunk."""
    images = _load_bundled()
    image = images[int(chance.integers(len(images)))]
    side = min(int(SIDE / _log_uniform(chance, 0.6, 2.5)) + 2, *image.shape)
    top, left = (int(chance.integers(0, length - side + 1)) for length in image.shape)
    part = np.rot90(image[top : top + side, left : left + side], int(chance.integers(4)))
    part = part[:, ::-1] if chance.random() < 0.5 else part
    way = int(chance.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    return normalise(cv2.resize(np.ascontiguousarray(part), (SIDE, SIDE), interpolation=way))


_KINDS: tuple[Callable[[Chance], Grey], ...] = (
    *[_patchwork] * 4,
    *[_organs, _folds, _bundled] * 2,
    *[_stripes, _ribs, _rows_of_things, _lines, _streaks, _labels, _plain],
    _mosaic,
)
