"""`imaging pseudonymise` as the tests call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imaging import cli

SAMPLE = Path(__file__).parents[3] / "sample_dicom" / "images" / "mr-head-11"


class Tool:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        self.key = folder / "key"

    def __call__(self, source: Path, target: str = "out", *options: str) -> tuple[int, str, str]:
        self._capsys.readouterr()
        arguments = [str(source), str(self.folder / target), "--key-file", str(self.key), *options]
        code = cli.main(["pseudonymise", *arguments])
        return code, *self._capsys.readouterr()

    def document(self, source: Path, target: str = "out", *options: str) -> dict[str, object]:
        new = not self.key.exists()
        code, out, err = self(source, target, "--json", *options)
        assert (code, err) == (0, "imaging: the key file was absent; a new key was made\n" if new else "")
        answer = json.loads(out)
        assert isinstance(answer, dict)
        return answer

    def copies(self, target: str = "out") -> dict[str, bytes]:
        root = self.folder / target
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
