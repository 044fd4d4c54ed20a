"""Networks fit the patches they are asked for."""

from __future__ import annotations

import pytest
import torch

from imaging.contracts import NetworkRequest
from imaging.domain.job import Device, Task
from imaging.errors import InvalidInputError
from pipelines.networks import build_network, choose_device, describe_network
from pipelines.plan import median_spacing, orientation_of, plan_patch


@pytest.mark.parametrize(
    ("patch", "spacing"),
    [
        ((16, 32, 32), (5.5, 3.2, 3.2)),
        ((8, 64, 64), (6.5, 0.7, 0.7)),
        ((1, 64, 48), (1.0, 0.5, 0.5)),
        ((5, 24, 24), (4.0, 3.0, 3.0)),
        ((24, 24, 24), (1.0, 1.0, 1.0)),
    ],
)
def test_a_segmentation_network_answers_voxel_by_voxel(
    patch: tuple[int, int, int], spacing: tuple[float, float, float]
) -> None:
    request = NetworkRequest(Task.SEGMENTATION, 3, 2, 3, patch, spacing, filters=(4, 8, 8, 8))
    network = build_network(describe_network(request)).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 2, *patch)).shape == (1, 3, *patch)


def test_thick_slices_are_not_halved_before_the_fine_axes_have_caught_up() -> None:
    request = NetworkRequest(Task.SEGMENTATION, 3, 1, 2, (16, 64, 64), (6.0, 1.5, 1.5), filters=(4, 8, 8, 8))
    described = describe_network(request)
    assert described["strides"] == [[1, 1, 1], [1, 2, 2], [1, 2, 2], [2, 2, 2]]
    assert described["kernel_size"] == [[1, 3, 3], [1, 3, 3], [3, 3, 3], [3, 3, 3]]


@pytest.mark.parametrize("patch", [(64, 64), (28, 40), (16, 32, 32), (8, 8)])
def test_a_classification_network_answers_per_image(patch: tuple[int, ...]) -> None:
    request = NetworkRequest(Task.CLASSIFICATION, len(patch), 1, 6, patch, filters=(4, 4))
    network = build_network(describe_network(request)).eval()
    with torch.inference_mode():
        assert network(torch.zeros(2, 1, *patch)).shape == (2, 6)


def test_an_unknown_network_and_one_for_another_task_are_refused() -> None:
    for name in ("absent", "densenet"):
        request = NetworkRequest(Task.SEGMENTATION, 3, 1, 2, (8, 8, 8))
        with pytest.raises(InvalidInputError, match="no network of this name"):
            describe_network(request, name)


@pytest.mark.parametrize("target", ["os.system", "builtins.eval", "torch.nn.Linear", "monai.networks.netsx.A"])
def test_a_description_may_only_name_monai_networks(target: str) -> None:
    with pytest.raises(InvalidInputError, match=r"monai\.networks\.nets"):
        build_network({"_target_": target, "command": "true"})


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_is_refused_where_there_is_none() -> None:
    with pytest.raises(InvalidInputError, match="no CUDA device"):
        choose_device(Device.CUDA)
    assert choose_device(Device.AUTO).type == choose_device(Device.CPU).type == "cpu"


def test_patches_are_cubes_in_millimetres_within_the_images() -> None:
    assert plan_patch([(32, 96, 96)], (5.5, 3.2, 3.2), 33_000) == (16, 32, 32)
    assert plan_patch([(36, 50, 35)], (1.0, 1.0, 1.0), 33_000) == (32, 32, 32)
    assert plan_patch([(25, 320, 260)], (6.5, 0.7, 0.7), 33_000) == (8, 64, 64)
    assert plan_patch([(1, 200, 300)], (1.0, 0.7, 0.7), 33_000) == (1, 176, 176)
    assert plan_patch([(32, 96, 96)], (5.5, 3.2, 3.2), 96**3) == (32, 96, 96)


def test_orientation_names_the_sides_that_the_axes_run_to() -> None:
    axial = ((0, 0, 1, 0), (0, 1, 0, 0), (1, 0, 0, 0), (0, 0, 0, 1))
    assert orientation_of(axial) == "SPL"
    sagittal = ((-5.5, 0, 0, 0), (0, 0, 2, 0), (0, -2, 0, 0), (0, 0, 0, 1))
    assert orientation_of(sagittal) == "RIP"
    assert median_spacing([(5.0, 3.0, 3.0), (6.0, 3.5, 3.5), (5.5, 3.2, 3.2)]) == (5.5, 3.2, 3.2)
