"""What tests of commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.imaging.commands.pseudonymising import Tool


@pytest.fixture
def tool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tool:
    return Tool(tmp_path, capsys)
