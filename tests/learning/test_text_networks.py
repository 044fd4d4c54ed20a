"""What the networks that screen for text learn from, and that they can be learned anew."""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip("cv2", reason="OpenCV needs a display library that this machine lacks", exc_type=ImportError)

from plugins.text.screening import CELL as CELL_OF_THE_PRODUCT
from plugins.text.sessions import open_network
from tests.learning.grounds import SIDE, make_ground
from tests.learning.text_networks import NETWORKS, TextCells, learn, make_frames
from tests.learning.written_frames import CELL, TEXT, UNSURE


def test_frames_are_made_the_same_again_and_many_show_text() -> None:
    frames, cells = make_frames(5, 24)
    again, _ = make_frames(5, 24)

    assert np.array_equal(frames, again)
    assert frames.min() >= 0
    assert frames.max() <= 1.001
    assert set(np.unique(cells)) == {0, TEXT, UNSURE}
    assert 6 < (cells == TEXT).any((1, 2)).sum() < 22


def test_grounds_are_finite_and_differ() -> None:
    chance = np.random.default_rng(1)
    grounds = [make_ground(chance) for _ in range(20)]

    assert all(ground.shape == (SIDE, SIDE) and np.isfinite(ground).all() for ground in grounds)
    assert len({float(ground.mean()) + float(ground.std()) for ground in grounds}) > 15


@pytest.mark.parametrize("name", ["look", "confirm"])
def test_a_network_learns_and_fits_the_one_that_is_shipped(name: str) -> None:
    frames, cells = make_frames(7, 32)
    torch.manual_seed(0)

    teacher = learn("wide look", frames, cells, 1) if name == "look" else None
    network = learn(name, frames, cells, 2, teacher=teacher)

    shipped = open_network(f"{name}.onnx")
    frame = np.random.default_rng(0).random((1, 1, 68, 100), np.float32)
    with torch.no_grad():
        rated = network(torch.from_numpy(frame))
    assert rated.shape == (1, 1, 8, 12)
    assert shipped.run(None, {"frame": frame})[0].shape == rated.shape
    assert CELL == CELL_OF_THE_PRODUCT


def test_neither_level_nor_contrast_changes_what_a_network_says() -> None:
    torch.manual_seed(1)
    network = TextCells(NETWORKS["look"]).eval()
    frame = torch.rand(1, 1, 68, 68)
    with torch.no_grad():
        assert torch.allclose(network(frame), network(frame * 0.2 + 0.7), atol=1e-2)
