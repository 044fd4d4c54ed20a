"""The profile of a project governs all that arrives in it, by whatever door."""

from __future__ import annotations

import io
from pathlib import Path

import pydicom

from imaging.dicom.headers_store import unpack_headers
from imaging.dicom.profile import Profile
from imaging.domain.job import IngestWork, ReviewWork
from imaging.project.project import Project
from imaging.pyramid.beside import read_headers
from pipelines.ingest import ingest, ingest_upload
from pipelines.review import review
from tests.pipelines.conftest import MakeSeries
from tests.pipelines.ingesting import silent, take

RESEARCH, BASIC = Profile.built_in("research"), Profile.built_in("basic")


def hashes(project: Project) -> list[str]:
    return [image.attributes.profile_hash for image in project.images.list()]


def test_an_ingest_without_a_profile_uses_the_projects(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    project.profile.set(BASIC)
    make_series(tmp_path / "in", planes=3)
    take(project, tmp_path / "in")
    make_series(tmp_path / "other", planes=3, seed=9)
    ingest(project, [tmp_path / "other"], silent, profile=RESEARCH)
    assert hashes(project) == [BASIC.hash, RESEARCH.hash]
    assert set(project.profile.recorded()) >= {BASIC.hash, RESEARCH.hash}


def test_an_upload_of_the_page_uses_the_projects_profile(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    project.profile.set(BASIC)
    make_series(tmp_path / "in", planes=3)
    upload = project.uploads.create("page")
    for number, path in enumerate(sorted((tmp_path / "in").iterdir())):
        project.uploads.add(upload, f"{number}", io.BytesIO(path.read_bytes()))
    ingest_upload(project, IngestWork(upload=upload), silent)
    assert hashes(project) == [BASIC.hash]
    (image,) = project.images.list()
    first, *_ = unpack_headers(read_headers(project.images.path(image.id)))
    assert first.LongitudinalTemporalInformationModified == "REMOVED"


def test_accepted_files_use_the_projects_profile(project: Project, make_series: MakeSeries, tmp_path: Path) -> None:
    make_series(tmp_path / "in", planes=3)
    for path in (tmp_path / "in").iterdir():
        header = pydicom.dcmread(path)
        header.BurnedInAnnotation = "YES"
        header.save_as(path)
    assert len(take(project, tmp_path / "in").quarantined) == 3
    project.profile.set(BASIC)
    review(project, ReviewWork(items=tuple(item.id for item in project.quarantine.held())), silent)
    assert hashes(project) == [BASIC.hash]
