"""Settings of a training are checked before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from imaging.domain.job import Task
from imaging.errors import InvalidInputError
from pipelines.preprocessing import read_recipe
from pipelines.recipe import ClassificationRecipe, SegmentationRecipe, make_recipe, read_settings


def test_settings_of_a_file_become_a_recipe(tmp_path: Path) -> None:
    path = tmp_path / "train.toml"
    path.write_text("steps = 20\npatch = [8, 16, 16]\nlearning_rate = 0.01\nwindow = [-100, 300]\n")
    recipe = make_recipe(Task.SEGMENTATION, read_settings(path))
    assert isinstance(recipe, SegmentationRecipe)
    assert (recipe.steps, recipe.patch, recipe.window) == (20, (8, 16, 16), (-100.0, 300.0))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"stepz": 3}, "stepz: unknown setting"),
        ({"steps": 0}, "steps: "),
        ({"steps": "many"}, "steps: "),
        ({"steps": True}, "steps: "),
        ({"patch": [8, 8, True]}, "patch.2: "),
        ({"name": "a/b"}, "name: "),
        ({"name": ".."}, "name: "),
        ({"learning_rate": float("nan")}, "learning_rate: "),
        ({"patch": [8, 8]}, "patch: needs 3 values$"),
        ({"filters": [4] * 9}, "filters: takes 8 values at most$"),
        ({"foreground": ["x"]}, "foreground: must be a valid number$"),
        ({"patch": [1, 4, 4]}, "patch must hold 64"),
        ({"held_out": 1.0}, "held_out: "),
        ({"window": [10, -10]}, "window must be"),
        ({"window": [float("nan"), 10]}, "window.0: "),
        ({"flips": "ab"}, "flips: "),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(settings: dict, said: str) -> None:
    with pytest.raises(InvalidInputError, match="^" + said):
        make_recipe(Task.SEGMENTATION, settings)


def test_settings_of_segmentation_are_unknown_to_classification() -> None:
    assert isinstance(make_recipe(Task.CLASSIFICATION, {"steps": 5}), ClassificationRecipe)
    with pytest.raises(InvalidInputError, match="foreground: unknown setting"):
        make_recipe(Task.CLASSIFICATION, {"foreground": 0.5})


@pytest.mark.parametrize("content", [b"steps = = 3", b"\xff\xfe\x00"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match="not readable TOML"):
        read_settings(path)
    with pytest.raises(InvalidInputError, match="does not exist"):
        read_settings(tmp_path / "absent.toml")


def test_a_recipe_that_is_not_there_is_told_from_one_that_is_no_toml(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="the recipe does not exist"):
        read_recipe(tmp_path / "absent.toml")
    (tmp_path / "train.toml").write_text('preprocessing = "absent.toml"\n')
    with pytest.raises(InvalidInputError, match="the recipe does not exist"):
        read_settings(tmp_path / "train.toml")
    (tmp_path / "odd.toml").write_text("spacing = [")
    with pytest.raises(InvalidInputError, match="the recipe is not a readable TOML file"):
        read_recipe(tmp_path / "odd.toml")
