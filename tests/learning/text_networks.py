"""Learns the two networks of `plugins.text`: `python -m tests.learning.text_networks look|confirm OUT.onnx [STEPS]`.

It makes its own frames as it goes, needs nothing but the test environment and the package onnx, and takes hours on one
processor. What is learned is an average of the weights on the way; the network that looks at every frame learns from
the ratings of a wider one, too. The shipped weights were learned in stages as the frames became more (decision 009).
`tests/benchmarks/burned_in.py` judges it on frames that are made by other code, with some of the same fonts, and on
real images.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tests.learning.grounds import SIDE
from tests.learning.written_frames import CELL, UNSURE, make_frame


@dataclass(frozen=True)
class Widths:
    """Channels of each resolution, from fine to wide, and the side of the layer that joins strokes."""

    fine: int
    middle: int
    coarse: int
    wide: int
    joined: int = 3


NETWORKS = {
    "look": Widths(16, 16, 48, 64, joined=1),
    "wide look": Widths(16, 32, 64, 64),
    "confirm": Widths(32, 64, 128, 128),
}
_RATES = {"look": 8e-3, "wide look": 5e-3, "confirm": 4e-3}
_RIM = 2
_BATCH, _POOL, _CHUNK = 32, 24_000, 500
_KEPT = 0.996
_ENLARGED_FROM = (168, 168, 168, 128, 88)
"""Sides of the parts that are enlarged to a whole frame for the network that looks closely: by 1.5, 2 or 2.9."""


class TextCells(nn.Module):
    """Rates each cell of 8 × 8 pixels.

    The first layer has no constant part and is divided by its own strength around each place, so that the answer
    depends neither on the level of a frame nor on its contrast.
    """

    def __init__(self, widths: Widths) -> None:
        super().__init__()
        fine, middle, coarse, wide = widths.fine, widths.middle, widths.coarse, widths.wide
        self.strokes = nn.Conv2d(1, fine, 8, stride=4, bias=False)
        nn.init.normal_(self.strokes.weight, 0, 0.15)
        self.join = _layer(fine, fine, side=widths.joined)
        self.down = _layer(fine, middle, stride=2)
        self.letters = _layer(middle, middle)
        self.lines_down, self.lines = _layer(middle, coarse, stride=2), _layer(coarse, coarse)
        self.wide_down, self.wide = _layer(coarse, wide, stride=2), _layer(wide, wide)
        self.wide_up, self.lines_up = _layer(wide, coarse, side=1), _layer(coarse, middle, side=1)
        self.mix, self.rate = _layer(middle, middle, side=1), nn.Conv2d(middle, 1, 1)

    def forward(self, frame: Tensor) -> Tensor:
        """Give the log-odds of text, (n, 1, y / 8, x / 8), of frames (n, 1, y + 4, x + 4); y, x multiples of 32."""
        kernel = self.strokes.weight - self.strokes.weight.mean((2, 3), keepdim=True)
        found = functional.conv2d(frame, kernel, stride=4)
        # A product is what the runtime does fastest; it is the mean over channels.
        mean = torch.full((1, 1, found.shape[1]), 1 / found.shape[1]) @ found.abs().flatten(2)
        around = functional.avg_pool2d(mean.unflatten(2, found.shape[2:]), 5, 1, 2, count_include_pad=False)
        fine = functional.relu(self.down(functional.relu(self.join(torch.clamp(found / (around + 1e-5), -6, 6)))))
        fine = functional.relu(self.letters(fine) + fine)
        lines = functional.relu(self.lines_down(fine))
        lines = functional.relu(self.lines(lines) + lines)
        wide = functional.relu(self.wide_down(lines))
        wide = functional.relu(self.wide(wide) + wide)
        lines = functional.relu(lines + functional.interpolate(self.wide_up(wide), scale_factor=2.0))
        fine = functional.relu(fine + functional.interpolate(self.lines_up(lines), scale_factor=2.0))
        return self.rate(functional.relu(self.mix(fine)))


def _layer(before: int, after: int, *, side: int = 3, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, side, stride=stride, padding=side // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after))


def make_frames(seed: int, count: int) -> tuple[NDArray[np.float16], NDArray[np.uint8]]:
    """Give frames (n, 256, 256) and their cells (n, 32, 32)."""
    chance = np.random.default_rng(seed)
    made = [make_frame(chance) for _ in range(count)]
    return np.stack([frame for frame, _ in made]), np.stack([cells for _, cells in made])


def draw_batches(frames: NDArray[np.float16], cells: NDArray[np.uint8], seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield frames (n, 1, y, x) and their cells without end, in either polarity and of any contrast."""
    chance = np.random.default_rng(seed)
    while True:
        chosen = np.sort(chance.integers(0, len(frames), _BATCH))
        sign = chance.choice([-1, 1], (_BATCH, 1, 1)) * np.exp(chance.uniform(-2, 0, (_BATCH, 1, 1)))
        shown = (frames[chosen] * sign).astype(np.float32)
        yield torch.from_numpy(shown)[:, None], torch.from_numpy(cells[chosen]).float()[:, None]


def crop(shown: Tensor, wanted: Tensor, chance: np.random.Generator, *, closely: bool) -> tuple[Tensor, Tensor]:
    """Cut small frames out of a share of the batches; enlarge most for the network that looks closely."""
    side = int(chance.choice([SIDE, SIDE, SIDE, SIDE, 64, 128]))
    enlarge = closely and side == SIDE and chance.random() < 0.85
    side = int(chance.choice(_ENLARGED_FROM)) if enlarge else side
    top, left = (int(value) * CELL for value in chance.integers(0, (SIDE - side) // CELL + 1, 2))
    shown = shown[..., top : top + side, left : left + side]
    wanted = wanted[..., top // CELL : (top + side) // CELL, left // CELL : (left + side) // CELL]
    if enlarge:
        shown = functional.interpolate(shown, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        wanted = functional.interpolate(wanted, size=(SIDE // CELL, SIDE // CELL), mode="nearest-exact")
    return functional.pad(shown, (_RIM, _RIM, _RIM, _RIM), mode="replicate"), wanted


def measure_loss(rated: Tensor, wanted: Tensor) -> Tensor:
    """Weigh cells by how wrong they are (focal loss, arXiv:1708.02002); cells that nobody can tell do not count."""
    known = (wanted != UNSURE).float()
    cross = functional.binary_cross_entropy_with_logits(rated, wanted * known, reduction="none")
    return ((1 - torch.exp(-cross)) * cross * known).sum() / (0.15 * known.sum())


def follow(rated: Tensor, told: Tensor) -> Tensor:
    """Weigh how far ratings are from a teacher's, foremost where it is unsure or sees text (arXiv:1503.02531)."""
    weights = 0.15 + torch.sigmoid(told + 1.5)
    far = functional.smooth_l1_loss(rated.clamp(-8, 8), told.clamp(-7, 7), reduction="none")
    return (weights * far).sum() / weights.sum()


def learn(
    name: str,
    frames: NDArray[np.float16],
    cells: NDArray[np.uint8],
    steps: int,
    seed: int = 0,
    teacher: TextCells | None = None,
) -> TextCells:
    """Learn one network, from a teacher too where there is one, and give it with averaged weights."""
    torch.manual_seed(seed)
    network, averaged = TextCells(NETWORKS[name]), TextCells(NETWORKS[name])
    if teacher is not None:
        network.strokes.load_state_dict(teacher.strokes.state_dict())
    averaged.load_state_dict(network.state_dict())
    chance = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(network.parameters(), lr=_RATES[name], weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATES[name], total_steps=steps, pct_start=0.05)
    for step, batch in zip(range(steps), draw_batches(frames, cells, seed), strict=False):
        shown, wanted = crop(*batch, chance, closely=name == "confirm")
        rated = network(shown)
        loss = measure_loss(rated, wanted)
        if teacher is not None:
            with torch.no_grad():
                told = teacher(shown)
            loss = loss + 0.5 * follow(rated, told)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        _average(averaged, network, _KEPT if step > 300 else 0.95)
        if step % 100 == 99:
            sys.stdout.write(f"{step + 1} of {steps}: loss {loss.item():.3f}\n")
    return averaged.eval()


def _average(averaged: TextCells, network: TextCells, kept: float) -> None:
    current: OrderedDict[str, Tensor] = network.state_dict()
    with torch.no_grad():
        for key, value in averaged.state_dict().items():
            if value.dtype.is_floating_point:
                value.lerp_(current[key], 1 - kept)
            else:
                value.copy_(current[key])


def export(network: TextCells, path: Path) -> None:
    """Write a network for ONNX Runtime; frames of any size go in."""
    side = SIDE + 2 * _RIM
    torch.onnx.export(
        network,
        (torch.zeros(1, 1, side, side),),
        str(path),
        dynamo=False,
        input_names=["frame"],
        output_names=["text"],
        dynamic_axes={"frame": {2: "y", 3: "x"}, "text": {2: "y", 3: "x"}},
        opset_version=17,
    )


def main(arguments: Sequence[str]) -> None:
    name, path = arguments[0], Path(arguments[1])
    steps = int(arguments[2]) if len(arguments) > 2 else 10_000
    with ProcessPoolExecutor() as workers:
        made = list(workers.map(make_frames, range(_POOL // _CHUNK), [_CHUNK] * (_POOL // _CHUNK)))
    frames, cells = (np.concatenate(parts) for parts in zip(*made, strict=True))
    teacher = learn("wide look", frames, cells, steps) if name == "look" else None
    export(learn(name, frames, cells, steps, teacher=teacher), path)


if __name__ == "__main__":
    main(sys.argv[1:])
