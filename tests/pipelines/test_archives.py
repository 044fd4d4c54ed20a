"""Archives in an ingest: unpacked with the names of their members, or held whole."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

from imaging.domain.job import IngestWork
from imaging.domain.outcome import Reason
from imaging.project.project import Project
from imaging.settings import Settings
from pipelines.ingest import ingest_upload
from tests.pipelines.ingesting import silent, take


def test_the_bytes_of_a_refused_archive_stay_when_its_upload_ends(
    project: Project, settings: Settings, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "hostile.zip", "w") as archive:
        archive.writestr("../out", "phantom " * 9)
    upload = project.uploads.create("page")
    content = (tmp_path / "hostile.zip").read_bytes()
    project.uploads.add(upload, "hostile.zip", io.BytesIO(content))
    ingest_upload(project, IngestWork(upload=upload), silent)
    (held,) = project.quarantine.held()
    assert (held.reason, held.size) == (Reason.ARCHIVE_REFUSED, len(content))
    again = project.uploads.create("page")
    project.uploads.add(again, "hostile.zip", io.BytesIO(content))
    ingest_upload(project, IngestWork(upload=again), silent)
    assert project.quarantine.held() == [held]
    assert (settings.quarantine / str(project.record.id) / str(upload) / f"{held.id}.sealed").stat().st_size > held.size


def test_a_series_in_a_tar_becomes_one_image_and_its_files_are_named(
    project: Project, make_series, tmp_path: Path
) -> None:
    make_series(tmp_path / "in")
    with tarfile.open(tmp_path / "upload.tgz", "w:gz") as archive:
        archive.add(tmp_path / "in", "scans")
    made = take(project, tmp_path / "upload.tgz")
    (image,) = made.images
    assert made.files == len(image.inputs) == len(list((tmp_path / "in").iterdir()))
    assert all(name.startswith(f"{tmp_path}/upload.tgz/scans/") for name in image.inputs)
