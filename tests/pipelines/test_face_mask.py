"""What goes with a face and what stays; and what is no whole head in air is doubted, whatever disguises it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from imaging.testing.head import Head as Phantom
from imaging.testing.head import HeadPlan, build_head
from imaging.testing.shapes import Grid, ellipsoid
from pipelines.face_mask import CoarseVolume, find_doubt, find_face, find_head, is_plausible

PLAN = HeadPlan(seed=1, shape=(56, 96, 80), spacing=(3.4, 2.6, 2.6), face=True)
GRID = Grid(PLAN.shape, PLAN.spacing)
AXIAL = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
"""Steps along (z, y, x) of an axial volume, each of length 1, as columns (x, y, z) LPS."""

Change = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def look(phantom: Phantom, *, turned: NDArray[np.float64] | None = None, hounsfield: bool = False) -> CoarseVolume:
    values = phantom.signal.astype(np.float32)
    if hounsfield:
        body = (ellipsoid(GRID, (-6.0, 0.0, 0.0), PLAN.skull) <= 0) | phantom.feature_mask
        values = np.where(body, values, -1000).astype(np.float32)
    axes = AXIAL if turned is None else turned @ AXIAL
    return CoarseVolume(values, axes * np.asarray(PLAN.spacing), hounsfield)


def tilt(degrees: float) -> NDArray[np.float64]:
    angle = np.deg2rad(degrees)
    return np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])


def standing_out(phantom: Phantom) -> NDArray[np.bool_]:
    """What protrudes by more than a voxel, which measures 2.6 to 3.4 mm."""
    return np.asarray(phantom.feature_mask & (ellipsoid(GRID, (-6.0, 0.0, 0.0), PLAN.skull) > 3.4))


def upper_brain(phantom: Phantom) -> NDArray[np.bool_]:
    """The brain where people have one: 95 mm below the crown theirs ends in front, the phantom's goes on."""
    up, _, _ = GRID.axes
    return np.asarray(phantom.brain_mask & (up > -9))


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return build_head(PLAN)


@pytest.mark.parametrize("degrees", [-15, 0, 15])
@pytest.mark.parametrize("hounsfield", [False, True])
def test_what_protrudes_goes_and_the_brain_stays(phantom: Phantom, degrees: int, hounsfield: bool) -> None:
    volume = look(phantom, turned=tilt(degrees), hounsfield=hounsfield)
    head = find_head(volume)
    face = find_face(head.mask, volume)
    assert find_doubt(head, volume) == ""
    assert is_plausible(face, head.mask)
    assert np.count_nonzero(standing_out(phantom)) > 500
    assert not (standing_out(phantom) & ~face).any()
    assert not (face & upper_brain(phantom)).any()


def test_the_front_skin_goes_to_a_depth_and_the_back_stays(phantom: Phantom) -> None:
    volume = look(phantom)
    inside = find_head(volume).mask
    face = find_face(inside, volume)
    middle = PLAN.shape[2] // 2
    for plane in (24, 32, 40):
        column = np.flatnonzero(inside[plane, :, middle])
        assert face[plane, column[0] : column[0] + 2, middle].all()
        assert not face[plane, column[-1] - 10 : column[-1] + 1, middle].any()


@pytest.mark.parametrize(("order", "flipped"), [((0, 1, 2), (0,)), ((2, 0, 1), ()), ((1, 2, 0), (0, 1, 2))])
def test_the_direction_of_the_planes_makes_no_difference(
    phantom: Phantom, order: tuple[int, ...], flipped: tuple[int, ...]
) -> None:
    straight = look(phantom)
    expected = find_face(find_head(straight).mask, straight)
    signs = np.array([-1.0 if axis in flipped else 1.0 for axis in range(3)])
    turned = CoarseVolume(
        np.flip(straight.values.transpose(order), flipped), straight.step_vectors[:, order] * signs, hounsfield=False
    )
    found = find_face(find_head(turned).mask, turned)
    # Distances that are equal may be rounded otherwise.
    assert np.count_nonzero(found != np.flip(expected.transpose(order), flipped)) < 0.001 * found.size


@pytest.mark.parametrize("noise", [40, 80, 100, 124, 200])
def test_under_noise_the_features_go_or_the_head_is_doubted(noise: float) -> None:
    phantom = build_head(dataclasses.replace(PLAN, noise=noise))
    volume = look(phantom)
    head = find_head(volume)
    if not find_doubt(head, volume):
        face = find_face(head.mask, volume)
        left = np.count_nonzero(standing_out(phantom) & ~face)
        assert left <= 0.01 * np.count_nonzero(standing_out(phantom))
        assert not (face & upper_brain(phantom)).any()


def noise_for_air(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """As in a ratio of two images: where there is no signal, any value may stand."""
    chance = np.random.default_rng(1).uniform(0, 800, values.shape)
    return np.where(values < 60, chance, values).astype(np.float32)


def without_crown(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values[:34]


def close_up(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values[20:40, :40, 25:55]


def nothing(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.zeros_like(values)


def skin_alone(values: NDArray[np.float32]) -> NDArray[np.float32]:
    body = ndimage.binary_fill_holes(values > 200)
    return np.where(ndimage.binary_erosion(body, iterations=3), 0, values).astype(np.float32)


def shoulders(values: NDArray[np.float32]) -> NDArray[np.float32]:
    wide = np.pad(values, ((0, 0), (0, 0), (40, 40)))
    wide[:10, 30:70] = 500
    return wide


@pytest.mark.parametrize("disguise", [noise_for_air, without_crown, close_up, nothing, skin_alone, shoulders])
def test_what_is_no_whole_head_in_air_is_doubted(phantom: Phantom, disguise: Change) -> None:
    straight = look(phantom)
    volume = dataclasses.replace(straight, values=disguise(straight.values))
    assert find_doubt(find_head(volume), volume) != ""


@pytest.mark.parametrize("hounsfield", [False, True])
def test_a_thin_mask_before_the_face_does_not_save_it(phantom: Phantom, hounsfield: bool) -> None:
    volume = look(phantom, hounsfield=hounsfield)
    distance = ellipsoid(GRID, (-6.0, 0.0, 0.0), PLAN.skull)
    _, y, _ = GRID.axes
    shell = (distance > 20) & (distance < 23) & (y < 0)
    covered = dataclasses.replace(volume, values=np.where(shell, 500, volume.values).astype(np.float32))
    head = find_head(covered)
    face = find_face(head.mask, covered)
    assert find_doubt(head, covered) or not (standing_out(phantom) & ~face).any()
