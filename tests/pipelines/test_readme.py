"""What the README tells an ML user to type into Python runs as it stands there."""

import re
from pathlib import Path

import pytest

from imaging.project.project import Project
from imaging.workspace import Workspace
from tests.pipelines.ingesting import take

ROOT = Path(__file__).parents[2]


def test_the_python_of_the_readme_lists_the_images_of_a_project(
    workspace: Workspace, project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    take(project, ROOT / "sample_dicom" / "images" / "mr-head-11")
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    monkeypatch.setenv("IMAGING_WORKSPACE", str(workspace.settings.workspace))
    exec(program.replace('"lungs"', '"phantoms"'), {})
    (line,) = capsys.readouterr().out.splitlines()
    image = project.images.list()[0]
    assert line == f"{image.id} MR {image.shape} {project.images.path(image.id)}"
