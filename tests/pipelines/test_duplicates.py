"""Every duplicate is named to who sent it, and in nothing that is kept."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)

from imaging.domain.job import IngestWork, ReviewWork
from imaging.domain.outcome import Reason
from imaging.project.project import Project
from imaging.workspace import Workspace
from pipelines.ingest import ingest_upload
from pipelines.jobs import without_names
from pipelines.review import review
from tests.pipelines.conftest import Call, MakePicture, MakeSeries
from tests.pipelines.ingesting import begin_job, silent, take, take_at_once


def names_in(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.iterdir())


def test_files_that_are_images_already_are_named(project: Project, make_series: MakeSeries, tmp_path: Path) -> None:
    make_series(tmp_path / "in")
    take(project, tmp_path / "in")
    again = take(project, tmp_path / "in", tmp_path / "in")
    assert sorted(again.duplicate_inputs) == sorted(2 * names_in(tmp_path / "in"))


def test_a_file_that_comes_twice_is_named_once_as_image_and_once_as_duplicate(
    project: Project, make_series: MakeSeries, make_picture: MakePicture, tmp_path: Path
) -> None:
    make_series(tmp_path / "in", planes=3)
    copy = tmp_path / "in" / "zz copy.bin"
    copy.write_bytes(Path(names_in(tmp_path / "in")[0]).read_bytes())
    picture = make_picture(tmp_path / "a.png", 1)
    made = take(project, tmp_path / "in", picture, picture)
    assert made.duplicate_inputs == (str(copy), str(picture))
    named = [*made.duplicate_inputs, *(name for image in made.images for name in image.inputs)]
    assert sorted(named) == sorted([*names_in(tmp_path / "in"), str(picture), str(picture)])


def test_copies_that_only_their_pixels_tell_are_named(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "in", planes=4)
    first, second = names_in(tmp_path / "in")[:2]
    header = pydicom.dcmread(first)
    header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    header.save_as(tmp_path / "in" / "zz other uid.bin")
    header = pydicom.dcmread(second)
    header.PatientComments = "the same instance in other bytes"
    header.save_as(tmp_path / "in" / "zz same uid.bin")
    made = take(project, tmp_path / "in")
    assert [image.shape for image in made.images] == [(4, 24, 20)]
    named = {*made.duplicate_inputs, *made.images[0].inputs}
    assert (made.duplicates, named) == (2, {*names_in(tmp_path / "in")})


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_a_published_series_that_comes_in_other_bytes_is_here_already(
    project: Project, make_series: MakeSeries, tmp_path: Path, syntax: UID
) -> None:
    make_series(tmp_path / "in")
    take(project, tmp_path / "in")
    for path in names_in(tmp_path / "in"):
        header = pydicom.dcmread(path)
        header["PixelData"].VR = "OW"
        if syntax is ExplicitVRBigEndian:
            header.PixelData = np.frombuffer(header.PixelData, "<u2").astype(">u2").tobytes()
        header.file_meta.TransferSyntaxUID = syntax
        header.preamble = b"\1" * 128
        pydicom.dcmwrite(path, header, enforce_file_format=True)
    again = take(project, tmp_path / "in")
    assert (again.duplicates, again.images, project.quarantine.held()) == (6, (), [])
    assert sorted(again.duplicate_inputs) == names_in(tmp_path / "in")


@pytest.mark.parametrize(
    ("keyword", "value"), [("ImagePositionPatient", [-10, -20, 31]), ("RescaleSlope", 2), ("PixelData", None)]
)
def test_an_instance_that_differs_from_the_published_one_is_no_duplicate(
    project: Project, make_series: MakeSeries, tmp_path: Path, keyword: str, value: object
) -> None:
    make_series(tmp_path / "in")
    take(project, tmp_path / "in")
    header = pydicom.dcmread(names_in(tmp_path / "in")[0])
    # One bit of the last pixel alone, where pixels differ.
    other = header.PixelData[:-2] + bytes([header.PixelData[-2] ^ 1, header.PixelData[-1]])
    setattr(header, keyword, other if value is None else value)
    header.save_as(tmp_path / "other.dcm")
    (held,) = take(project, tmp_path / "other.dcm").quarantined
    assert (held.reason, held.detail) == (
        Reason.UID_CONFLICT,
        "an instance with this UID and other pixels is published",
    )


def test_a_held_file_that_is_published_meanwhile_by_another_door_is_let_go_as_a_duplicate(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "in")
    files = names_in(tmp_path / "in")
    # Too far apart, as after an association that was cut off.
    take(project, Path(files[0]), Path(files[1]), Path(files[5]))
    ids = [item.id for item in project.quarantine.held()]
    assert len(ids) == 3
    for path in files:
        header = pydicom.dcmread(path)
        header.preamble = b"\1" * 128
        header.save_as(path)
    assert len(take(project, tmp_path / "in").images) == 1
    outcomes = review(project, ReviewWork(items=tuple(ids)), silent)
    assert {outcome.decision for outcome in outcomes} == {"duplicate"}
    assert project.quarantine.held() == []


def test_files_that_somebody_else_published_meanwhile_are_named(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "in")
    outer, _ = take_at_once(project, tmp_path / "in")
    assert (outer.duplicates, sorted(outer.duplicate_inputs)) == (6, names_in(tmp_path / "in"))


def test_what_is_kept_of_an_upload_counts_duplicates_and_names_none(
    workspace: Workspace, project: Project, make_picture: MakePicture, tmp_path: Path
) -> None:
    upload = project.uploads.create("page")
    content = make_picture(tmp_path / "a.png", 1).read_bytes()
    for name in ("folder/PHANTOM 1.png", "folder/PHANTOM 2.png"):
        project.uploads.add(upload, name, io.BytesIO(content))
    work = IngestWork(upload=upload)
    worker = begin_job(workspace, project, work)
    made = ingest_upload(worker, work, silent)
    assert made.duplicate_inputs == ("folder/PHANTOM 2.png",)
    kept = without_names(made)
    assert isinstance(kept, dict)
    assert (kept["duplicates"], "duplicate_inputs" in kept, "PHANTOM" in json.dumps(kept)) == (1, False, False)
    # The one report that has fewer names than duplicates: the names went with the originals.
    recalled = ingest_upload(worker, work, silent)
    assert (recalled.duplicates, recalled.duplicate_inputs) == (1, ())


def test_the_command_names_duplicates_and_its_job_does_not(
    call: Call, project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "in")
    assert call("ingest", "phantoms", tmp_path / "in")[0] == 0
    code, out, _ = call("ingest", "phantoms", tmp_path / "in", "--json")
    made = json.loads(out)
    assert (code, made["duplicates"], sorted(made["duplicate_inputs"])) == (0, 6, names_in(tmp_path / "in"))
    code, out, _ = call("ingest", "phantoms", tmp_path / "in")
    *lines, total = out.splitlines()
    assert sorted(lines) == [f"duplicate  {name}" for name in names_in(tmp_path / "in")]
    assert "6 duplicates" in total
    assert all(str(tmp_path) not in str(job.result) for job in project.jobs.list())


def test_many_duplicates_are_counted_not_listed(
    call: Call, make_picture: MakePicture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.commands.ingest._SHOWN", 2)
    picture = make_picture(tmp_path / "a.png", 1)
    code, out, _ = call("ingest", "phantoms", *[picture] * 4)
    assert (code, len(out.splitlines())) == (0, 2)
    assert "3 duplicates" in out
    assert "a.png" not in out
