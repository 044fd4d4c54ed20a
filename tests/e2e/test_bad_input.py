"""Bad input at the command line: one clear line, the documented exit code, nothing half-made left behind."""

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `imaging` as a user does: as a process of its own, over one workspace."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "imaging", *arguments, "--workspace", str(tmp_path / "workspace")],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return call


@pytest.fixture
def project(run: Run) -> str:
    assert run("init").returncode == 0
    assert run("project", "create", "lungs").returncode == 0
    return "lungs"


def assert_one_clear_line(outcome: subprocess.CompletedProcess[str], code: int) -> None:
    assert outcome.returncode == code, outcome.stderr
    lines = outcome.stderr.strip().splitlines()
    assert len(lines) == 1, outcome.stderr
    assert lines[0].startswith("imaging: ")
    assert "Traceback" not in outcome.stderr


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_text_file_named_dcm_is_refused(run: Run, project: str, tmp_path: Path) -> None:
    fake = tmp_path / "fake.dcm"
    fake.write_text("this is no DICOM\n" * 50)
    outcome = run("ingest", project, str(fake))
    assert_one_clear_line(outcome, 2)
    assert "not_dicom" in outcome.stderr + outcome.stdout
    assert files_below(tmp_path / "workspace" / "projects") == set()


def test_truncated_dicom_is_refused(run: Run, project: str, tmp_path: Path) -> None:
    from pydicom.data import get_testdata_file

    whole = Path(str(get_testdata_file("CT_small.dcm"))).read_bytes()
    (tmp_path / "short.dcm").write_bytes(whole[: len(whole) - 20_000])
    outcome = run("ingest", project, str(tmp_path / "short.dcm"))
    assert_one_clear_line(outcome, 2)
    assert "truncated" in outcome.stderr + outcome.stdout
    assert files_below(tmp_path / "workspace" / "projects") == set()


def test_empty_folder_is_bad_input(run: Run, project: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert_one_clear_line(run("ingest", project, str(tmp_path / "empty")), 2)


def test_absent_path_is_bad_input(run: Run, project: str, tmp_path: Path) -> None:
    assert_one_clear_line(run("ingest", project, str(tmp_path / "nowhere")), 2)


def test_unknown_project_is_bad_input(run: Run, project: str, tmp_path: Path) -> None:
    assert_one_clear_line(run("ingest", "no-such-project", str(tmp_path)), 2)


def test_absent_workspace_is_bad_input_and_is_not_made(run: Run, tmp_path: Path) -> None:
    assert_one_clear_line(run("images", "lungs"), 2)
    assert not (tmp_path / "workspace").exists()


def test_second_init_is_refused(run: Run, project: str) -> None:
    assert_one_clear_line(run("init"), 3)


def test_port_in_use_is_bad_input_and_leaves_no_process(run: Run, project: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert_one_clear_line(run("serve", "--port", str(taken.getsockname()[1])), 2)


def test_serving_beyond_loopback_without_tls_is_refused(run: Run, project: str) -> None:
    outcome = run("serve", "--host", "0.0.0.0", "--port", "0")
    assert outcome.returncode in (2, 3)
    assert "Traceback" not in outcome.stderr
