"""A sliding window gives every voxel exactly one answer, whatever the size of the image."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.inferers.utils import sliding_window_inference

from pipelines.voxels import Intensity, Values, scale
from pipelines.windows import Windows, predict_classes

AS_IS = Intensity(kind="fixed", low=-1.0, high=1.0)


class Array:
    """An image in memory with the reading methods of a stored one."""

    channels = 1
    modality = "CT"

    def __init__(self, values: np.ndarray, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> None:
        self.values = values
        self.shape = values.shape
        self.spacing = spacing

    def normalised(self, box: tuple[int, ...], intensity: Intensity) -> Values:
        z0, z1, y0, y1, x0, x1 = box
        return scale(self.values[None, z0:z1, y0:y1, x0:x1], intensity)


def sign(values: Values) -> torch.Tensor:
    """A network whose answer for a voxel is the voxel: class 1 where it is positive."""
    sent = torch.from_numpy(values)
    return torch.cat([-sent, sent], dim=1)


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(1, 14), st.integers(1, 20), st.integers(1, 20)),
    st.tuples(st.integers(1, 6), st.integers(1, 8), st.integers(1, 8)),
    st.sampled_from([0.0, 0.25, 0.5]),
    st.integers(0, 1000),
)
def test_every_voxel_is_answered_from_its_own_value(
    shape: tuple[int, int, int], patch: tuple[int, int, int], overlap: float, seed: int
) -> None:
    values = np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)
    windows = Windows(Array(values), patch, (1.0, 1.0, 1.0), overlap)
    found = np.concatenate(list(predict_classes(windows, AS_IS, sign, classes=2, batch=3)))
    np.testing.assert_array_equal(found, values > 0)


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(1, 14), st.integers(1, 20), st.integers(1, 20)),
    st.tuples(st.integers(2, 6), st.integers(2, 8), st.integers(2, 8)),
    st.sampled_from([0.0, 0.25, 0.5, 0.6]),
    st.integers(0, 1000),
)
def test_the_windows_lie_where_those_of_a_bundle_under_stock_monai_do(
    shape: tuple[int, int, int], patch: tuple[int, int, int], overlap: float, seed: int
) -> None:
    torch.manual_seed(seed)
    values = np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)
    # Its answer depends on where the border of the window is, as that of every network that pads.
    network = torch.nn.Conv3d(1, 3, 5, padding=2)

    def forward(sent: Values) -> torch.Tensor:
        with torch.inference_mode():
            return network(torch.from_numpy(sent))

    found = np.concatenate(
        list(predict_classes(Windows(Array(values), patch, (1.0,) * 3, overlap), AS_IS, forward, classes=3, batch=3))
    )
    with torch.inference_mode():
        stock = sliding_window_inference(
            torch.from_numpy(values)[None, None],
            patch,
            3,
            network,
            overlap,
            mode="gaussian",
            padding_mode="replicate",
        )
    # Sums in another order may tip a voxel whose two best classes are equal to the last bits.
    best, second = stock[0].topk(2, dim=0).values
    told = (best - second > 1e-5).numpy()
    np.testing.assert_array_equal(found[told], stock[0].argmax(0).numpy()[told])


def test_an_image_of_finer_spacing_is_seen_at_the_spacing_of_training() -> None:
    values = np.full((8, 16, 16), -1.0, np.float32)
    values[:, :, 8:] = 1.0
    windows = Windows(Array(values, (1.0, 0.5, 0.5)), (4, 4, 4), (1.0, 1.0, 1.0), 0.25)
    assert windows.size == (4, 8, 8)
    found = np.concatenate(list(predict_classes(windows, AS_IS, sign, classes=2, batch=2)))
    assert found.shape == values.shape
    np.testing.assert_array_equal(found, values > 0)


def test_finished_planes_leave_before_the_last_window_is_read() -> None:
    array = Array(np.ones((40, 8, 8), np.float32))
    seen: list[int] = []

    def forward(values: Values) -> torch.Tensor:
        seen.append(len(values))
        return sign(values)

    pieces = predict_classes(Windows(array, (4, 8, 8), (1.0, 1.0, 1.0), 0.0), AS_IS, forward, classes=2, batch=1)
    assert next(pieces).shape == (4, 8, 8)
    assert len(seen) == 1
