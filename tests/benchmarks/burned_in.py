"""How much generated text is overlooked: `python -m tests.benchmarks.burned_in [COUNT [SEED]] [FOLDER...]`.

Words of obviously synthetic persons, 9 to 48 pixels, in whatever upright fonts the machine has, anywhere on frames of
bundled and sample images, or of folders that are named: white, black, at 15 % of the contrast, and inverted. Frames
without text are looked at too.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.data import get_testdata_file

from imaging.dicom.find_text import shows_text
from imaging.text import Box, load_detector

_SAMPLE = Path(__file__).parents[2] / "sample_dicom"
_BUNDLED = ("CT_small.dcm", "MR_small.dcm", "693_J2KI.dcm", "JPEG2000.dcm")
_FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "LiberationSans-Regular", "LiberationMono-Regular")
_WORDS = (
    *("PHANTOM ALPHA", "Phantom^Beta 12", "ID 00471147", "DOB 03.02.1950", "1950-02-03", "HOSPITAL NORTH"),
    *("Dr. Phantom", "#8841-22 M 71Y", "phantom, alpha", "GAMMA PHANTOM 19430712"),
)
_SIZES = (9, 10, 11, 12, 14, 16, 20, 24, 32, 40, 48)
_FAINT = 0.15
_SMALLEST = 64
_READABLE = 0.7
"""Share of a text's pixels that must differ from the ground."""


@dataclass(frozen=True)
class Written:
    """A frame with text: stored values (y, x), the place of the text, and how it was written."""

    frame: NDArray[np.generic]
    text: Box
    kind: str
    size: int


def list_grounds(folders: Sequence[str]) -> list[NDArray[np.generic]]:
    """Give frames without text, (y, x): of the folders named, else of the bundled and sample images."""
    given = [path for folder in folders for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    bundled = [Path(str(get_testdata_file(name))) for name in _BUNDLED]
    frames = []
    for path in given or [*bundled, *sorted(_SAMPLE.rglob("*.dcm"))[::9]]:
        try:
            pixels = pydicom.dcmread(path).pixel_array
        # What cannot be decoded is no ground to write on.
        except Exception:
            continue
        frame = pixels[len(pixels) // 2] if pixels.ndim == 3 else pixels
        if frame.ndim == 2 and min(frame.shape) >= _SMALLEST and frame.min() < frame.max():
            frames.append(frame)
    return frames


def write_texts(grounds: Sequence[NDArray[np.generic]], count: int, seed: int) -> Iterator[Written]:
    """Yield frames with a text each."""
    chance = np.random.default_rng(seed)
    fonts = [name for name in _FONTS if _load(name, 12) is not None]
    while count:
        ground = grounds[int(chance.integers(len(grounds)))]
        size, text = int(chance.choice(_SIZES)), str(chance.choice(_WORDS))
        name = str(chance.choice(["", *fonts]))
        font = (_load(name, size) if name else None) or ImageFont.load_default(size)
        while font.getlength(text) > ground.shape[1] - 8 and len(text) > 4:
            text = text[:-1]
        rows, columns = size, int(font.getlength(text))
        if rows + 4 > ground.shape[0] or columns + 4 > ground.shape[1]:
            continue
        top = int(chance.integers(0, ground.shape[0] - rows - 2))
        left = int(chance.integers(2, max(3, ground.shape[1] - columns - 2)))
        kind = str(chance.choice(["white", "black", "faint", "inverted"]))
        mask = Image.new("L", ground.shape[::-1])
        ImageDraw.Draw(mask).text((left, top), text, fill=255, font=font)
        share = np.asarray(mask, np.float32) / 255
        frame = _blend(ground, share, kind)
        plain = _blend(ground, np.zeros_like(share), kind)
        # What whole numbers or an equal ground swallow is no text: a faint one on a map of two labels leaves nothing.
        if (frame != plain)[share > 0.5].mean() > _READABLE:
            yield Written(frame, Box(top, left, rows, columns), kind, size)
            count -= 1


def _load(name: str, size: int) -> ImageFont.FreeTypeFont | None:
    try:
        return ImageFont.truetype(f"{name}.ttf", size)
    except OSError:
        return None


def _blend(ground: NDArray[np.generic], share: NDArray[np.float32], kind: str) -> NDArray[np.generic]:
    values = ground.astype(np.float32)
    low, high = (float(bound) for bound in np.percentile(values, (1, 99)))
    inked = values[share > 0.5]
    under = float(np.median(inked)) if inked.size else low
    grey = float(values.max())
    if kind == "black" and under - float(values.min()) > (high - low) * _FAINT:
        grey = float(values.min())
    elif kind == "faint":
        grey = under + (high - low) * (_FAINT if under < (low + high) / 2 else -_FAINT)
    drawn = values * (1 - share) + grey * share
    if kind == "inverted":
        drawn = float(values.max()) + float(values.min()) - drawn
    return drawn.astype(ground.dtype)


def main(arguments: Sequence[str]) -> None:
    numbers = [int(argument) for argument in arguments if argument.isdigit()]
    count, seed = (numbers + [150, 1][len(numbers) :])[:2]
    grounds = list_grounds([argument for argument in arguments if not argument.isdigit()])
    detector = load_detector()
    if detector is None:
        raise SystemExit("no text detector is installed (extra `text`)")
    before = time.process_time()
    held = sum(shows_text(ground, detector) for ground in grounds)
    clean = time.process_time() - before
    overlooked = [text for text in write_texts(grounds, count, seed) if not shows_text(text.frame, detector)]
    told = {
        "texts": count,
        "overlooked": len(overlooked),
        "by kind": Counter(text.kind for text in overlooked),
        "by size": Counter(text.size for text in overlooked),
        "frames without text": len(grounds),
        "of them held": held,
        "milliseconds for each": round(1000 * clean / len(grounds), 1),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
