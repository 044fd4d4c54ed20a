"""A person can be found again by a controller alone, can object, and can be erased with everything that is here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pydicom
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydicom.uid import generate_uid

from imaging.erasure import Certificate
from tests.pipelines.opposed_files import directory
from tests.shell import Shell

SAMPLE = Path(__file__).parents[2] / "sample_dicom" / "images"


@pytest.fixture
def original() -> pydicom.Dataset:
    return pydicom.dcmread(sorted((SAMPLE / "mr-head-11").iterdir())[0])


def subject_of(shell: Shell) -> str:
    events = shell("journal", "show", "phantoms", "--json")[1]
    return str(next(event["detail"]["subject"] for event in json.loads(events) if event["kind"] == "subject"))


def write_directory(path: Path, *patient_ids: str, pointed: Sequence[str] = ()) -> None:
    """Write a DICOMDIR with a record for each patient and image; as is usual, it names no issuer."""
    path.write_bytes(directory(*(("", patient_id) for patient_id in patient_ids), pointed=pointed))


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_controller_finds_the_person_again_and_the_journal_tells(shell: Shell, original: pydicom.Dataset):
    shell.json("ingest", "phantoms", SAMPLE / "mr-head-11")
    subject = subject_of(shell)
    found = shell.json("reidentify", "phantoms", subject, "--reason", "incidental finding 7")
    assert found == {"subject": subject, "patient_id": original.PatientID, "issuer": original.IssuerOfPatientID}
    told = json.loads(shell("journal", "show", "phantoms", "--json")[1])[-1]
    assert (told["action"], told["detail"]["reason"]) == ("reidentify", "incidental finding 7")
    assert original.PatientID.encode() not in everything(shell.workspace)
    assert shell("journal", "verify", "phantoms")[0] == 0


def test_nobody_else_does(shell: Shell, original: pydicom.Dataset):
    shell.json("ingest", "phantoms", SAMPLE / "mr-head-11")
    subject = subject_of(shell)
    shell.json("user", "add", "beta")
    shell.json("project", "member", "add", "phantoms", "beta", "manager")
    assert shell("reidentify", "phantoms", subject, "--reason", "curious", "--as", "beta")[0] == 3
    assert shell("reidentify", "phantoms", "NOBODY", "--reason", "curious")[0] == 2
    assert shell("reidentify", "phantoms", subject, "--reason", " ")[0] == 2
    code, out, err = shell("reidentify", "phantoms", subject, "--reason", f"it is {original.PatientID}")
    assert (code, out) == (2, "")
    assert original.PatientID not in err


def test_a_patients_id_typed_for_a_pseudonym_is_not_written_down(shell: Shell, original: pydicom.Dataset):
    shell.json("ingest", "phantoms", SAMPLE / "mr-head-11")
    for subject, reason in ((original.PatientID, "curious"), ("A" * 16, "who is it")):
        assert shell("reidentify", "phantoms", subject, "--reason", reason)[0] == 2
    told = json.loads(shell("journal", "show", "phantoms", "--json")[1])[-2:]
    assert [event["detail"]["subject"] for event in told] == [None, "A" * 16]
    spelled = original.PatientID.replace("-", " ").lower()
    for typed in (original.PatientID, spelled, subject_of(shell)):
        code, _, err = shell("reidentify", "phantoms", typed, "--reason", f"find ({spelled}), please")
        assert (code, err) == (2, "imaging: the reason must not name the person: it stands in the journal\n")
    assert original.PatientID.encode() not in everything(shell.workspace)


def test_a_changed_mapping_fails_closed(shell: Shell, original: pydicom.Dataset):
    shell.json("ingest", "phantoms", SAMPLE / "mr-head-11")
    shell.json("ingest", "phantoms", SAMPLE / "mr-head-12")
    import sqlite3

    (mapping,) = (shell.workspace / "secrets" / "subjects").glob("*.sqlite")
    assert mapping.stat().st_mode & 0o077 == 0
    with sqlite3.connect(mapping) as rows:
        sealed = rows.execute("select subject, sealed from mapping").fetchall()
        (one, other) = (row[0] for row in sealed)
        rows.execute("update mapping set sealed = ? where subject = ?", (sealed[0][1], other))
    code, out, err = shell("reidentify", "phantoms", other, "--reason", "check")
    assert (code, out) == (4, "")
    assert original.PatientID not in err
    assert shell("reidentify", "phantoms", one, "--reason", "check")[0] == 0


def test_who_objects_is_refused_and_no_copy_is_held(shell: Shell, original: pydicom.Dataset, tmp_path: Path):
    objections = tmp_path / "objections.csv"
    objections.write_text(f"patient_id,issuer\n{original.PatientID},{original.IssuerOfPatientID}\n")
    answer = shell.json("opposition", "add", "phantoms", objections)
    assert answer == {"listed": 1, "new": 1, "present": {}, "held": {}, "held_perhaps": []}
    code, out, _ = shell("ingest", "phantoms", SAMPLE / "mr-head-11", "--json")
    made = json.loads(out)
    assert code == 2
    assert {held["reason"] for held in made["quarantined"]} == {"subject_opposed"}
    assert len(made["quarantined"]) == made["files"] == 30
    assert not list((shell.workspace / "quarantine").rglob("*.sealed"))
    assert original.PatientID.encode() not in everything(shell.workspace)
    assert len(shell.json("opposition", "list", "phantoms")) == 1
    shell.json("opposition", "withdraw", "phantoms", objections)
    assert len(shell.json("ingest", "phantoms", SAMPLE / "mr-head-11")["images"]) == 1


def test_an_objection_without_an_issuer_holds_for_every_issuer(shell: Shell, original: pydicom.Dataset, tmp_path: Path):
    assert original.IssuerOfPatientID
    objections = tmp_path / "objections.csv"
    objections.write_text(f"patient_id\n{original.PatientID}\n")
    shell.json("opposition", "add", "phantoms", objections)
    code, out, _ = shell("ingest", "phantoms", SAMPLE / "mr-head-11", "--json")
    assert code == 2
    assert {held["reason"] for held in json.loads(out)["quarantined"]} == {"subject_opposed"}


def test_an_objection_without_an_issuer_tells_what_is_here_already(
    shell: Shell, original: pydicom.Dataset, tmp_path: Path
):
    shell.json("ingest", "phantoms", SAMPLE / "mr-head-11")
    objections = tmp_path / "objections.csv"
    objections.write_text(f"patient_id\n{original.PatientID}\n")
    subject = subject_of(shell)
    assert list(shell.json("opposition", "add", "phantoms", objections)["present"]) == [subject]


@pytest.mark.parametrize("issued", [True, False], ids=["issuer", "any issuer"])
def test_a_person_of_whom_files_are_only_held_is_told_and_erased(
    shell: Shell, original: pydicom.Dataset, tmp_path: Path, issued: bool
):
    original.BurnedInAnnotation = "YES"
    original.save_as(tmp_path / "one.dcm")
    assert shell.refused("ingest", "phantoms", tmp_path / "one.dcm") == (2, {"burned_in_risk"})
    (held,) = shell.json("quarantine", "list", "phantoms")
    columns, row = ("patient_id,issuer", f"{original.PatientID},{original.IssuerOfPatientID}")
    (tmp_path / "list.csv").write_text(f"{columns}\n{row}\n" if issued else f"patient_id\n{original.PatientID}\n")
    answer = shell.json("opposition", "add", "phantoms", tmp_path / "list.csv")
    ((subject, files),) = answer["held"].items()
    assert (files, answer["present"]) == ([held["id"]], {})
    assert f"{subject}  has 1 held file here" in shell("opposition", "add", "phantoms", tmp_path / "list.csv")[1]
    assert shell.json("erase", "phantoms", "--subject", subject)["erased"]["held"] == files
    assert shell.json("quarantine", "list", "phantoms") == []


@pytest.mark.parametrize(
    "text",
    [
        *("", "name\nPHANTOM", "patient_id\n\n ,\n", "patient_id,issuer\n,X\n", "\xff\xfe"),
        *('patient_id\n"PHANTOM-1\nPHANTOM-2\n', 'patient_id\n"PHANTOM-1\nPHANTOM-2"\n', "patient_id\nPHANTOM-1,X\n"),
        *("patient_id,patient_id\nPHANTOM-1,PHANTOM-2\n", "patient_id,name\nPHANTOM-1,X\n"),
    ],
)
def test_a_bad_list_is_one_line(shell: Shell, tmp_path: Path, text: str):
    (tmp_path / "list.csv").write_bytes(text.encode("latin-1"))
    code, out, err = shell("opposition", "add", "phantoms", tmp_path / "list.csv")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "PHANTOM" not in err


def test_erasing_removes_images_held_files_and_the_way_back(shell: Shell, original: pydicom.Dataset, tmp_path: Path):
    upload = tmp_path / "upload"
    shutil.copytree(SAMPLE / "mr-head-11", upload / "eleven")
    shutil.copytree(SAMPLE / "mr-head-12", upload / "twelve")
    late = pydicom.dcmread(next((upload / "eleven").iterdir()))
    whole = sorted((upload / "eleven").iterdir())[0].read_bytes()
    (upload / "cut").write_bytes(whole[: len(whole) - 100])
    (upload / "note.txt").write_text("not DICOM")
    write_directory(upload / "DICOMDIR", "PHA-9999", str(original.PatientID))
    write_directory(upload / "DIRFILE", pointed=[str(original.SOPInstanceUID)])
    write_directory(upload / "OTHER", pointed=[str(late.SOPInstanceUID) + "1"])
    shell.json("ingest", "phantoms", upload)
    subjects = {
        event["detail"]["subject"]
        for event in json.loads(shell("journal", "show", "phantoms", "--json")[1])
        if event["kind"] == "subject"
    }
    (subject,) = (
        one
        for one in subjects
        if shell.json("reidentify", "phantoms", one, "--reason", "x")["patient_id"] == original.PatientID
    )
    objections = tmp_path / "objections.csv"
    objections.write_text(f"patient_id,issuer\n{original.PatientID},{original.IssuerOfPatientID}\n")
    present = shell.json("opposition", "add", "phantoms", objections)["present"]
    assert list(present) == [subject]
    late.SOPInstanceUID = late.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    late.save_as(tmp_path / "late.dcm")
    assert shell("ingest", "phantoms", tmp_path / "late.dcm")[0] == 2
    code, out, err = shell("erase", "phantoms", "--subject", subject, "--json")
    # The note and the directory that points elsewhere: only who looks at them can tell whose they are.
    assert (code, err.startswith("imaging: 2 held files do not say whose"), err.count("\n")) == (0, True, 1)
    certificate = Certificate.model_validate_json(out)
    assert (len(certificate.erased.images), len(certificate.erased.held), certificate.erased.mapping) == (1, 4, True)
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(certificate.public_key))
    public.verify(bytes.fromhex(certificate.signature), certificate.message())
    assert len(shell.json("images", "phantoms")) == 1
    assert sorted(held["reason"] for held in shell.json("quarantine", "list", "phantoms")) == ["no_pixels", "not_dicom"]
    assert shell("reidentify", "phantoms", subject, "--reason", "x")[0] == 2
    assert shell("erase", "phantoms", "--subject", subject)[0] == 2
    for command in (("verify",), ("journal", "verify")):
        assert shell(*command, "phantoms")[0] == 0


def test_a_list_of_a_french_spreadsheet_is_read(shell: Shell, tmp_path: Path):
    (tmp_path / "list.csv").write_text("patient_id;issuer\r\nPHANTOM-1;PHANTOM, HOSPITAL\r\n", encoding="utf-8-sig")
    assert shell.json("opposition", "add", "phantoms", tmp_path / "list.csv")["listed"] == 1
