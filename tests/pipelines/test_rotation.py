"""A new key through the whole of ingestion: what a link keeps together, what a break parts, and who stays refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from imaging.dicom.headers_store import unpack_headers
from imaging.dicom.pseudonyms import Pseudonyms
from imaging.domain.job import IngestWork, JobState
from imaging.project.project import Project
from imaging.pyramid.manifest import headers_path
from imaging.settings import Settings
from imaging.workspace import Workspace
from tests.pipelines.conftest import MakePicture, MakeSeries
from tests.shell import Shell

ALPHA, BETA = "PHA-000001", "PHA-000002"


@pytest.fixture
def project(project_of_shell: Project) -> Project:
    return project_of_shell


@pytest.fixture
def first(make_series: MakeSeries, tmp_path: Path, shell: Shell) -> Path:
    """A series of ALPHA, ingested under the first key."""
    make_series(tmp_path / "first", patient=ALPHA)
    shell.json("ingest", "phantoms", tmp_path / "first")
    return tmp_path / "first"


def edit(folder: Path, change: Callable[[Dataset], None]) -> None:
    for path in folder.iterdir():
        header = pydicom.dcmread(path)
        change(header)
        header.save_as(path)


def follow_up(make_series: MakeSeries, folder: Path, earlier: Path, *, patient: str = ALPHA) -> Path:
    """Write a series 40 days later that names the earlier one, its study and its frame of reference."""
    make_series(folder, patient=patient, seed=2)
    before = pydicom.dcmread(next(earlier.iterdir()))

    def refer(header: Dataset) -> None:
        header.StudyInstanceUID, header.FrameOfReferenceUID = before.StudyInstanceUID, before.FrameOfReferenceUID
        header.StudyDate = header.SeriesDate = header.ContentDate = header.AcquisitionDate = "20040227"
        named = Dataset()
        named.ReferencedSOPClassUID, named.ReferencedSOPInstanceUID = before.SOPClassUID, before.SOPInstanceUID
        header.SourceImageSequence = [named]

    edit(folder, refer)
    return folder


def headers(project: Project, number: int) -> list[Dataset]:
    image = project.images.list()[number]
    return list(unpack_headers(headers_path(project.images.path(image.id)).read_bytes()))


def rotate(shell: Shell, policy: str) -> None:
    shell.json("project", "rotate-key", "phantoms", "--policy", policy)


def object_to(shell: Shell, tmp_path: Path, patient: str) -> Any:
    (tmp_path / "objections.csv").write_text(f"patient_id\n{patient}\n")
    return shell.json("opposition", "add", "phantoms", tmp_path / "objections.csv")


def day(text: str) -> date:
    return date.fromisoformat(f"{text[:4]}-{text[4:6]}-{text[6:]}")


def test_rotating_says_which_key_is_new(shell: Shell):
    answer = shell.json("project", "rotate-key", "phantoms", "--policy", "break")
    assert (answer["name"], answer["epoch"], answer["policy"]) == ("phantoms", 2, "break")
    event = shell.json("journal", "show", "phantoms")[-1]
    assert (event["action"], event["kind"], event["detail"]) == ("rotate", "key", {"epoch": 2, "policy": "break"})


@pytest.mark.parametrize("arguments", [(), ("--policy", "merge")])
def test_a_rotation_without_a_known_policy_is_bad_usage(shell: Shell, project: Project, arguments: tuple[str, ...]):
    code, out, err = shell("project", "rotate-key", "phantoms", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert len(project.secrets.epochs()) == 1


def test_who_may_not_rotate_is_told_so(shell: Shell, project: Project):
    shell.json("user", "add", "beta")
    shell.json("project", "member", "add", "phantoms", "beta", "annotator")
    code, out, err = shell("project", "rotate-key", "phantoms", "--policy", "link", "--as", "beta")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert len(project.secrets.epochs()) == 1


def test_a_link_keeps_a_known_person_whole(
    shell: Shell, project: Project, make_series: MakeSeries, first: Path, tmp_path: Path
):
    rotate(shell, "link")
    shell.json("ingest", "phantoms", follow_up(make_series, tmp_path / "second", first))
    one, two = project.images.list()
    assert (two.subject, two.study) == (one.subject, one.study)
    assert two.attributes.frame_of_reference == one.attributes.frame_of_reference
    before, after = headers(project, 0), headers(project, 1)
    named = str(after[0].SourceImageSequence[0].ReferencedSOPInstanceUID)
    assert named in {str(header.SOPInstanceUID) for header in before}
    original = pydicom.dcmread(next(first.iterdir()))
    assert day(after[0].StudyDate) - day(before[0].StudyDate) == date(2004, 2, 27) - day(original.StudyDate)
    assert shell.who(two.subject) == ALPHA


def test_a_link_gives_who_is_new_the_new_key(
    shell: Shell, project: Project, make_series: MakeSeries, first: Path, tmp_path: Path
):
    rotate(shell, "link")
    make_series(tmp_path / "second", patient=BETA)
    shell.json("ingest", "phantoms", tmp_path / "second")
    new = Pseudonyms(project.secrets.epochs()[1].secret)
    original = pydicom.dcmread(next((tmp_path / "second").iterdir()))
    image = project.images.list()[1]
    assert image.subject == new.subject(original.get("IssuerOfPatientID", ""), BETA)
    assert image.series == new.uid(original.SeriesInstanceUID)
    rotate(shell, "link")
    follow_up(make_series, tmp_path / "third", tmp_path / "second", patient=BETA)
    shell.json("ingest", "phantoms", tmp_path / "third")
    assert project.images.list()[2].subject == image.subject
    assert {shell.who(image.subject) for image in project.images.list()} == {ALPHA, BETA}


def test_under_a_link_the_same_files_are_duplicates_and_late_ones_are_late(
    shell: Shell,
    make_series: MakeSeries,
    make_picture: MakePicture,
    first: Path,
    tmp_path: Path,
):
    picture = make_picture(tmp_path / "one.png", 90)
    shell.json("ingest", "phantoms", picture)
    rotate(shell, "link")
    again = shell.json("ingest", "phantoms", first, picture)
    assert (again["duplicates"], again["images"], again["quarantined"]) == (7, [], [])
    late = pydicom.dcmread(next(first.iterdir()))
    late.SOPInstanceUID = late.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    late.save_as(tmp_path / "late.dcm")
    assert shell.refused("ingest", "phantoms", tmp_path / "late.dcm") == (2, {"late_instance"})
    other = pydicom.dcmread(next(first.iterdir()))
    other.InstanceNumber = 99
    other.save_as(tmp_path / "copy.dcm")
    assert shell.json("ingest", "phantoms", tmp_path / "copy.dcm")["duplicates"] == 1
    other.PixelData = bytes(len(other.PixelData))
    other.save_as(tmp_path / "other.dcm")
    assert shell.refused("ingest", "phantoms", tmp_path / "other.dcm") == (2, {"uid_conflict"})


@pytest.mark.parametrize(("policy", "held"), [("link", 2), ("break", 4)])
def test_a_held_file_that_names_nobody_is_held_once_over_a_link_and_anew_after_a_break(
    shell: Shell, make_picture: MakePicture, tmp_path: Path, policy: str, held: int
):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "note.txt").write_text("not DICOM")
    picture = make_picture(folder / "one.png", 90)
    picture.write_bytes(picture.read_bytes()[:60])
    assert shell.refused("ingest", "phantoms", folder)[0] == 2
    assert len(shell.json("quarantine", "list", "phantoms")) == 2
    rotate(shell, policy)
    assert shell.refused("ingest", "phantoms", folder)[0] == 2
    assert len(shell.json("quarantine", "list", "phantoms")) == held


def test_who_was_only_held_before_a_link_keeps_the_key_too(
    shell: Shell, project: Project, make_series: MakeSeries, tmp_path: Path
):
    make_series(tmp_path / "series", patient=ALPHA)
    missing = next(path for path in (tmp_path / "series").iterdir() if pydicom.dcmread(path).InstanceNumber == 3)
    missing.rename(tmp_path / "missing")
    assert shell.refused("ingest", "phantoms", tmp_path / "series") == (2, {"irregular_geometry"})
    (subject,) = {item.subject for item in project.quarantine.held()}
    rotate(shell, "link")
    assert shell.refused("ingest", "phantoms", tmp_path / "series") == (2, {"irregular_geometry"})
    assert len(project.quarantine.held()) == 5
    shell.json("ingest", "phantoms", tmp_path / "series", tmp_path / "missing")
    (image,) = project.images.list()
    assert image.subject == subject
    assert image.sources == 6


def test_a_break_parts_everything_and_the_same_files_are_new_images(
    shell: Shell,
    project: Project,
    make_picture: MakePicture,
    first: Path,
    tmp_path: Path,
):
    picture = make_picture(tmp_path / "one.png", 90)
    shell.json("ingest", "phantoms", picture)
    rotate(shell, "break")
    again = shell.json("ingest", "phantoms", first, picture)
    assert (again["duplicates"], len(again["images"]), again["quarantined"]) == (0, 2, [])
    images = project.images.list()
    for one, two in ((images[0], images[2]), (images[1], images[3])):
        assert one.subject != two.subject
    assert images[0].study != images[2].study
    assert images[0].series != images[2].series
    assert images[0].attributes.frame_of_reference != images[2].attributes.frame_of_reference
    texts = [{str(value) for header in headers(project, number) for value in keyed(header)} for number in (0, 2)]
    assert not texts[0] & texts[1]
    assert [shell.who(images[number].subject) for number in (0, 2)] == [ALPHA, ALPHA]
    assert shell.json("ingest", "phantoms", first, picture)["duplicates"] == 7
    assert shell("journal", "verify", "phantoms")[0] == 0
    assert shell("verify", "phantoms")[0] == 0


def keyed(header: Dataset) -> Iterator[object]:
    """Every keyed value of a stored header: pseudonym, UIDs and dates."""
    for element in header.iterall():
        uid = element.VR == "UI" and str(element.value).startswith("2.25.")
        if uid or (element.VR == "DA" and element.value) or element.keyword in ("PatientID", "PatientName"):
            yield element.value


@pytest.mark.parametrize("policy", ["link", "break"])
@pytest.mark.parametrize("here_before", [False, True])
def test_who_objected_before_a_rotation_is_refused_after_it(
    shell: Shell, make_series: MakeSeries, tmp_path: Path, policy: str, here_before: bool
):
    make_series(tmp_path / "one", patient=ALPHA)
    make_series(tmp_path / "two", patient=ALPHA, seed=2)
    if here_before:
        shell.json("ingest", "phantoms", tmp_path / "one")
    object_to(shell, tmp_path, ALPHA)
    rotate(shell, policy)
    rotate(shell, "link")
    assert shell.refused("ingest", "phantoms", tmp_path / "two") == (2, {"subject_opposed"})
    assert not list((shell.workspace / "quarantine").rglob("*.sealed"))
    shell.json("opposition", "withdraw", "phantoms", tmp_path / "objections.csv")
    assert len(shell.json("ingest", "phantoms", tmp_path / "two")["images"]) == 1


@pytest.mark.parametrize("policy", ["link", "break"])
def test_an_objection_after_a_rotation_covers_every_key(
    shell: Shell, project: Project, make_series: MakeSeries, first: Path, tmp_path: Path, policy: str
):
    rotate(shell, policy)
    shell.json("ingest", "phantoms", follow_up(make_series, tmp_path / "second", first))
    subjects = {image.subject for image in project.images.list()}
    answer = object_to(shell, tmp_path, ALPHA)
    assert (answer["listed"], answer["new"]) == (1, 1)
    assert set(answer["present"]) == subjects
    assert len(subjects) == (1 if policy == "link" else 2)
    assert object_to(shell, tmp_path, ALPHA)["new"] == 0
    make_series(tmp_path / "third", patient=ALPHA, seed=3)
    assert shell.refused("ingest", "phantoms", tmp_path / "third") == (2, {"subject_opposed"})
    rotate(shell, "break")
    assert shell.refused("ingest", "phantoms", tmp_path / "third") == (2, {"subject_opposed"})
    assert shell.json("opposition", "withdraw", "phantoms", tmp_path / "objections.csv") == {"withdrawn": 1}


@pytest.mark.parametrize("policy", ["link", "break"])
def test_erasing_after_a_rotation_takes_what_is_held_of_the_person(
    shell: Shell, project: Project, first: Path, tmp_path: Path, policy: str
):
    other = sorted(first.iterdir())[0]
    header = pydicom.dcmread(other)
    header.PixelData = bytes(len(header.PixelData))
    header.save_as(other)
    assert shell.refused("ingest", "phantoms", other) == (2, {"uid_conflict"})
    rotate(shell, policy)
    (image,) = project.images.list()
    erased = shell.json("erase", "phantoms", "--subject", image.subject)["erased"]
    assert (len(erased["images"]), len(erased["held"]), erased["mapping"]) == (1, 1, True)
    assert not project.quarantine.held()
    assert shell("reidentify", "phantoms", image.subject, "--reason", "to see")[0] == 2


@pytest.mark.parametrize("policy", ["link", "break"])
def test_who_was_erased_comes_back_under_the_newest_key(shell: Shell, project: Project, first: Path, policy: str):
    (before,) = project.images.list()
    rotate(shell, policy)
    shell.json("erase", "phantoms", "--subject", before.subject)
    shell.json("ingest", "phantoms", first)
    (after,) = project.images.list()
    assert after.subject != before.subject


def test_who_was_erased_comes_back_under_the_same_pseudonym_while_the_key_stays(
    shell: Shell, project: Project, first: Path
):
    (before,) = project.images.list()
    shell.json("erase", "phantoms", "--subject", before.subject)
    shell.json("ingest", "phantoms", first)
    (after,) = project.images.list()
    assert (after.subject, after.series) == (before.subject, before.series)


def test_a_changed_secret_makes_nothing(shell: Shell, project: Project, first: Path):
    import sqlite3

    rotate(shell, "link")
    with sqlite3.connect(shell.workspace / "workspace.sqlite") as rows:
        ((sealed,),) = rows.execute("select secret from project").fetchall()
        rows.execute("update project set secret = ?", (sealed[:-1] + bytes([sealed[-1] ^ 1]),))
    rows.close()
    code, out, err = shell("ingest", "phantoms", first)
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert len(project.images.list()) == 1


def test_another_master_key_neither_rotates_nor_ingests_nor_names_anybody(shell: Shell, project: Project, first: Path):
    rotate(shell, "link")
    (image,) = project.images.list()
    key = shell.workspace / "secrets" / "master.key"
    right = key.read_text()
    key.write_text("00" * 32)
    for command in (
        ("project", "rotate-key", "phantoms", "--policy", "link"),
        ("ingest", "phantoms", first),
        ("reidentify", "phantoms", image.subject, "--reason", "to see"),
    ):
        code, out, err = shell(*command)
        assert (code, out, err.count("\n")) == (3, "", 1)
    key.write_text(right)
    assert shell.who(image.subject) == ALPHA
    assert len(project.secrets.epochs()) == 2


def test_a_job_left_by_a_killed_command_bars_the_rotation_until_a_worker_ended_it(shell: Shell, project: Project):
    upload = project.uploads.create("command line")
    project.jobs.begin(IngestWork(upload=upload), "killed", 0)
    code, out, err = shell("project", "rotate-key", "phantoms", "--policy", "link")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert shell("worker", "--once")[0] == 0
    assert project.jobs.list()[0].state is JobState.FAILED
    rotate(shell, "link")


def test_a_copy_of_the_workspace_has_every_key(shell: Shell, project: Project, first: Path, tmp_path: Path):
    rotate(shell, "link")
    shell.json("backup", tmp_path / "copy")
    (shell.workspace / "secrets").rename(tmp_path / "copy" / "secrets")
    copy = Workspace.at(Settings.read(tmp_path / "copy", {}))
    admin = copy.accounts.acting(None)
    assert copy.open(project.record.id, admin.id).secrets.epochs() == project.secrets.epochs()
    copy.close()
