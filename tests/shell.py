"""The command line as a person types it, in this process, over one workspace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imaging import cli


class Shell:
    """Runs commands over a workspace; gives exit code, answer and messages."""

    def __init__(self, workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.workspace, self._capsys = workspace, capsys

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        self._capsys.readouterr()
        code = cli.main([*map(str, arguments), "--workspace", str(self.workspace)])
        return code, *self._capsys.readouterr()

    def json(self, *arguments: object) -> Any:
        """Give the document of a command that succeeds and says nothing else."""
        code, out, err = self(*arguments, "--json")
        assert (code, err) == (0, ""), err
        return json.loads(out)

    def refused(self, *arguments: object) -> tuple[int, set[str]]:
        """Give the exit code and the reasons of an ingest that makes nothing."""
        code, out, _ = self(*arguments, "--json")
        made = json.loads(out)
        assert not made["images"]
        return code, {held["reason"] for held in made["quarantined"]}

    def who(self, subject: str) -> str:
        """Give the patient ID behind a pseudonym."""
        return str(self.json("reidentify", "phantoms", subject, "--reason", "to see")["patient_id"])
