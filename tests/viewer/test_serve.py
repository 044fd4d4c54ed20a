"""`imaging serve` as an operator meets it."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from imaging.errors import InvalidInputError
from imaging.listening import is_loopback
from tests.certificates import make_certificate
from viewer.commands.serve import Binding, command, open_socket


def _run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "imaging", "serve", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def _children(pid):
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for file in files for word in file.read_text().split()]


def _is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _wait_until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def serving(workspace):
    """Starts `imaging serve` on a free port and gives the process and the URL that it prints."""
    started = []

    def start(*arguments):
        command = [sys.executable, "-m", "imaging", "serve", "--port", "0"]
        process = subprocess.Popen(
            [*command, "--workspace", str(workspace.settings.workspace), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        started.append(process)
        line = process.stdout.readline()
        found = re.search(r"https?://\S+", line)
        assert found, line
        return process, found[0]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "imaging.example"])
def test_a_network_needs_tls_or_a_proxy(host):
    with pytest.raises(InvalidInputError, match="--behind-proxy"):
        Binding(host=host, port=8000).check()
    Binding(host=host, port=8000, behind_proxy=True).check()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_this_machine_alone_needs_none(host):
    Binding(host=host, port=8000).check()
    assert is_loopback(host)


def test_certificate_and_key_come_together(tmp_path):
    with pytest.raises(InvalidInputError, match="together"):
        Binding(host="0.0.0.0", port=8000, certfile=tmp_path / "cert.pem").check()


def test_small_answers_are_not_held_back():
    # asyncio turns Nagle's algorithm off only where the socket names its protocol.
    with open_socket(Binding(host="127.0.0.1", port=0)) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_refusals_are_one_line_and_exit_2(workspace):
    where = ("--workspace", str(workspace.settings.workspace))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments in ((*where, "--host", "0.0.0.0"), (*where, "--port", port)):
            run = _run(*arguments)
            assert run.returncode == 2
            assert run.stdout == ""
            assert len(run.stderr.splitlines()) == 1
            assert run.stderr.startswith("imaging: ")


def test_a_workspace_that_is_not_there_is_one_line(tmp_path):
    run = _run("--workspace", str(tmp_path / "nothing"), "--port", "0")
    assert run.returncode == 2
    assert run.stderr.startswith("imaging: no such workspace; `imaging init` makes one")


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="looks at children in /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serving_ends_with_its_worker(serving, number):
    process, url = serving()
    with urllib.request.urlopen(f"{url}/health") as answer:
        assert answer.status == 200
    _wait_until(lambda: _children(process.pid))
    (worker,) = _children(process.pid)
    process.send_signal(number)
    assert process.wait(40) == 0
    assert not _is_running(worker)


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="looks at children in /proc")
def test_a_killed_server_leaves_no_worker(serving):
    process, _ = serving()
    _wait_until(lambda: _children(process.pid))
    (worker,) = _children(process.pid)
    process.kill()
    process.wait()
    _wait_until(lambda: not _is_running(worker))


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="looks at children in /proc")
def test_a_dead_worker_is_replaced_and_none_is_started_when_unwanted(serving):
    process, _ = serving()
    _wait_until(lambda: _children(process.pid))
    (worker,) = _children(process.pid)
    os.kill(worker, signal.SIGKILL)
    _wait_until(lambda: [child for child in _children(process.pid) if child != worker])
    alone, _ = serving("--no-worker")
    assert _children(alone.pid) == []


def test_tls_is_spoken_when_given(serving, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    make_certificate(key, certificate)
    _, url = serving("--no-worker", "--certfile", str(certificate), "--keyfile", str(key))
    assert url.startswith("https://")
    trusting = ssl.create_default_context(cafile=str(certificate))
    with urllib.request.urlopen(f"{url}/health", context=trusting) as answer:
        assert answer.status == 200


def test_help_names_every_option():
    shown = CliRunner().invoke(command, ["--help"]).output
    for option in ("--host", "--port", "--no-worker", "--certfile", "--keyfile", "--behind-proxy", "--workspace"):
        assert option in shown
