"""What is prepared is kept: made once, found again, removed with its image, and whole or not there at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from imaging.errors import InvalidInputError, NotFoundError
from imaging.project.project import Project
from imaging.project.verification import verify_project
from imaging.pyramid.prepared import evict, list_entries, manifest_of
from imaging.workspace import Workspace
from pipelines.preprocess import PreparedImages
from pipelines.preprocessing import PreprocessingRecipe, check_recipe
from tests.pipelines.learning.preparing import lay, noise, prepare, put_image, whole
from tests.shell import Shell

RECIPE = PreprocessingRecipe(spacing=(2.0, 2.0, 2.0))


def test_it_is_computed_once_and_again_where_recipe_or_image_changed(project: Project) -> None:
    one = put_image(project, noise(1), lay((0, 0, 0), (1.0, 1.0, 1.0)))
    with PreparedImages(project, RECIPE) as images:
        assert images.open(one.id).made
        assert not images.open(one.id).made
    with PreparedImages(project, PreprocessingRecipe(spacing=(2.0, 2.0, 2.5))) as images:
        assert images.open(one.id).made
    assert len(list_entries(project.folder)) == 2


def test_an_image_that_the_recipe_leaves_where_it_is_is_read_itself(project: Project) -> None:
    one = put_image(project, noise(1), lay((3, 0, 4), (2.0004, 1.0, 1.0)))
    table = {"spacing": [2.0, 1.0, 1.0], "intensity": {"CT": {"kind": "fixed", "low": -800.0, "high": 500.0}}}
    recipe = check_recipe(table)
    with PreparedImages(project, recipe) as images:
        found = images.open(one.id)
        box = (0, 11, 0, 15, 0, 13)
        live = found.voxels.normalised(box, recipe.intensity["CT"])
    assert not list_entries(project.folder)
    assert np.array_equal(live[0], prepare(project, one.id, recipe)[0])


def test_verify_reads_what_is_prepared(project: Project) -> None:
    one = put_image(project, noise(1), lay((0, 0, 0), (1.0, 1.0, 1.0)))
    before = verify_project(project)
    prepare(project, one.id, RECIPE)
    after = verify_project(project)
    assert after.ok
    assert after.files > before.files
    (entry,) = list_entries(project.folder)
    shard = next(path for path in entry.path.rglob("c/**/*") if path.is_file())
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    (difference,) = verify_project(project).differences
    assert difference.path == shard.relative_to(project.folder).as_posix()
    assert difference.problem == "changed"
    manifest_of(entry.path).unlink()
    assert [one.problem for one in verify_project(project).differences] == ["missing"]


def test_what_is_prepared_goes_with_its_image(project: Project) -> None:
    one = put_image(project, noise(1), lay((0, 0, 0), (1.0, 1.0, 1.0)))
    prepare(project, one.id, RECIPE)
    project.images.delete(one.id)
    assert not [path for path in (project.folder / "prepared").rglob("*") if path.is_file()]


def test_an_image_deleted_meanwhile_leaves_nothing_prepared(project: Project) -> None:
    one = put_image(project, noise(1), lay((0, 0, 0), (1.0, 1.0, 1.0)))
    deleted = []

    def delete(share: float) -> None:
        if not deleted:
            deleted.append(share)
            project.images.delete(one.id)

    with PreparedImages(project, RECIPE) as images, pytest.raises((NotFoundError, OSError)):
        images.open(one.id, delete)
    assert not [path for path in (project.folder / "prepared").rglob("*") if path.is_file()]


def test_the_longest_unused_goes_first_and_what_is_read_stays(project: Project) -> None:
    images = [put_image(project, noise(n), lay((0, 0, 0), (1.0, 1.0, 1.0))) for n in range(3)]
    for image in images:
        prepare(project, image.id, RECIPE)
    with PreparedImages(project, RECIPE) as held:
        # Opened last, the first one is the newest now.
        path = held.open(images[0].id).path
        sizes = [entry.bytes for entry in list_entries(project.folder)]
        gone = evict(project.folder, keep=sum(sizes) - 1)
        assert [entry.path.parent.name for entry in gone] == [str(images[1].id)]
        evict(project.folder, keep=0)
        assert [entry.path for entry in list_entries(project.folder)] == [path.parent]
        assert whole(held.open(images[0].id)).any()
    assert verify_project(project).ok


def test_a_failure_half_way_leaves_nothing(project: Project) -> None:
    one = put_image(project, noise(1, (70, 8, 8)), lay((0, 0, 0), (1.0, 1.0, 1.0)))

    def stop(share: float) -> None:
        raise InvalidInputError("stopped")

    with PreparedImages(project, RECIPE) as images, pytest.raises(InvalidInputError, match="stopped"):
        images.open(one.id, stop)
    assert not [path for path in (project.folder / "prepared").rglob("*") if path.is_file()]


def test_the_command_line_prepares_and_evicts(shell: Shell, project_of_shell: Project, tmp_path: Path) -> None:
    image = put_image(project_of_shell, noise(1), lay((0, 0, 0), (1.0, 1.0, 1.0)))
    (tmp_path / "r.toml").write_text("spacing = 2.0\n")
    for made in (True, False):
        (row,) = shell.json("preprocess", "phantoms", tmp_path / "r.toml", image.id)["prepared"]
        assert (row["image"], row["made"]) == (image.id, made)
    assert shell.json("verify", "phantoms")["ok"]
    backed = shell.json("backup", tmp_path / "copy")
    assert backed["files"]
    assert not list((tmp_path / "copy").rglob("prepared"))
    assert shell.json("project", "evict", "phantoms", "--keep-gb", 1)["removed"] == 0
    assert shell.json("project", "evict", "phantoms")["left"] == 0
    (tmp_path / "r.toml").write_text("sharpen = true\n")
    code, _, told = shell("preprocess", "phantoms", tmp_path / "r.toml", image.id)
    assert (code, told) == (2, "imaging: recipe: sharpen: unknown key\n")


def test_a_process_killed_at_publication_leaves_a_cache_that_works(project: Project, workspace: Workspace) -> None:
    one = put_image(project, noise(1), lay((0, 0, 0), (1.0, 1.0, 1.0)))
    script = (
        "import os, sys; from pathlib import Path\n"
        "from imaging.settings import Settings; from imaging.workspace import Workspace\n"
        "import pipelines.preprocess as module; from pipelines.preprocessing import PreprocessingRecipe\n"
        "module.publish = lambda *_: os._exit(9)\n"
        "workspace = Workspace.at(Settings.read(Path(sys.argv[1]), {}))\n"
        "user = workspace.accounts.acting(None)\n"
        "project = workspace.open(workspace.find_project(user, 'phantoms'), user.id)\n"
        "recipe = PreprocessingRecipe(spacing=(2.0, 2.0, 2.0))\n"
        "module.PreparedImages(project, recipe).open(int(sys.argv[2]))\n"
    )
    arguments = [sys.executable, "-c", script, str(workspace.settings.workspace), str(one.id)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IMAGING_")}
    assert subprocess.run(arguments, check=False, env=environment).returncode == 9
    assert list((project.folder / "prepared" / ".staging").iterdir())
    assert verify_project(project).ok
    prepare(project, one.id, RECIPE)
    assert not list((project.folder / "prepared" / ".staging").iterdir())
    assert verify_project(project).ok
    assert len(list_entries(project.folder)) == 1
