"""No identifier of any input lies under the workspace outside secrets and quarantine, nor in anything printed."""

import contextlib
import gzip
import json
import re
import subprocess
import sys
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
import zarr
from pydicom.data import get_testdata_file
from pydicom.multival import MultiValue

from imaging.domain.job import IngestWork, JobState
from imaging.settings import Settings
from imaging.workspace import Workspace

STANDARD_UIDS = "1.2.840.10008."
SHORTEST = 6
_START = 12
_CHAIN_START = b"0" * 64
_KEYED_UID = re.compile(rb"2\.25\.\d{30,39}")

KEPT_WORDS = {"ORIGINAL", "PRIMARY", "DERIVED", "SECONDARY"}


def identifiers_of(path: Path) -> Iterator[str]:
    """Every name, id, birth date and UID in one file's header, however deep."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        except Exception:
            return
        wanted = {"PatientID", "OtherPatientIDs", "PatientBirthDate", "AccessionNumber", "StudyID"}
        for element in header.iterall():
            values = element.value if isinstance(element.value, MultiValue | list) else [element.value]
            if element.VR == "PN":
                for value in values:
                    yield str(value)
                    yield from str(value).replace("=", "^").split("^")
            elif element.VR == "UI" or element.keyword in wanted:
                yield from (str(value) for value in values)


def tokens_of(paths: list[Path]) -> set[bytes]:
    words: set[str] = set()
    for path in paths:
        words.update(word.strip() for word in identifiers_of(path))
    return {
        word.encode(encoding)
        for word in words
        if len(word) >= SHORTEST and not word.startswith(STANDARD_UIDS) and word not in KEPT_WORDS
        for encoding in ("utf-8", "utf-16-le")
    }


def arrays_below(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Decoded voxels of every array of every image."""
    for marker in folder.rglob("zarr.json"):
        if json.loads(marker.read_text())["node_type"] == "array":
            array = zarr.open_array(marker.parent, mode="r")
            yield f"{marker.parent} (decoded)", np.ascontiguousarray(array[...]).tobytes()


def contents_of(workspace: Path) -> Iterator[tuple[str, bytes]]:
    kept_apart = {workspace / "secrets", workspace / "quarantine"}
    for path in sorted(workspace.rglob("*")):
        if kept_apart & {path, *path.parents}:
            continue
        relative = str(path.relative_to(workspace))
        yield f"name of {relative}", relative.encode()
        if path.is_file():
            yield relative, path.read_bytes()
            if path.suffix == ".gz":
                yield f"{relative} (unpacked)", gzip.decompress(path.read_bytes())
    yield from arrays_below(workspace / "projects")


def leaks(workspace: Path, printed: bytes, tokens: set[bytes]) -> list[str]:
    found = []
    # Thousands of UIDs begin alike: where their beginning is not, none of them is.
    by_start: dict[bytes, list[bytes]] = defaultdict(list)
    for token in tokens:
        by_start[token[:_START]].append(token)
    for where, content in [*contents_of(workspace), ("printed", printed)]:
        # A chain begins with zeros: with the hash behind them they make up a number such as 0000000001 by chance.
        scanned = content.replace(_CHAIN_START, b"\n")
        # So do the tens of thousands of digits of keyed UIDs with a birth date, once in two hundred runs.
        bare = _KEYED_UID.sub(b"2.25.", scanned)
        here = [token for start, alike in by_start.items() if start in scanned for token in alike]
        found += [
            f"{where}: a token of {len(token)} bytes"
            for token in here
            if token in (bare if token.isdigit() else scanned)
        ]
    return found


def run(workspace: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "imaging", *arguments, "--workspace", str(workspace)],
        capture_output=True,
        check=False,
        timeout=600,
    )


def ingest(workspace: Path, *inputs: Path) -> bytes:
    """Ingest as a user does, and return all that was printed beside the list of names meant for the uploader."""
    assert run(workspace, "init").returncode == 0
    assert run(workspace, "project", "create", "leaks").returncode == 0
    outcome = run(workspace, "ingest", "leaks", *map(str, inputs), "--json")
    assert outcome.returncode in (0, 2), outcome.stderr
    report = json.loads(outcome.stdout)
    assert report["images"] or report["quarantined"], "nothing arrived, so nothing could leak"
    for image in report["images"]:
        del image["inputs"]
    for held in report["quarantined"]:
        del held["name"]
    del report["duplicate_inputs"]
    journal = run(workspace, "journal", "show", "leaks", "--json").stdout
    return json.dumps(report).encode() + outcome.stderr + journal


def assert_clean(workspace: Path, printed: bytes, inputs: list[Path]) -> None:
    tokens = tokens_of(inputs)
    assert len(tokens) > 10, "the inputs hold no identifiers to look for"
    assert leaks(workspace, printed, tokens) == []


def test_scan_finds_a_planted_identifier(tmp_path: Path) -> None:
    source = Path(str(get_testdata_file("CT_small.dcm")))
    (tmp_path / "workspace" / "projects").mkdir(parents=True)
    (tmp_path / "workspace" / "projects" / "note.json").write_bytes(b"x" + sorted(tokens_of([source]))[0] + b"y")
    assert leaks(tmp_path / "workspace", b"", tokens_of([source]))


def test_scan_takes_digits_of_a_keyed_uid_for_no_number_and_finds_the_number_beside_it(tmp_path: Path) -> None:
    (tmp_path / "projects").mkdir()
    note, keyed = tmp_path / "projects" / "note.json", b'"2.25.219220112347874675226397829868581266278"'
    note.write_bytes(keyed)
    assert leaks(tmp_path, b"", {b"22011234"}) == []
    assert leaks(tmp_path, b"", {keyed.strip(b'"')})
    note.write_bytes(keyed + b' "x22011234y"')
    assert leaks(tmp_path, b"", {b"22011234"})


def test_bundled_files_leave_no_identifier(tmp_path: Path) -> None:
    names = ("CT_small.dcm", "MR_small.dcm", "J2K_pixelrep_mismatch.dcm", "examples_rgb_color.dcm", "rtstruct.dcm")
    inputs = [Path(str(get_testdata_file(name))) for name in names]
    assert_clean(tmp_path / "w", ingest(tmp_path / "w", *inputs), inputs)


def test_uploads_through_the_worker_leave_no_identifier(tmp_path: Path) -> None:
    names = ("CT_small.dcm", "MR_truncated.dcm", "rtstruct.dcm", "badVR.dcm")
    inputs = [Path(str(get_testdata_file(name))) for name in names]
    folder = tmp_path / "w"
    assert run(folder, "init").returncode == 0
    assert run(folder, "project", "create", "leaks").returncode == 0
    with contextlib.closing(Workspace.at(Settings.read(folder, {}))) as workspace:
        user = workspace.accounts.acting(None)
        project = workspace.open(workspace.find_project(user, "leaks"), user.id)
        upload = project.uploads.create("page")
        for path in inputs:
            with path.open("rb") as stream:
                project.uploads.add(upload, f"{next(identifiers_of(path))}.dcm", stream)
        project.jobs.submit(IngestWork(upload=upload))
        worker = run(folder, "worker", "--once")
        assert worker.returncode == 0, worker.stderr
        (job,) = project.jobs.list()
    assert job.state is JobState.SUCCEEDED
    assert_clean(folder, worker.stdout + worker.stderr + job.model_dump_json().encode(), inputs)


def test_sample_studies_leave_no_identifier(tmp_path: Path) -> None:
    sample = Path(__file__).parents[2] / "sample_dicom"
    inputs = [path for path in sample.rglob("*") if path.is_file()]
    assert_clean(tmp_path / "w", ingest(tmp_path / "w", sample), inputs)


@pytest.mark.parametrize(
    "folder",
    ["mr_tumour_PGBM-001", "ct_philips_phantom", "mr_nih", "transfer_syntaxes_wg04", "private_tags", "charsets"],
)
def test_real_studies_leave_no_identifier(folder: str, tmp_path: Path, shared_data: Path) -> None:
    inputs = [path for path in (shared_data / folder).rglob("*") if path.is_file()]
    assert_clean(tmp_path / "w", ingest(tmp_path / "w", shared_data / folder), inputs)
