"""`make demo` on a folder without masks: it ingests, may be repeated, and ends in one JSON line."""

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "dicom").mkdir()
    shutil.copy(str(get_testdata_file("CT_small.dcm")), tmp_path / "dicom" / "slice")
    return tmp_path / "dicom"


def demo(folder: Path, workspace: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines.demo", "--dicom", str(folder), "--workspace", str(workspace)]
    return subprocess.run([*command, "--no-serve"], capture_output=True, text=True, check=False, timeout=120)


def test_demo_may_be_repeated_and_ends_in_one_json_line(folder: Path, tmp_path: Path) -> None:
    for project in ("demo", "demo-2"):
        done = demo(folder, tmp_path / "W")
        assert done.returncode == 0, done.stderr
        made = json.loads(done.stdout.splitlines()[-1])
        assert (made["project"], made["files"], len(made["images"]), made["model"]) == (project, 1, 1, None)
        assert made["password"] in done.stderr


def test_demo_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    done = demo(tmp_path / "nowhere", tmp_path / "W")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert not (tmp_path / "W").exists()


def test_stopping_the_demo_stops_its_server(folder: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "pipelines.demo", "--dicom", str(folder), "--workspace", str(tmp_path / "W")]
    with subprocess.Popen([*command, "--port", str(port)], stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "is ready at" in line:
                break
        running.terminate()
        running.wait(60)
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))
