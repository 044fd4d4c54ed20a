"""Where files lie that members put beside a project and its images."""

from __future__ import annotations

import shutil
from pathlib import Path

from imaging.domain.base import ImageKey

_FOLDER, _OF_PROJECT = "attached", "project"


def attached_path(project: Path, image: ImageKey | None, key: int) -> Path:
    """Where a file lies in a project's folder: it belongs to an image, or to the project itself."""
    return _folder(project, image) / f"{key}.sealed"


def remove_attached(project: Path, image: ImageKey) -> None:
    """Delete what lay beside an image, and beside what was drawn on it."""
    shutil.rmtree(_folder(project, image), ignore_errors=True)


def _folder(project: Path, image: ImageKey | None) -> Path:
    return project / _FOLDER / (_OF_PROJECT if image is None else str(image))
