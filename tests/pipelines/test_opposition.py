"""Of who objects no copy is kept, whatever else is wrong with a file, and nothing stays of it once nobody objects."""

from __future__ import annotations

import copy
import json
import zipfile
from io import BytesIO
from pathlib import Path

import pydicom
import pytest

from imaging.dicom.limits import Limits
from imaging.domain.job import IngestWork, ReviewWork
from imaging.project.project import Project
from pipelines import ingest as ingestion
from pipelines.review import review
from tests.pipelines.conftest import MakeSeries
from tests.pipelines.ingesting import silent
from tests.pipelines.opposed_files import (
    ALPHA,
    BETA,
    KINDS,
    Make,
    changed,
    cut_behind_person,
    directory,
    encode,
    of_class,
)
from tests.shell import Shell

ISSUER = "PHANTOM-HOSPITAL"
EVERY_KIND = pytest.mark.parametrize(("make", "reason"), KINDS.values(), ids=KINDS)


@pytest.fixture
def project(project_of_shell: Project) -> Project:
    return project_of_shell


@pytest.fixture
def header(template: pydicom.Dataset) -> pydicom.Dataset:
    made = copy.deepcopy(template)
    del made.DataSetTrailingPadding
    made.PatientID, made.PatientName = ALPHA, "PHANTOM^ALPHA"
    return made


def object_to(shell: Shell, folder: Path, patient: str, issuer: str = "") -> Path:
    path = folder / "objections.csv"
    path.write_text(f"patient_id,issuer\n{patient},{issuer}\n")
    shell.json("opposition", "add", "phantoms", path)
    return path


def ingest(shell: Shell, *paths: Path) -> dict[str, str]:
    """Ingest and give the reason of each held file by the end of its name."""
    made = json.loads(shell("ingest", "phantoms", *paths, "--json")[1])
    return {Path(held["name"]).name: held["reason"] for held in made["quarantined"]}


def kept(shell: Shell) -> int:
    """Bytes in quarantine, whatever they are."""
    return sum(path.stat().st_size for path in (shell.workspace / "quarantine").rglob("*") if path.is_file())


def copies(shell: Shell) -> list[Path]:
    return list((shell.workspace / "quarantine").rglob("*.sealed"))


def listed(shell: Shell) -> list[str]:
    return [held["reason"] for held in shell.json("quarantine", "list", "phantoms")]


@EVERY_KIND
def test_no_copy_of_any_kind_of_file_is_kept_while_its_person_objects(
    shell: Shell, header: pydicom.Dataset, tmp_path: Path, make: Make, reason: str
):
    path = tmp_path / "one"
    path.write_bytes(make(header))
    objections = object_to(shell, tmp_path, ALPHA)
    assert ingest(shell, path) == {"one": "subject_opposed"}
    assert (copies(shell), kept(shell)) == ([], 0)
    assert ingest(shell, path) == {"one": "subject_opposed"}
    assert (listed(shell), copies(shell)) == (["subject_opposed"], [])
    shell.json("opposition", "withdraw", "phantoms", objections)
    assert ingest(shell, path) == {"one": reason}
    assert (listed(shell), len(copies(shell))) == ([reason], 1)
    assert ingest(shell, path) == {"one": reason}
    assert (listed(shell), len(copies(shell))) == ([reason], 1)
    assert shell("journal", "verify", "phantoms")[0] == 0


@EVERY_KIND
def test_a_file_is_held_for_what_it_is_while_only_another_objects(
    shell: Shell, header: pydicom.Dataset, tmp_path: Path, make: Make, reason: str
):
    path = tmp_path / "one"
    path.write_bytes(make(header))
    object_to(shell, tmp_path, "PHA-000099")
    assert ingest(shell, path) == {"one": reason}
    assert len(copies(shell)) == 1


@pytest.mark.parametrize("policy", ["link", "break"])
def test_an_objection_before_a_rotation_covers_files_without_an_image(
    shell: Shell, header: pydicom.Dataset, tmp_path: Path, policy: str
):
    (tmp_path / "report").write_bytes(of_class("88.11")(copy.deepcopy(header)))
    (tmp_path / "directory").write_bytes(directory(("", ALPHA)))
    object_to(shell, tmp_path, ALPHA)
    shell.json("project", "rotate-key", "phantoms", "--policy", policy)
    assert set(ingest(shell, tmp_path / "report", tmp_path / "directory").values()) == {"subject_opposed"}
    assert not copies(shell)


def test_an_objection_without_an_issuer_covers_files_of_every_issuer(
    shell: Shell, header: pydicom.Dataset, tmp_path: Path
):
    header.IssuerOfPatientID = ISSUER
    (tmp_path / "report").write_bytes(of_class("88.11")(header))
    object_to(shell, tmp_path, ALPHA)
    assert ingest(shell, tmp_path / "report") == {"report": "subject_opposed"}
    assert not copies(shell)


def test_an_objection_with_an_issuer_covers_this_issuer_alone(shell: Shell, header: pydicom.Dataset, tmp_path: Path):
    for name, issuer in (("ours", ISSUER), ("theirs", "PHANTOM-CLINIC")):
        header.IssuerOfPatientID = issuer
        (tmp_path / name).write_bytes(changed(Rows=0)(copy.deepcopy(header)))
        (tmp_path / f"{name}-directory").write_bytes(directory((issuer, ALPHA)))
    object_to(shell, tmp_path, ALPHA, ISSUER)
    names = ("ours", "ours-directory", "theirs", "theirs-directory")
    assert {name: ingest(shell, tmp_path / name)[name] for name in names} == {
        "ours": "subject_opposed",
        "ours-directory": "subject_opposed",
        "theirs": "unreadable",
        "theirs-directory": "no_pixels",
    }
    assert len(copies(shell)) == 2


def test_a_file_without_an_issuer_is_of_whoever_of_its_id_objects(
    shell: Shell, header: pydicom.Dataset, tmp_path: Path
):
    (tmp_path / "bare").write_bytes(of_class("88.11")(copy.deepcopy(header)))
    header.PatientID, header.OtherPatientIDs, header.IssuerOfPatientID = BETA, ALPHA, "PHANTOM-CLINIC"
    (tmp_path / "beside").write_bytes(of_class("88.12")(header))
    other = object_to(shell, tmp_path, ALPHA, "PHANTOM-CLINIC")
    shell.json("opposition", "withdraw", "phantoms", other)
    mine = object_to(shell, tmp_path, ALPHA, ISSUER)
    assert len(shell.json("opposition", "list", "phantoms")) == 1
    for name in ("bare", "beside"):
        assert ingest(shell, tmp_path / name) == {name: "subject_opposed"}
    assert not copies(shell)
    shell.json("opposition", "withdraw", "phantoms", mine)
    assert ingest(shell, tmp_path / "bare") == {"bare": "no_pixels"}


def test_what_names_no_issuer_goes_with_the_files_beside_it_that_do(
    shell: Shell, header: pydicom.Dataset, tmp_path: Path
):
    folder = tmp_path / "in"
    folder.mkdir()
    header.IssuerOfPatientID = ISSUER
    (folder / "image").write_bytes(encode(copy.deepcopy(header)))
    (folder / "cut").write_bytes(cut_behind_person(header))
    (folder / "DICOMDIR").write_bytes(directory(("", BETA), ("", ALPHA)))
    (folder / "other").write_bytes(directory(("", BETA)))
    object_to(shell, tmp_path, ALPHA, ISSUER)
    assert ingest(shell, folder) == {
        "image": "subject_opposed",
        "cut": "subject_opposed",
        "DICOMDIR": "subject_opposed",
        "other": "no_pixels",
    }
    assert len(copies(shell)) == 1


def test_members_of_an_archive_are_refused_one_by_one(shell: Shell, header: pydicom.Dataset, tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("ours/report", of_class("88.11")(copy.deepcopy(header)))
        header.PatientID = BETA
        archive.writestr("theirs/note", of_class("88.11")(header))
    object_to(shell, tmp_path, ALPHA)
    assert ingest(shell, tmp_path / "all.zip") == {"report": "subject_opposed", "note": "no_pixels"}
    assert len(copies(shell)) == 1


@pytest.fixture
def broken_archive(header: pydicom.Dataset, tmp_path: Path) -> Path:
    """An archive of a report of ALPHA and a member that cannot be unpacked."""
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("report", of_class("88.11")(copy.deepcopy(header)))
        archive.writestr("broken", b"PHANTOM" * 100)
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PHANTOMPHANTOM") + 200] ^= 1
    path.write_bytes(raw)
    return path


def test_no_archive_is_kept_for_a_broken_member_where_another_is_of_who_objects(
    shell: Shell, broken_archive: Path, tmp_path: Path
):
    objections = object_to(shell, tmp_path, ALPHA)
    assert ingest(shell, broken_archive) == {"report": "subject_opposed", "broken": "subject_opposed"}
    assert not copies(shell)
    shell.json("opposition", "withdraw", "phantoms", objections)
    assert ingest(shell, broken_archive) == {"report": "no_pixels", "broken": "unreadable"}
    assert (sorted(listed(shell)), len(copies(shell))) == (["no_pixels", "unreadable"], 2)


def test_an_archive_is_kept_for_a_broken_member_where_only_another_objects(
    shell: Shell, broken_archive: Path, tmp_path: Path
):
    object_to(shell, tmp_path, BETA)
    assert ingest(shell, broken_archive) == {"report": "no_pixels", "broken": "unreadable"}
    assert len(copies(shell)) == 2


def test_an_upload_through_the_page_keeps_nothing_of_who_objects(
    shell: Shell, project: Project, broken_archive: Path, header: pydicom.Dataset, tmp_path: Path
):
    object_to(shell, tmp_path, ALPHA)
    upload = project.uploads.create("page")
    with broken_archive.open("rb") as stream:
        project.uploads.add(upload, "disc/all.zip", stream)
    project.uploads.add(upload, "disc/document", BytesIO(of_class("104.1")(header)))
    made = ingestion.ingest_upload(project, IngestWork(upload=upload), silent)
    assert [held.reason.value for held in made.quarantined] == ["subject_opposed"] * 3
    assert not copies(shell)


def test_a_file_beyond_the_limits_of_an_upload_is_looked_at_for_its_person(
    shell: Shell, make_series: MakeSeries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    make_series(tmp_path / "in")
    monkeypatch.setattr(ingestion, "Limits", lambda: Limits(files=2))
    object_to(shell, tmp_path, ALPHA)
    assert set(ingest(shell, tmp_path / "in").values()) == {"subject_opposed"}
    assert not copies(shell)


def test_owners_are_read_only_where_somebody_objects(
    shell: Shell, header: pydicom.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(path: Path) -> None:
        raise AssertionError("the file is read twice")

    monkeypatch.setattr("pipelines.opposition.read_owners", fail)
    (tmp_path / "report").write_bytes(of_class("88.11")(header))
    assert ingest(shell, tmp_path / "report") == {"report": "no_pixels"}


def test_a_held_file_that_is_decided_on_tells_that_its_person_objects_by_now(
    shell: Shell, project: Project, header: pydicom.Dataset, tmp_path: Path
):
    (tmp_path / "report").write_bytes(of_class("88.11")(header))
    assert ingest(shell, tmp_path / "report") == {"report": "no_pixels"}
    object_to(shell, tmp_path, ALPHA)
    (held,) = project.quarantine.held()
    (outcome,) = review(project, ReviewWork(items=(held.id,)), silent)
    assert (outcome.decision, outcome.reason and outcome.reason.value) == ("held", "subject_opposed")


def test_files_that_become_an_image_leave_nothing_of_the_objection(
    shell: Shell, make_series: MakeSeries, project: Project, tmp_path: Path
):
    make_series(tmp_path / "in")
    same = tmp_path / "in" / "copy"
    objections = object_to(shell, tmp_path, ALPHA)
    assert set(ingest(shell, tmp_path / "in").values()) == {"subject_opposed"}
    # Under another name the same bytes are held once more.
    same.write_bytes(next((tmp_path / "in").iterdir()).read_bytes())
    assert ingest(shell, same) == {"copy": "subject_opposed"}
    assert len(listed(shell)) == 7
    shell.json("opposition", "withdraw", "phantoms", objections)
    assert ingest(shell, tmp_path / "in") == {}
    assert (listed(shell), len(project.images.list())) == ([], 1)
    gone = [event for event in project.journal.list() if (event.action, event.kind) == ("withdraw", "file")]
    assert len(gone) == 7


def test_a_withdrawn_objection_leaves_the_entries_of_who_objects_still(
    shell: Shell, header: pydicom.Dataset, tmp_path: Path
):
    for name, patient in (("one", ALPHA), ("two", BETA)):
        header.PatientID = patient
        (tmp_path / name).write_bytes(of_class("88.11")(copy.deepcopy(header)))
    object_to(shell, tmp_path, BETA)
    objections = object_to(shell, tmp_path, ALPHA)
    ingest(shell, tmp_path / "one", tmp_path / "two")
    shell.json("opposition", "withdraw", "phantoms", objections)
    assert ingest(shell, tmp_path / "one", tmp_path / "two") == {"one": "no_pixels", "two": "subject_opposed"}
    assert (sorted(listed(shell)), len(copies(shell))) == (["no_pixels", "subject_opposed"], 1)


def test_a_member_who_only_uploads_gets_the_true_outcome_after_a_withdrawal(
    shell: Shell, header: pydicom.Dataset, tmp_path: Path
):
    shell.json("user", "add", "carrier")
    shell.json("project", "member", "add", "phantoms", "carrier", "uploader")
    (tmp_path / "report").write_bytes(of_class("88.11")(header))
    objections = object_to(shell, tmp_path, ALPHA)
    command = ("ingest", "phantoms", tmp_path / "report", "--as", "carrier")
    assert shell.refused(*command) == (2, {"subject_opposed"})
    shell.json("opposition", "withdraw", "phantoms", objections)
    assert shell.refused(*command) == (2, {"no_pixels"})
    assert (listed(shell), len(copies(shell))) == (["no_pixels"], 1)


def test_a_real_disc_of_who_objects_leaves_nothing(shell: Shell, shared_data: Path, tmp_path: Path):
    disc = shared_data / "dicomdir_export" / "TINY_ALPHA"
    objections = object_to(shell, tmp_path, "12345678")
    made = json.loads(shell("ingest", "phantoms", disc, "--json")[1])
    reasons = [held["reason"] for held in made["quarantined"]]
    assert (reasons.count("subject_opposed"), len(reasons), made["files"]) == (51, 52, 52)
    # What is left names nobody.
    assert len(copies(shell)) == reasons.count("not_dicom") == 1
    shell.json("opposition", "withdraw", "phantoms", objections)
    again = json.loads(shell("ingest", "phantoms", disc, "--json")[1])
    assert "subject_opposed" not in {held["reason"] for held in again["quarantined"]}
    assert "subject_opposed" not in listed(shell)
    assert len(copies(shell)) == len(again["quarantined"]) == len(listed(shell))


@pytest.mark.parametrize(("told", "stated"), [("", ""), (ISSUER, ISSUER), (ISSUER, "")])
def test_a_held_directory_that_lists_who_objects_is_told_and_erased(
    shell: Shell, tmp_path: Path, told: str, stated: str
):
    (tmp_path / "DICOMDIR").write_bytes(directory(("", BETA), (told, ALPHA)))
    ingest(shell, tmp_path / "DICOMDIR")
    (held,) = shell.json("quarantine", "list", "phantoms")
    (tmp_path / "list.csv").write_text(f"patient_id,issuer\n{ALPHA},{stated}\n")
    ((subject, files),) = shell.json("opposition", "add", "phantoms", tmp_path / "list.csv")["held"].items()
    assert files == [held["id"]]
    assert shell.json("erase", "phantoms", "--subject", subject)["erased"]["held"] == files
    assert shell.json("quarantine", "list", "phantoms") == []


def test_a_directory_that_may_list_another_person_is_told_apart(shell: Shell, header: pydicom.Dataset, tmp_path: Path):
    """Two hospitals have this ID; the one that objects has nothing here, and the other's image is not named."""
    header.IssuerOfPatientID = "PHANTOM-CLINIC"
    header.save_as(tmp_path / "image.dcm")
    (tmp_path / "DICOMDIR").write_bytes(directory(("", BETA), ("", ALPHA)))
    ingest(shell, tmp_path / "image.dcm", tmp_path / "DICOMDIR")
    (held,) = shell.json("quarantine", "list", "phantoms")
    (tmp_path / "list.csv").write_text(f"patient_id,issuer\n{ALPHA},{ISSUER}\n")
    answer = shell.json("opposition", "add", "phantoms", tmp_path / "list.csv")
    assert (answer["present"], answer["held"], answer["held_perhaps"]) == ({}, {}, [held["id"]])
    said = shell("opposition", "add", "phantoms", tmp_path / "list.csv")[1]
    assert "erase" not in said
    assert f"imaging quarantine refuse phantoms {held['id']}" in said


def known_elsewhere(header: pydicom.Dataset, how: str) -> None:
    """Make a header BETA's that tells ALPHA's ID besides."""
    header.PatientID = BETA
    if how == "other IDs":
        header.OtherPatientIDs = ["PHANTOM-ELSEWHERE", ALPHA]
    elif how == "sequence":
        other = pydicom.Dataset()
        other.PatientID, other.IssuerOfPatientID = ALPHA, ISSUER
        header.OtherPatientIDsSequence = [other]
    else:
        header.PatientID = f"{BETA}\\{ALPHA}"


@pytest.mark.parametrize("how", ["other IDs", "sequence", "second value"])
@pytest.mark.parametrize("kind", ["image", "report"])
def test_an_objection_holds_for_every_id_that_a_file_tells(
    shell: Shell, header: pydicom.Dataset, tmp_path: Path, how: str, kind: str
):
    known_elsewhere(header, how)
    (tmp_path / "one.dcm").write_bytes(of_class("88.11")(header) if kind == "report" else encode(header))
    object_to(shell, tmp_path, ALPHA)
    assert ingest(shell, tmp_path / "one.dcm") == {"one.dcm": "subject_opposed"}
    assert ALPHA.encode() not in b"".join(path.read_bytes() for path in shell.workspace.rglob("*") if path.is_file())


def test_a_file_of_several_patient_ids_is_nobodys(shell: Shell, header: pydicom.Dataset, tmp_path: Path):
    known_elsewhere(header, "second value")
    header.save_as(tmp_path / "one.dcm")
    assert ingest(shell, tmp_path / "one.dcm") == {"one.dcm": "empty_patient_id"}
