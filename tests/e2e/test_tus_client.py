"""An unmodified tus client sends here, also over a server that is killed meanwhile; nothing lies in the clear."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from imaging.domain.base import ProjectKey
from imaging.settings import Settings
from imaging.workspace import Workspace
from tests.e2e.browser import ask_api, imaging
from tests.e2e.foreign import install_client

CLIENT = "tuspy==1.1.0"
_SEND = """
import sys
from tusclient import client
url, token, path, name, chunk = sys.argv[1:]
ours = client.TusClient(url, headers={"Authorization": "Bearer " + token})
sender = ours.uploader(path, chunk_size=int(chunk), metadata={"filename": name}, retries=20, retry_delay=0.5)
sender.upload()
print(sender.url, sender.offset)
"""


@pytest.fixture(scope="session")
def tus_python() -> Path:
    """A Python of its own for the client, which nothing else here needs."""
    return install_client(CLIENT, "tus-client")


@contextmanager
def serving(workspace: Path, port: int = 0) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "imaging", "serve", "--port", str(port), "--no-worker"]
    command += ["--workspace", str(workspace)]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://\S+", server.stdout.readline())
            assert found is not None
            yield found.group(), server
        finally:
            server.kill()
            server.wait(20)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    imaging(tmp_path / "W", "init")
    imaging(tmp_path / "W", "project", "create", "Chests")
    return tmp_path / "W"


def project_of(workspace: Path) -> tuple[int, str]:
    (project,) = imaging(workspace, "project", "list")
    return project["id"], imaging(workspace, "user", "token", "admin")["token"]


def sealed_bytes(workspace: Path) -> int:
    return sum(one.stat().st_size for one in (workspace / "quarantine").rglob("*.sealed"))


def wait_for_bytes(workspace: Path, count: int) -> None:
    latest = time.monotonic() + 120
    while sealed_bytes(workspace) < count:
        assert time.monotonic() < latest
        time.sleep(0.05)


def read_held(workspace: Path, project: int, item: int) -> bytes:
    opened = Workspace.at(Settings.read(workspace, {}))
    ours = opened.open(ProjectKey(project), opened.accounts.acting(None).id)
    with ours.uploads.scratch() as scratch:
        path = ours.quarantine.open(item, scratch)
        assert path is not None
        content = path.read_bytes()
    opened.close()
    return content


def test_an_unmodified_client_sends_a_file_of_its_own(workspace: Path, tmp_path: Path, tus_python: Path) -> None:
    project, token = project_of(workspace)
    path = tmp_path / "PHANTOM^ALPHA.txt"
    path.write_bytes(os.urandom(300_000))
    with serving(workspace) as (url, _):
        arguments = [f"{url}/api/project/{project}/upload", token, str(path), path.name, "70000"]
        done = subprocess.run([tus_python, "-c", _SEND, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split()[1] == "300000"
        (job,) = ask_api(url, token)(f"/api/project/{project}/job.json")["collection"]
        imaging(workspace, "worker", "--once")
        listed = ask_api(url, token)(f"/api/project/{project}/upload/{job['upload']}/outcome.json")["collection"]
    assert [(one["name"], one["became"], one["reason"]) for one in listed] == [(path.name, "held", "not_dicom")]
    assert "PHANTOM" not in json.dumps(job)


def test_an_unmodified_client_goes_on_after_the_server_was_killed(
    workspace: Path, tmp_path: Path, tus_python: Path
) -> None:
    project, token = project_of(workspace)
    path = tmp_path / "PHANTOM^ALPHA.bin"
    content = b"PHANTOM^ALPHA PHA-0001 " * 1_000_000
    path.write_bytes(content)
    with serving(workspace) as (url, server):
        api = f"{url}/api/project/{project}"
        command = [str(tus_python), "-c", _SEND, f"{api}/upload", token, str(path), path.name, "200000"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
            wait_for_bytes(workspace, 2_000_000)
            assert client.poll() is None, "the client was done before the server was killed"
            server.send_signal(signal.SIGKILL)
            server.wait()
            before = sealed_bytes(workspace)
            with serving(workspace, int(url.rpartition(":")[2])):
                out, err = client.communicate(timeout=120)
                assert client.returncode == 0, err
                assert out.split()[1] == str(len(content))
                (job,) = ask_api(url, token)(f"/api/project/{project}/job.json")["collection"]
                assert job["state"] == "queued"
    assert before > 2_000_000
    for one in workspace.rglob("*"):
        assert "PHANTOM" not in one.name
        assert not one.is_file() or b"PHA-0001" not in one.read_bytes()
    imaging(workspace, "worker", "--once")
    (held,) = imaging(workspace, "quarantine", "list", "Chests")
    assert (held["name"], held["reason"]) == (path.name, "not_dicom")
    assert read_held(workspace, project, held["id"]) == content
