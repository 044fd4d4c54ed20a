"""`imaging train` and `imaging predict` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from imaging import cli
from imaging.domain.job import JobState
from imaging.project.project import Project
from imaging.settings import Settings


@pytest.fixture
def type_command(settings: Settings, capsys: pytest.CaptureFixture[str]) -> object:
    def type_it(*arguments: str) -> tuple[int, str, str]:
        code = cli.main([*arguments, "--workspace", str(settings.workspace)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return type_it


def test_a_model_is_trained_and_predicts_by_command(balls_project: Project, type_command, tmp_path: Path) -> None:
    config = tmp_path / "train.toml"
    config.write_text('steps = 4\npatch = [8, 16, 16]\nfilters = [4, 4, 4]\nname = "balls"\n')
    arguments = ("train", "phantoms", "--task", "segmentation", "--config", str(config), "--device", "cpu", "--json")
    code, out, err = type_command(*arguments)
    assert code == 0, err
    made = json.loads(out)
    assert {"model", "version", "metrics", "bundle"} <= made.keys()
    assert (made["reviewed"], made["unnamed"]) == (True, 5)
    assert (Path(made["bundle"]) / "models/model.pt").is_file()
    assert made["metrics"]["dice"] >= 0
    assert made["metrics"]["threshold_dice"] > 0
    image = balls_project.images.list()[0]
    code, out, err = type_command("predict", "phantoms", "balls", str(image.id), "--json")
    assert code == 0, err
    said = json.loads(out)
    assert said["outputs"][0]["image"] == image.id
    jobs = balls_project.jobs.list()
    assert {job.kind for job in jobs} == {"train", "predict"}
    assert all(job.state is JobState.SUCCEEDED and job.progress == 100 for job in jobs)
    assert said["job"] in {job.id for job in jobs}


def test_the_command_tells_what_was_left_out_without_names(
    balls_project: Project, add_image, type_command, tmp_path: Path
) -> None:
    image = add_image(np.zeros((4, 8, 8), np.uint16), "SUBJECT9")
    config = tmp_path / "train.toml"
    config.write_text("steps = 2\npatch = [8, 16, 16]\nfilters = [4, 4, 4]\n")
    arguments = ("train", "phantoms", "--task", "segmentation", "--config", str(config), "--device", "cpu")
    code, out, err = type_command(*arguments)
    assert code == 0, err
    assert "left out of the dataset: images without anything to learn from (1)\n" in out
    assert image.name not in out + err
    assert "SUBJECT9" not in out + err
    (job,) = balls_project.jobs.list()
    assert job.result["left_out"] == {"images_without_anything_to_learn_from": 1}


@pytest.mark.parametrize(
    ("content", "said"),
    [("stepz = 3", "stepz: unknown setting"), ("steps = [", "not readable TOML"), (None, "does not exist")],
)
def test_a_bad_configuration_is_one_line_and_no_job(
    balls_project: Project, type_command, tmp_path: Path, content: str | None, said: str
) -> None:
    config = tmp_path / "train.toml"
    if content is not None:
        config.write_text(content)
    code, out, err = type_command("train", "phantoms", "--task", "segmentation", "--config", str(config))
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert balls_project.jobs.list() == []


def test_an_empty_project_has_nothing_to_learn_from(project: Project, type_command) -> None:
    code, out, err = type_command("train", "phantoms", "--task", "classification")
    assert (code, out) == (2, "")
    assert err.strip() == "imaging: the project has nothing to learn a classification from"
    (job,) = project.jobs.list()
    assert job.state is JobState.FAILED


def test_an_unknown_model_or_image_is_refused(balls_project: Project, type_command) -> None:
    code, _, err = type_command("predict", "phantoms", "absent", "1")
    assert code == 2
    assert "no such model" in err
