"""A workspace whose shards lie in a bucket, and an image in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from imaging.domain.image import Image
from imaging.project.project import Project
from imaging.settings import Settings
from tests.object_store import Bucket, Door
from tests.pipelines.conftest import MakeSeries
from tests.pipelines.ingesting import take
from tests.pipelines.object_store.storing import PLANES, Series


@pytest.fixture
def settings(tmp_path: Path, bucket: Bucket, door: Door, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A workspace whose shards go through the door into the bucket, on the command line too."""
    for name, value in bucket.environment(door.port).items():
        monkeypatch.setenv(name, value)
    return Settings.read(tmp_path / "W")


@pytest.fixture(scope="session")
def series(make_series: MakeSeries, tmp_path_factory: pytest.TempPathFactory) -> Series:
    """A series that no test changes."""
    folder = tmp_path_factory.mktemp("series")
    return Series(folder, make_series(folder, planes=PLANES))


@pytest.fixture
def taken(project: Project, series: Series) -> Image:
    """The one image of the project, made of the series."""
    take(project, series.folder)
    (image,) = project.images.list()
    return image
