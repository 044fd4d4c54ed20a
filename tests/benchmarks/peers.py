"""Tools beside which ours is measured: what each is called, where it is found, and how it treats a folder of probes."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.benchmarks.peer_process import TOOLS

CONTROL, OURS = "control", ("research", "basic")
COMMANDS = ("gdcmanon", "Orthanc")
NAMES = (CONTROL, *OURS, *(name for name in TOOLS if name not in (CONTROL, *OURS)), *COMMANDS)
_SCRIPT = Path(__file__).with_name("peer_process.py")
_ROOT = Path(__file__).parents[2]
_LONGEST_S, _ONE_FILE_S, _START_S = 3600, 30, 30


@dataclass(frozen=True)
class Peer:
    """A tool that is installed; `run` takes a folder of probes and the folder to write into."""

    name: str
    version: str
    run: Callable[[Path, Path], None]


def find_peer(name: str, pythons: Sequence[str]) -> Peer | None:
    """Give a tool, in the first of these Pythons that has it or on PATH; None where it is not installed."""
    if name in COMMANDS:
        return _find_command(name)
    own = name == CONTROL or name in OURS
    for python in [sys.executable] if own else [*pythons, sys.executable]:
        try:
            version = _ask(python, name, timeout=_ONE_FILE_S)
        except (OSError, subprocess.SubprocessError):
            continue
        return Peer(name, version, partial(_run, python, name))
    return None


def _run(python: str, name: str, source: Path, target: Path) -> None:
    _ask(python, name, str(source), str(target), timeout=_LONGEST_S)


def _ask(python: str, *arguments: str, timeout: int) -> str:
    # The values that tools print with their warnings go nowhere.
    asked = subprocess.run(
        [python, str(_SCRIPT), *arguments],
        check=True,
        timeout=timeout,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(_ROOT) if python == sys.executable else ""},
    )
    return asked.stdout.strip()


def _find_command(name: str) -> Peer | None:
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if path is None:
        return None
    told = subprocess.run([path, "--version"], check=False, capture_output=True, text=True, timeout=_ONE_FILE_S)
    number = re.search(r"\d+(\.\d+)+", told.stdout)
    run = _gdcmanon if name == "gdcmanon" else _orthanc
    return Peer(name, number.group() if number else "", partial(run, path))


def _places(source: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    for place in sorted(source.iterdir()):
        written = target / place.name
        written.mkdir(parents=True)
        yield next(place.iterdir()), written


def _gdcmanon(path: str, source: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        certificate = _make_certificate(Path(scratch))
        for probe, written in _places(source, target):
            order = [path, "-e", "-c", str(certificate), "-i", str(probe), "-o", str(written / probe.name)]
            with suppress(subprocess.TimeoutExpired):
                subprocess.run(order, check=False, capture_output=True, timeout=_ONE_FILE_S)


def _make_certificate(folder: Path) -> Path:
    """Make what gdcmanon encrypts the originals to; the key is not kept."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "benchmark")])
    now = datetime.now(UTC)
    end, serial = now + timedelta(days=1), x509.random_serial_number()
    signed = x509.CertificateBuilder(name, name, key.public_key(), serial, now, end).sign(key, hashes.SHA256())
    path = folder / "certificate.pem"
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return path


def _orthanc(path: str, source: Path, target: Path) -> None:
    waiting = list(_places(source, target))
    while waiting:
        with _serve(path) as address:
            _anonymise_until_it_dies(address, waiting)


def _anonymise_until_it_dies(address: str, waiting: list[tuple[Path, Path]]) -> None:
    while waiting:
        probe, written = waiting.pop(0)
        try:
            _anonymise(address, probe, written / probe.name)
        except urllib.error.HTTPError:
            continue
        except OSError:
            return


def _anonymise(address: str, probe: Path, written: Path) -> None:
    stored = f"{address}/instances/" + json.loads(_open(f"{address}/instances", "POST", probe.read_bytes()))["ID"]
    try:
        written.write_bytes(_open(f"{stored}/anonymize", "POST", b"{}"))
    finally:
        # All probes have one UID: what stays here would be taken for the next.
        _open(stored, "DELETE")


@contextmanager
def _serve(path: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as scratch, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        settings = {
            "HttpPort": port,
            "DicomServerEnabled": False,
            "RemoteAccessAllowed": False,
            "StorageDirectory": scratch,
            "IndexDirectory": scratch,
        }
        (Path(scratch) / "settings.json").write_text(json.dumps(settings))
        served = subprocess.Popen(
            [path, str(Path(scratch) / "settings.json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _await(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            served.terminate()
            served.wait(_ONE_FILE_S)


def _await(address: str) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        try:
            _open(f"{address}/system")
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(address)


def _open(address: str, method: str = "GET", body: bytes | None = None) -> bytes:
    # A proxy of the environment knows nothing of this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(address, body, method=method), timeout=_ONE_FILE_S) as answer:
        content: bytes = answer.read()
    return content
