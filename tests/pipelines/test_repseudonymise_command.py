"""`imaging project profile` and `imaging project repseudonymise` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from imaging.cli import main
from imaging.dicom.headers_store import unpack_headers
from imaging.dicom.profile import Profile
from imaging.project.project import Project
from imaging.project.verification import verify_project
from imaging.pyramid.beside import read_headers
from imaging.settings import Settings
from pipelines.label_volumes import write_nifti
from pipelines.repseudonymise import repseudonymise_project
from tests.pipelines.conftest import MakeSeries
from tests.pipelines.ingesting import silent, take

RESEARCH, BASIC = Profile.built_in("research"), Profile.built_in("basic")


def call(settings: Settings, capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main([*map(str, arguments), "--workspace", str(settings.workspace)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_the_commands_show_set_and_apply_a_profile(
    project: Project,
    settings: Settings,
    make_series: MakeSeries,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for number in range(2):
        make_series(tmp_path / f"{number}", planes=3, seed=number, patient=f"PHA-{number}")
    take(project, tmp_path)
    code, out, _ = call(settings, capsys, "project", "profile", "phantoms", "--json")
    shown = json.loads(out)
    assert (code, shown["name"], shown["hash"], shown["others"]) == (0, "research", RESEARCH.hash, 0)
    assert shown["options"]["birth_date"] == "year"
    (tmp_path / "ours.toml").write_text('extends = "research"\nname = "ours"\nbirth_date = "removed"\n')
    code, out, _ = call(settings, capsys, "project", "profile", "phantoms", "--set", tmp_path / "ours.toml")
    assert code == 0
    assert (
        "2 images are under another profile; where this one is stricter: imaging project repseudonymise phantoms" in out
    )
    code, out, _ = call(settings, capsys, "project", "repseudonymise", "phantoms", "--json")
    made = json.loads(out)
    assert (code, made["profile"], made["images"], made["unchanged"]) == (0, "ours", 2, 0)
    assert set(made) == {"job", "profile", "hash", "images", "unchanged", "actions"}
    for image in project.images.list():
        for header in unpack_headers(read_headers(project.images.path(image.id))):
            assert header.PatientBirthDate in ("", None)
    assert call(settings, capsys, "verify", "phantoms")[0] == 0
    assert call(settings, capsys, "project", "profile", "phantoms", "--set", "longitudinal")[0] == 0
    code, out, err = call(settings, capsys, "project", "repseudonymise", "phantoms")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert "birth_date" in err
    for wrong in ("colour = 1", "age_cap_years = 'old'", "= no TOML"):
        (tmp_path / "wrong.toml").write_text(wrong)
        code, _, err = call(settings, capsys, "project", "profile", "phantoms", "--set", tmp_path / "wrong.toml")
        assert (code, err.count("\n")) == (2, 1)
    assert project.profile.get().name == "longitudinal"


def test_what_was_drawn_on_an_image_stays(
    project: Project, settings: Settings, make_series: MakeSeries, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_series(tmp_path / "in", planes=3)
    take(project, tmp_path / "in")
    (image,) = project.images.list()
    affine = np.array([[0, 0, 0.75, -10], [0, 0.5, 0, -20], [2.5, 0, 0, 30], [0, 0, 0, 1]])
    write_nifti(np.ones((3, 24, 20), np.uint16), affine, tmp_path / "m.nii")
    options = ("--format", "nifti", "--term", "1=lung", "--image", image.id)
    assert call(settings, capsys, "annotations", "import", "phantoms", tmp_path / "m.nii", *options)[0] == 0
    project.profile.set(BASIC)
    assert repseudonymise_project(project, silent).images == 1
    assert project.images.get(image.id).segmentations == 1
    assert verify_project(project).ok
