"""A training ends in a registered, judged, loadable model; a prediction in the model's layer."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch

from imaging.domain.annotation import LayerKind
from imaging.domain.base import ModelKey
from imaging.domain.job import Device, PredictWork, Split, Task, TrainWork
from imaging.domain.people import Role
from imaging.errors import ForbiddenError, InvalidInputError
from imaging.project.project import Project
from imaging.pyramid.labels import SegmentationReader
from imaging.pyramid.read import Pyramid
from imaging.workspace import Workspace
from pipelines.predict import predict
from pipelines.registry import open_model
from pipelines.train import TrainResult, train
from tests.pipelines.learning.conftest import QUICK, make_balls


def silent(percent: int, message: str) -> None:
    assert 0 <= percent <= 100


def train_quickly(project: Project, split: Split = Split.SUBJECT, **changes: object) -> TrainResult:
    work = TrainWork(task=Task.SEGMENTATION, device=Device.CPU, split=split, config=QUICK | changes)
    return train(project, work, silent)


def weights(project: Project, key: ModelKey) -> dict[str, torch.Tensor]:
    return torch.load(project.models.folder(key) / "models/model.pt", weights_only=True)


def test_a_model_finds_balls_among_rods_on_a_subject_it_never_saw(balls_project: Project) -> None:
    made = train_quickly(balls_project)
    (subject,) = made.metrics["subjects"]
    assert made.metrics["dice"] == subject["dice"] >= 0.75
    assert made.metrics["threshold_dice"] <= 0.75 * made.metrics["dice"] + 0.25
    dataset = json.loads((balls_project.models.folder(made.model) / "configs/dataset.json").read_text())
    seen = {one["subject"] for one in dataset["samples"] if one["part"] == "train"}
    assert len(seen) == 4
    assert subject["subject"] not in seen


def test_equal_data_settings_and_seed_give_equal_weights(balls_project: Project) -> None:
    first, second = (train_quickly(balls_project, steps=6) for _ in range(2))
    other = train_quickly(balls_project, steps=6, seed=4)
    models = [balls_project.models.get(one.model) for one in (first, second, other)]
    assert models[0].sha256 == models[1].sha256 != models[2].sha256
    assert [model.version for model in models] == ["1", "2", "3"]


def test_a_retry_after_the_model_was_registered_makes_no_second_version(
    workspace: Workspace, balls_project: Project
) -> None:
    work = TrainWork(task=Task.SEGMENTATION, device=Device.CPU, config=QUICK | {"steps": 2})
    job = balls_project.jobs.begin(work, "worker", 60)
    worker = workspace.open(balls_project.record.id, balls_project.member.user.id, job=job.id)
    first = train(worker, work, silent)
    assert train(worker, work, silent) == first
    assert len(balls_project.models.list()) == 1
    assert train(balls_project, work, silent).version == "2"


def test_the_bundle_is_complete_and_its_card_tells_the_facts(balls_project: Project) -> None:
    made = train_quickly(balls_project, steps=4, name="balls")
    model, plan, network = open_model(balls_project, made.model)
    folder = balls_project.models.folder(made.model)
    assert (folder / "configs/metadata.json").is_file()
    assert model.bundle == made.bundle == f"models/{made.model}"
    assert all(
        torch.equal(weights(balls_project, made.model)[name], value) for name, value in network.state_dict().items()
    )
    card = (folder / "docs/README.md").read_text()
    assert "For research use only, not for diagnosis" in card
    for fact in (model.card["data"]["sha256"], model.card["code"]["sha256"], model.card["environment"]["torch"]):
        assert fact in card
    assert model.card["data"]["training_subjects"] == 4
    assert (model.card["settings"]["held_out"], model.card["settings"]["overlap"]) == (0.2, 0.25)
    assert model.card["settings"]["filters"] == [6, 12]
    assert plan.classes[0].name == "nodule"
    assert [path for name in (".working", "models/.staging") for path in (balls_project.folder / name).iterdir()] == []


def test_images_without_the_term_are_learned_from_judged_and_told(
    balls_project: Project, add_image: Callable, add_segmentation: Callable
) -> None:
    term = balls_project.ontology.find("nodule")
    for number in range(5, 10):
        stored = np.full((10, 24, 24), 200, np.uint16)
        stored[0, 0, number] += 1
        add_segmentation(add_image(stored, f"SUBJECT{number}"), np.zeros_like(stored), [term])
    add_image(np.full((4, 8, 8), 1, np.uint16), "SUBJECT10")
    made = train_quickly(balls_project, steps=4)
    dataset = json.loads((balls_project.models.folder(made.model) / "configs/dataset.json").read_text())
    told = {"images_without_anything_to_learn_from": 1}
    assert made.left_out == dataset["left_out"] == told
    assert [sample["empty"] for sample in dataset["samples"]].count(True) == 5
    assert made.metrics["empty_references"]["count"] == 1
    card = balls_project.models.get(made.model).card
    assert card["data"]["left_out"] == told
    assert card["data"]["images_without_any_term"] == 5
    page = (balls_project.models.folder(made.model) / "docs/README.md").read_text()
    assert "- left out: images without anything to learn from 1" in page
    assert "- images without any term: 5" in page


def test_the_card_says_how_many_images_name_no_person(balls_project: Project, caplog: pytest.LogCaptureFixture) -> None:
    made = train_quickly(balls_project, steps=2)
    card = balls_project.models.get(made.model).card
    assert (made.reviewed, made.unnamed) == (True, 5)
    assert card["data"]["images_that_name_no_person"] == 5
    assert card["accuracy_claim"].endswith("5 images are from files that name no person, and each counts as one person")
    assert "images from files that name no person: 5, each counts as one person" in caplog.text


def test_without_a_split_nothing_is_claimed(balls_project: Project, caplog: pytest.LogCaptureFixture) -> None:
    intensity = {"MR": {"kind": "fixed", "low": 0, "high": 1000}}
    made = train_quickly(balls_project, Split.NONE, steps=3, preprocessing={"intensity": intensity})
    model = balls_project.models.get(made.model)
    assert "no image of the dataset has the modality of the recipe's intensity of MR" in caplog.text
    assert model.card["data"]["modalities"] == ["CT"]
    assert made.metrics == {}
    assert model.card["accuracy_claim"].startswith("none")
    assert "held_out" not in model.card["settings"]
    assert model.card["data"]["training_subjects"] == 5


def test_two_subjects_are_too_few_to_judge(project: Project, add_image: Callable, add_segmentation: Callable) -> None:
    term = project.ontology.find("nodule")
    for number in range(2):
        stored = np.full((4, 8, 8), 100 + number, np.uint16)
        mask = np.zeros_like(stored)
        mask[number] = term.value
        add_segmentation(add_image(stored, f"S{number}"), mask, [term])
    with pytest.raises(InvalidInputError, match="something to learn from of 2"):
        train_quickly(project)
    assert project.models.list() == []


@pytest.mark.parametrize("patch", [[999, 999, 999], [8, 16, 40], [40, 16, 16]])
def test_a_patch_larger_than_every_image_is_refused(balls_project: Project, patch: list[int]) -> None:
    with pytest.raises(InvalidInputError, match=r"larger than every image.* 10 × 24 × 24 voxels") as refused:
        train_quickly(balls_project, steps=1, patch=patch)
    assert "\n" not in str(refused.value)
    assert balls_project.models.list() == []


def test_a_patch_may_be_an_image_and_its_border_up_to_what_networks_halve(balls_project: Project) -> None:
    assert train_quickly(balls_project, Split.NONE, steps=1, patch=[16, 32, 32]).model


def test_a_reader_may_not_train(balls_project: Project, workspace: Workspace) -> None:
    user, _ = workspace.accounts.add("reader")
    balls_project.members.add(user.id, {Role.READER})
    theirs = workspace.open(balls_project.record.id, user.id)
    with pytest.raises(ForbiddenError):
        train_quickly(theirs)


def test_stopping_leaves_nothing_behind(balls_project: Project) -> None:
    class StopError(Exception):
        pass

    def stop(percent: int, message: str) -> None:
        if percent > 20:
            raise StopError

    before = {path for path in balls_project.folder.rglob("*") if path.is_file()}
    with pytest.raises(StopError):
        train(balls_project, TrainWork(task=Task.SEGMENTATION, config=QUICK), stop)
    assert {path for path in balls_project.folder.rglob("*") if path.is_file()} == before
    assert [path for name in (".working", "models/.staging") for path in (balls_project.folder / name).iterdir()] == []
    assert balls_project.models.list() == []


def test_a_prediction_is_one_segmentation_in_the_models_layer(balls_project: Project) -> None:
    made = train_quickly(balls_project, steps=30)
    images = balls_project.images.list()[:2]
    work = PredictWork(model=made.model, images=tuple(image.id for image in images))
    first, again = predict(balls_project, work, silent), predict(balls_project, work, silent)
    assert [one["segmentation"] for one in first.outputs] == [one["segmentation"] for one in again.outputs]
    layer = balls_project.layers.get(first.layer)
    assert (layer.kind, layer.model) == (LayerKind.MODEL, made.model)
    value = balls_project.ontology.find("nodule").value
    for image, said in zip(images, first.outputs, strict=True):
        (found,) = [one for one in balls_project.segmentations.list(image.id) if one.layer == layer.id]
        assert (found.id, found.revision, found.reviewed) == (said["segmentation"], 1, False)
        reader = SegmentationReader.open(balls_project.images.path(image.id), found.id)
        labels = reader.region((0, 10, 0, 24, 0, 24))
        assert set(np.unique(labels)) <= {0, value}
        assert int((labels == value).sum()) == said["terms"][0]["voxels"] == found.terms[0].voxels


def test_a_model_refuses_a_modality_that_it_never_saw(balls_project: Project, add_image: Callable) -> None:
    made = train_quickly(balls_project, steps=3)
    image = add_image(np.zeros((10, 24, 24), np.uint16), "OTHER", modality="MR")
    with pytest.raises(InvalidInputError, match="trained on CT"):
        predict(balls_project, PredictWork(model=made.model, images=(image.id,)), silent)


def test_a_model_refuses_an_image_of_several_time_points_before_it_says_anything(
    balls_project: Project, add_image: Callable
) -> None:
    made = train_quickly(balls_project, steps=3)
    (still, *_), layers = balls_project.images.list(), balls_project.layers.list()
    moving = add_image(np.zeros((3, 10, 24, 24), np.uint16), "MOVING", axes="tzyx")
    with pytest.raises(InvalidInputError, match=f"image {moving.id} has 3 time points"):
        predict(balls_project, PredictWork(model=made.model, images=(still.id, moving.id)), silent)
    assert balls_project.layers.list() == layers


def test_images_with_voxels_that_are_no_numbers_are_told(
    project: Project, add_image: Callable, add_segmentation: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    term, images = project.ontology.find("nodule"), []
    for number in range(3):
        stored, mask = make_balls(number)
        values = stored.astype(np.float32)
        if number:
            values[0, 0, number] = np.nan if number == 1 else np.inf
        images.append(add_image(values, f"S{number}"))
        add_segmentation(images[-1], mask * term.value, [term])
    made = train_quickly(project, Split.NONE, steps=2)
    assert caplog.text.count("voxels that are no numbers count as 0 in 2 images") == 1
    for image in images:
        caplog.clear()
        predict(project, PredictWork(model=made.model, images=(image.id,)), silent)
        assert (f"voxels that are no numbers count as 0 in image {image.id}" in caplog.text) == (image != images[0])


def test_stock_monai_runs_the_bundle_to_the_same_voxels(balls_project: Project, tmp_path: Path) -> None:
    made = train_quickly(balls_project, steps=40)
    image = balls_project.images.list()[0]
    result = predict(balls_project, PredictWork(model=made.model, images=(image.id,)), silent)
    folder = balls_project.models.folder(made.model)
    stored = Pyramid.open(balls_project.images.path(image.id)).region((0, 10, 0, 24, 0, 24))
    # LPS (z, y, x) to NIfTI's RAS (x, y, z).
    affine = np.diag([-1.0, -1.0, 2.0, 1.0])
    (tmp_path / "input").mkdir()
    volume = nibabel.Nifti1Image(stored.transpose().astype(np.float32) - 1000, affine)
    nibabel.save(volume, tmp_path / "input" / "ball.nii.gz")
    command = [sys.executable, "-W", "ignore", "-m", "monai.bundle", "run"]
    command += ["--config_file", str(folder / "configs/inference.json"), "--bundle_root", str(folder)]
    command += ["--dataset_dir", str(tmp_path / "input"), "--output_dir", str(tmp_path / "output")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (written,) = (tmp_path / "output").rglob("*.nii.gz")
    theirs = np.asarray(nibabel.load(written).dataobj).squeeze().transpose()
    reader = SegmentationReader.open(balls_project.images.path(image.id), result.outputs[0]["segmentation"])
    np.testing.assert_array_equal(theirs, reader.region((0, 10, 0, 24, 0, 24)))
    assert theirs.any()
