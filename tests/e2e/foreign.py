"""Programs of others, each in a Python of its own: their pins would replace ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_CACHE = Path(__file__).parents[2] / ".cache"


def install_client(requirement: str, folder: str) -> Path:
    """Give the Python that has a package of exactly this version; where it cannot be installed the test is skipped."""
    name, _, version = requirement.partition("==")
    python = _CACHE / folder / "bin" / "python"
    probe = [str(python), "-c", f"from importlib.metadata import version as v; print(v({name!r}))"]
    found = python.exists() and subprocess.run(probe, capture_output=True, text=True, check=False).stdout.strip()
    if found == version:
        return python
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(_CACHE / folder)],
        [str(python), "-m", "pip", "install", "--quiet", requirement],
    ):
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=300)
        except (subprocess.SubprocessError, OSError):
            pytest.skip(f"{requirement} cannot be installed here")
    return python
