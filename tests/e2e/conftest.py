"""What several end-to-end tests need: the unmodified Cytomine client in an environment of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CLIENT = "cytomine-python-client==4.3.0"
_CACHE = Path(__file__).parents[2] / ".cache" / "cytomine-client"


@pytest.fixture(scope="session")
def client_python() -> Path:
    """A Python of its own for the client: its exact pins would replace ours."""
    python = _CACHE / "bin" / "python"
    probe = [str(python), "-c", "from importlib.metadata import version as v; print(v('cytomine-python-client'))"]
    found = python.exists() and subprocess.run(probe, capture_output=True, text=True, check=False).stdout.strip()
    if found == CLIENT.rpartition("=")[2]:
        return python
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(_CACHE)],
        [str(python), "-m", "pip", "install", "--quiet", CLIENT],
    ):
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=300)
        except (subprocess.SubprocessError, OSError):
            pytest.skip(f"{CLIENT} cannot be installed here")
    return python
