"""Patches come from where the terms are, at one spacing, and the same ones every time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import pipelines.sampling as sampling
from imaging.domain.job import Task
from imaging.project.project import Project
from imaging.pyramid.read import Pyramid
from pipelines.dataset import freeze_dataset, open_sample
from pipelines.sampling import Draw, PatchSource, Volume, prefetch, read_patch, survey_image, vary
from pipelines.voxels import PERCENTILES, ImageVoxels, Intensity, LabelVoxels

FIXED = Intensity(kind="fixed", low=-1000.0, high=1000.0)


@pytest.fixture
def opened(balls_project: Project) -> list[tuple[ImageVoxels, LabelVoxels]]:
    dataset = freeze_dataset(balls_project, Task.SEGMENTATION)
    return [open_sample(balls_project, dataset, one) for one in dataset.samples]


def volume_of(image: ImageVoxels, labels: LabelVoxels) -> Volume:
    return Volume(image, labels, survey_image(image, labels, 1, seed=0), FIXED)


def draw(**changes: object) -> Draw:
    facts: dict = {"patch": (8, 8, 8), "spacing": (2.0, 1.0, 1.0), "foreground": 1.0, "flips": (), "seed": 4}
    return Draw(**facts | changes)


def test_a_survey_finds_the_same_places_however_an_image_is_cut(
    opened: list[tuple[ImageVoxels, LabelVoxels]], monkeypatch: pytest.MonkeyPatch
) -> None:
    image, labels = opened[0]
    whole = survey_image(image, labels, 1, seed=0)
    truth = labels.read((0, 10, 0, 24, 0, 24))
    assert {tuple(place) for place in whole.places[0]} == {tuple(place) for place in np.argwhere(truth == 1)}
    monkeypatch.setattr("pipelines.voxels.SLAB_VOXELS", 24 * 24 * 3)
    cut = survey_image(image, labels, 1, seed=0)
    assert {tuple(place) for place in cut.places[0]} == {tuple(place) for place in whole.places[0]}
    assert cut.values.mean() == pytest.approx(100, abs=10)


def test_a_survey_remembers_no_more_places_than_it_may(
    opened: list[tuple[ImageVoxels, LabelVoxels]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "LOCATIONS", 20)
    monkeypatch.setattr("pipelines.voxels.SLAB_VOXELS", 24 * 24 * 2)
    image, labels = opened[0]
    survey = survey_image(image, labels, 1, seed=0)
    assert survey.places[0].shape == (20, 3)
    assert survey.values.shape == (20,)
    read = labels.read((0, 10, 0, 24, 0, 24))
    assert all(read[tuple(place)] == 1 for place in survey.places[0])


def test_foreground_patches_hold_the_term(opened: list[tuple[ImageVoxels, LabelVoxels]]) -> None:
    volumes = [volume_of(*pair) for pair in opened]
    always = PatchSource(volumes, draw())
    assert all(always.patch(0, index)[1].any() for index in range(20))
    never = PatchSource(volumes, draw(foreground=0.0))
    assert not all(never.patch(0, index)[1].any() for index in range(20))


def test_a_patch_depends_on_its_number_alone(opened: list[tuple[ImageVoxels, LabelVoxels]]) -> None:
    source = PatchSource([volume_of(*pair) for pair in opened], draw(foreground=0.5, flips=(0, 1, 2)))

    def make(step: int) -> tuple[np.ndarray, np.ndarray]:
        return source.batch(step, 2)

    one_by_one = list(prefetch(make, 7, threads=0))
    ahead = list(prefetch(make, 7, threads=3))
    assert len(ahead) == 7
    for (values, classes), (others, truths) in zip(one_by_one, ahead, strict=True):
        np.testing.assert_array_equal(values, others)
        np.testing.assert_array_equal(classes, truths)
    assert one_by_one[0][0].shape == (2, 1, 8, 8, 8)
    assert one_by_one[0][1].shape == (2, 1, 8, 8, 8)


def test_a_failing_reader_ends_the_training(opened: list[tuple[ImageVoxels, LabelVoxels]]) -> None:
    def make(step: int) -> tuple[np.ndarray, np.ndarray]:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(prefetch(make, 5, threads=2))


def test_a_patch_over_the_border_repeats_the_border(opened: list[tuple[ImageVoxels, LabelVoxels]]) -> None:
    volume = volume_of(*opened[0])
    values, classes = read_patch(volume, (-2, 0, 20), (8, 8, 8), (8, 8, 8))
    inside = volume.image.normalised((0, 6, 0, 8, 20, 24), FIXED)
    np.testing.assert_array_equal(values[:, 2:, :, :4], inside)
    np.testing.assert_array_equal(values[:, 0, :, :4], inside[:, 0])
    np.testing.assert_array_equal(values[:, 2:, :, 7], inside[:, :, :, -1])
    assert not classes[:2].any()
    assert not classes[:, :, 4:].any()


def test_an_image_of_other_spacing_gives_patches_of_the_same_extent(
    project: Project, add_image: Callable, add_segmentation: Callable
) -> None:
    term = project.ontology.find("nodule")
    half = np.zeros((10, 24, 24), np.uint16)
    half[:, :, 12:] = 1
    image = add_image(half * np.uint16(1000), "S1", spacing=(2.0, 0.5, 0.5))
    add_segmentation(image, half * term.value, [term])
    dataset = freeze_dataset(project, Task.SEGMENTATION)
    volume = volume_of(*open_sample(project, dataset, dataset.samples[0]))
    values, classes = read_patch(volume, (0, 0, 0), (8, 16, 16), (8, 8, 8))
    assert values.shape == (1, 8, 8, 8)
    # 16 voxels of 0.5 mm become 8 of 1 mm: the border at voxel 12 lies at 6.
    assert classes[0, 0].tolist() == [0] * 6 + [1] * 2
    np.testing.assert_allclose(values[0, 0, 0], [-1.0] * 6 + [0.0] * 2, atol=1e-6)


def test_varying_moves_values_and_classes_together() -> None:
    rng = np.random.default_rng(0)
    classes = (rng.random((6, 8, 8)) > 0.5).astype(np.uint8)
    for seed in range(8):
        values, truth = vary(classes[None] * np.float32(2.0), classes, (0, 1, 2), np.random.default_rng(seed))
        np.testing.assert_array_equal(values[0] > 1.0, truth == 1)


def test_percentile_normalisation_forgets_gain_and_offset(project: Project, add_image: Callable) -> None:
    stored = np.random.default_rng(0).integers(100, 900, (6, 12, 12)).astype(np.uint16)
    images = [
        ImageVoxels(Pyramid.open(project.images.path(add_image(values, "S", modality="MR").id)))
        for values in (stored, stored * 3 + 50)
    ]
    box = (0, 6, 0, 12, 0, 12)
    first, second = (image.normalised(box, PERCENTILES) for image in images)
    np.testing.assert_allclose(first, second, atol=1e-4)
    assert abs(float(first.mean())) < 1e-3
    assert float(first.std()) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.int32])
def test_intensities_are_judged_by_every_voxel_of_an_image(
    project: Project, add_image: Callable, monkeypatch: pytest.MonkeyPatch, dtype: type[np.integer]
) -> None:
    # Noise that a coarser level would average away; read in several slabs.
    values = np.random.default_rng(3).gamma(2, 20, (10, 24, 24)).clip(0, 255).astype(dtype)
    monkeypatch.setattr("pipelines.voxels.SLAB_VOXELS", 3 * 24 * 24)
    if np.dtype(dtype).itemsize < 4:
        monkeypatch.setattr("pipelines.voxels.SURVEY_VOXELS", 1000)
    image = ImageVoxels(Pyramid.open(project.images.path(add_image(values, "S", modality="MR").id)))
    real = image.read((0, 10, 0, 24, 0, 24))
    low, high = np.percentile(real, [0.5, 99.5])
    clipped = np.clip(real, low, high)
    expected = (clipped - clipped.mean()) / clipped.std()
    np.testing.assert_allclose(image.normalised((0, 10, 0, 24, 0, 24), PERCENTILES), expected, rtol=1e-4, atol=1e-4)
