"""What tests of commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from imaging import cli
from tests.imaging.commands.pseudonymising import Tool


@pytest.fixture
def tool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tool:
    return Tool(tmp_path, capsys)


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("USER", "DATABASE_URL", "SECRETS", "QUARANTINE", "MASTER_KEY_FILE", "DEBUG"):
        monkeypatch.delenv(f"IMAGING_{name}", raising=False)
    monkeypatch.setenv("IMAGING_WORKSPACE", str(tmp_path / "W"))
    return tmp_path / "W"


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.main(list(arguments))
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def made(run: Run) -> Run:
    """A workspace with the project "phantoms"."""
    assert run("init")[0] == 0
    assert run("project", "create", "phantoms")[0] == 0
    return run
