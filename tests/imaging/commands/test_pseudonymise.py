"""`imaging pseudonymise`: one outcome per file, the same bytes for the same key, nothing left half-made."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from imaging.dicom import copying
from imaging.dicom.batch import pseudonymise_folder
from imaging.dicom.profile import Profile
from imaging.dicom.pseudonyms import Pseudonyms
from tests.imaging.commands.pseudonymising import SAMPLE, Tool

PYDICOM = Path(str(get_testdata_file("CT_small.dcm"))).parent


def test_a_folder_is_copied_under_pseudonyms_alone(tool: Tool):
    answer = tool.document(SAMPLE, "out", "--workers", "1")
    assert (answer["files"], answer["written"], answer["quarantined"]) == (30, 30, [])
    assert stat.S_IMODE(tool.key.stat().st_mode) == 0o600
    pseudonyms = Pseudonyms(bytes.fromhex(tool.key.read_text()))
    original = pydicom.dcmread(sorted(SAMPLE.iterdir())[0])
    place = "/".join(
        [
            pseudonyms.subject(original.IssuerOfPatientID, original.PatientID),
            *(pseudonyms.uid(original[name].value) for name in ("StudyInstanceUID", "SeriesInstanceUID")),
        ]
    )
    copies = tool.copies()
    assert len(copies) == 30
    assert all(name.startswith(f"{place}/2.25.") for name in copies)
    written = pydicom.dcmread(tool.folder / "out" / place / f"{pseudonyms.uid(original.SOPInstanceUID)}.dcm")
    assert written.PixelData == original.PixelData
    assert written.ImagePositionPatient == original.ImagePositionPatient
    assert str(original.PatientID) not in str(written)


def test_same_key_same_bytes_over_workers_order_and_runs(tool: Tool, tmp_path: Path):
    tool.document(SAMPLE, "one", "--workers", "1")
    shuffled = tmp_path / "shuffled"
    shuffled.mkdir()
    for number, path in enumerate(sorted(SAMPLE.iterdir(), reverse=True)):
        shutil.copy(path, shuffled / f"{number:03d}")
    tool.document(shuffled, "two", "--workers", "2")
    assert tool.copies("one") == tool.copies("two")
    tool.document(SAMPLE, "one", "--workers", "1")
    assert tool.copies("one") == tool.copies("two")


def test_another_key_shares_no_path_and_no_file(tool: Tool):
    tool.document(SAMPLE, "one", "--workers", "1")
    tool.key = tool.folder / "other"
    tool.document(SAMPLE, "two", "--workers", "1")
    ours, theirs = tool.copies("one"), tool.copies("two")
    assert not set(ours) & set(theirs)
    assert not set(ours.values()) & set(theirs.values())


def test_copies_that_another_key_made_in_the_same_folder_are_told(tool: Tool):
    tool.document(SAMPLE, "out", "--workers", "1")
    made = len(tool.copies())
    # The same run again makes the same files: there is nothing to tell.
    assert "did not make" not in tool(SAMPLE, "out", "--workers", "1")[2]
    tool.key = tool.folder / "other"
    code, _, err = tool(SAMPLE, "out", "--workers", "1")
    assert code == 0
    assert f"imaging: the output folder holds {made} copies that this run did not make\n" in err


def test_every_file_of_pydicom_ends_in_exactly_one_outcome(tool: Tool):
    count = sum(path.is_file() for path in PYDICOM.rglob("*"))
    answer = tool.document(PYDICOM, "out", "--workers", "1")
    quarantined = answer["quarantined"]
    assert isinstance(quarantined, list)
    # A zip in that folder counts its members.
    assert answer["files"] == answer["written"] + answer["duplicates"] + len(quarantined) >= count
    copies = tool.copies()
    # Sixty of its files are headers of images alone: nobody can tell them from images that were cut off.
    assert len(copies) == answer["written"] > 35
    for name in copies:
        assert pydicom.dcmread(tool.folder / "out" / name).PatientIdentityRemoved == "YES"


def test_two_files_of_one_uid_and_other_content_are_both_held_whichever_comes_first(tool: Tool, tmp_path: Path):
    for order in (("a", "b"), ("b", "a")):
        source = tmp_path / "".join(order)
        source.mkdir()
        header = pydicom.dcmread(sorted(SAMPLE.iterdir())[0])
        header.save_as(source / order[0])
        header.InstanceNumber = 99
        header.save_as(source / order[1])
        shutil.copy(source / order[0], source / "c")
        answer = tool.document(source, f"out-{order[0]}", "--workers", "1")
        assert isinstance(answer["quarantined"], list)
        assert [held["reason"] for held in answer["quarantined"]] == ["uid_conflict"] * 3
        assert tool.copies(f"out-{order[0]}") == {}


def test_the_same_file_twice_is_a_duplicate(tool: Tool, tmp_path: Path):
    source = tmp_path / "twice"
    source.mkdir()
    for name in ("a", "b"):
        shutil.copy(sorted(SAMPLE.iterdir())[0], source / name)
    answer = tool.document(source, "out", "--workers", "1")
    assert (answer["written"], answer["duplicates"]) == (1, 1)


def cut_off(tool: Tool, monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    rewrite, calls = copying.rewrite, []

    def failing(*arguments: object, **options: object) -> object:
        calls.append(1)
        if len(calls) > after:
            raise KeyboardInterrupt
        return rewrite(*arguments, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(copying, "rewrite", failing)
        with pytest.raises(KeyboardInterrupt):
            batch_run(tool)


def test_a_cut_off_run_goes_on_where_it_was(tool: Tool, monkeypatch: pytest.MonkeyPatch):
    cut_off(tool, monkeypatch, after=10)
    left = tool.copies()
    assert len(left) == 11  # ten copies and the list of them
    assert not any(".partial" in name for name in left)
    rewrite, calls = copying.rewrite, []
    monkeypatch.setattr(copying, "rewrite", lambda *a, **o: (calls.append(1), rewrite(*a, **o))[1])
    answer = tool.document(SAMPLE, "out", "--workers", "1")
    assert (answer["written"], len(calls)) == (30, 20)
    assert len(tool.copies()) == 30


def batch_run(tool: Tool) -> None:
    if not tool.key.exists():
        tool.key.write_text("ab" * 32)
    order = copying.Order(bytes.fromhex("ab" * 32), Profile.built_in("research"), 1)
    pseudonymise_folder(SAMPLE, tool.folder / "out", order, lambda files: None)


@pytest.mark.parametrize(("key", "profile"), [("cd" * 32, "research"), ("ab" * 32, "basic")])
def test_what_a_run_under_another_key_or_profile_left_is_not_mixed(
    tool: Tool, monkeypatch: pytest.MonkeyPatch, key: str, profile: str
):
    cut_off(tool, monkeypatch, after=10)
    left = tool.copies()
    tool.key.write_text(key)
    code, out, err = tool(SAMPLE, "out", "--profile", profile)
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert "another key or profile" in err
    assert tool.copies() == left


def test_originals_that_a_killed_run_unpacked_go_with_the_next(tool: Tool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tool.folder / "tmp"))
    (tool.folder / "tmp").mkdir()
    with zipfile.ZipFile(tool.folder / "in.zip", "w") as archive:
        for path in sorted(SAMPLE.iterdir()):
            archive.write(path, path.name)
    script = (
        "import os, signal; from imaging import cli; from imaging.dicom import copying\n"
        "copying.rewrite = lambda *a, **o: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"cli.main(['pseudonymise', {str(tool.folder / 'in.zip')!r}, {str(tool.folder / 'out')!r}, "
        f"'--key-file', {str(tool.key)!r}, '--workers', '1'])"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "TMPDIR": str(tool.folder / "tmp")}, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert any(path.is_file() for path in (tool.folder / "tmp").rglob("*"))
    tool.document(tool.folder / "in.zip", "out", "--workers", "1")
    assert not any(path.is_file() for path in (tool.folder / "tmp").rglob("*"))


@pytest.mark.parametrize("taken", ["link", "open"])
def test_originals_are_not_unpacked_where_others_look(tool: Tool, monkeypatch: pytest.MonkeyPatch, taken: str):
    monkeypatch.setattr(tempfile, "tempdir", str(tool.folder / "tmp"))
    place = tool.folder / "tmp" / f"imaging-{os.getuid()}"
    place.parent.mkdir()
    if taken == "link":
        (tool.folder / "elsewhere").mkdir()
        place.symlink_to(tool.folder / "elsewhere")
    else:
        place.mkdir()
        place.chmod(0o777)
    code, out, err = tool(SAMPLE)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert not (tool.folder / "out").exists()


def test_the_mapping_names_old_and_new_for_its_holder_only(tool: Tool):
    tool.document(SAMPLE, "out", "--workers", "1", "--mapping", str(tool.folder / "map.csv"))
    assert stat.S_IMODE((tool.folder / "map.csv").stat().st_mode) == 0o600
    with (tool.folder / "map.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[0].keys() == {"id_old", "id_new"}
    pseudonyms = Pseudonyms(bytes.fromhex(tool.key.read_text()))
    original = pydicom.dcmread(sorted(SAMPLE.iterdir())[0])
    found = {row["id_old"]: row["id_new"] for row in rows}
    assert found[original.PatientID] == pseudonyms.subject(original.IssuerOfPatientID, original.PatientID)
    assert found[original.SOPInstanceUID] == pseudonyms.uid(original.SOPInstanceUID)


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 31, b"ab" * 31, b"zz" * 32])
def test_a_key_under_256_bits_is_refused(tool: Tool, content: bytes):
    tool.key.write_bytes(content)
    code, out, err = tool(SAMPLE)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "256 bits" in err
    assert not (tool.folder / "out").exists()


def test_bad_places_are_one_line(tool: Tool, tmp_path: Path):
    source = tmp_path / "in"
    shutil.copytree(SAMPLE, source)
    (tmp_path / "file").touch()
    for given, target, options in (
        (tmp_path / "absent", "out", ()),
        (source, "in/out", ()),
        (source, ".", ()),
        (source, "file/out", ()),
        (source, "/proc/imaging-out", ()),
        (source, "out", ("--mapping", str(tmp_path / "out" / "map.csv"))),
        (source, "out", ("--profile", str(tmp_path / "absent.toml"))),
    ):
        code, out, err = tool(given, target, *options)
        assert (code, out, err.count("\n")) == (2, "", 1), err
    assert len(list(source.iterdir())) == 30
    tool.key = tmp_path / "out" / "key"
    assert tool(source)[0] == 2


def test_two_runs_do_not_write_into_one_folder(tool: Tool):
    (tool.folder / "out").mkdir()
    handle = os.open(tool.folder / "out", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    code, out, err = tool(SAMPLE)
    os.close(handle)
    assert (code, out, err) == (3, "", "imaging: output folder: another run writes into it\n")
    assert tool.copies() == {}
    assert tool(SAMPLE)[0] == 0


@pytest.mark.parametrize("option", ["--mapping", "--report"])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(tool: Tool, option: str):
    code, out, err = tool(SAMPLE, "out", option, str(tool.folder / "absent" / "file"))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert tool.copies() == {}


def test_an_absent_input_makes_no_key(tool: Tool):
    assert tool(tool.folder / "absent")[0] == 2
    assert not tool.key.exists()


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_report_counts_what_was_done_and_holds_no_value(tool: Tool, language: str):
    report = tool.folder / "report.json"
    tool.document(SAMPLE, "out", "--workers", "1", "--report", str(report), "--language", language)
    told = json.loads(report.read_text())
    assert told["attributes"]["PatientName"] == {"subject": 30}
    assert told["attributes"]["SOPInstanceUID"] == {"uid": 30}
    assert told["written"] == 30
    page = report.with_suffix(".html").read_text()
    assert f"<html lang={language}>" in page
    assert "PatientName" in page
    assert {"en": "Files: 30", "fr": "Fichiers\N{NO-BREAK SPACE}: 30"}[language] in page
    assert {"en": "<dd>yes</dd>", "fr": "<dd>oui</dd>"}[language] in page
    assert not re.search(r"True|False|None", page)
    original = pydicom.dcmread(sorted(SAMPLE.iterdir())[0])
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "StudyDate", "InstitutionName", "AccessionNumber"):
        if original.get(keyword):
            assert str(original[keyword].value) not in report.read_text() + page


@pytest.mark.heavy
@pytest.mark.timeout(1800)
def test_ten_thousand_files_take_no_more_memory_than_one_thousand(tool: Tool):
    peaks = {}
    for count in (1_000, 10_000):
        source = tool.folder / f"in-{count}"
        write_many(source, count)
        peaks[count] = measure_peak(tool, source, tool.folder / f"out-{count}")
        shutil.rmtree(source)
    # The list of what is written grows by some 300 bytes a file.
    assert peaks[10_000] < peaks[1_000] + 10 * 2**20


def write_many(folder: Path, count: int) -> None:
    folder.mkdir()
    original = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    for number in range(count):
        original.SOPInstanceUID = original.file_meta.MediaStorageSOPInstanceUID = f"2.25.{10**30 + number}"
        original.save_as(folder / f"{number:05d}")


def measure_peak(tool: Tool, source: Path, target: Path) -> int:
    """Give the most memory that the command or one of its workers held, in bytes."""
    script = (
        "import resource, sys; from imaging import cli\n"
        f"code = cli.main(['pseudonymise', {str(source)!r}, {str(target)!r}, '--key-file', {str(tool.key)!r}, "
        "'--workers', '2', '--json'])\n"
        "print(code, *(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    answer, told = ran.stdout.strip().splitlines()
    code, *peaks = map(int, told.split())
    made = json.loads(answer)
    assert (code, made["written"]) == (0, made["files"])
    return max(peaks) * (1 if sys.platform == "darwin" else 1024)
