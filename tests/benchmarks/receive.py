"""How long C-STORE takes: `python -m tests.benchmarks.receive [FOLDER]`, beside its peers in one run.

DCMTK's storescu sends the same files in turns to a bare pynetdicom SCP that only writes them (1.0), to
`imaging receive`, which encrypts each file, makes it durable and writes it down before it answers, and to Orthanc,
where it is installed.
Without a folder, 100 slices of 512 × 512 are made from a bundled CT.
"""

from __future__ import annotations

import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.benchmarks.headers import make_slices

_ROUNDS, _SLICES = 5, 100
_BARE = """
import sys
from pathlib import Path
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt
def keep(event, folder=Path(sys.argv[2])):
    (folder / event.request.AffectedSOPInstanceUID).write_bytes(event.encoded_dataset())
    return 0
entity = AE("BARE")
for context in AllStoragePresentationContexts:
    entity.add_supported_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES)
entity.start_server(("127.0.0.1", int(sys.argv[1])), evt_handlers=[(evt.EVT_C_STORE, keep)])
"""


def find_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def running(command: Sequence[str], port: int) -> Iterator[int]:
    """Start a receiver, wait until it listens, and end it."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with socket.socket() as trying:
                if trying.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert child.poll() is None, f"{command[0]} ended"
            time.sleep(0.1)
        yield port
    finally:
        child.terminate()
        child.wait(60)


def start_bare(scratch: Path) -> tuple[Sequence[str], int]:
    (scratch / "bare").mkdir()
    port = find_port()
    return [sys.executable, "-c", _BARE, str(port), str(scratch / "bare")], port


def start_ours(scratch: Path) -> tuple[Sequence[str], int]:
    where, port = ["--workspace", str(scratch / "W")], find_port()
    for words in (["init"], ["project", "create", "phantoms"]):
        subprocess.run([sys.executable, "-m", "imaging", *words, *where], check=True, capture_output=True)
    return [sys.executable, "-m", "imaging", "receive", "--port", str(port), *where], port


def start_orthanc(scratch: Path) -> tuple[Sequence[str], int]:
    port = find_port()
    settings = {
        "StorageDirectory": str(scratch / "orthanc"),
        "IndexDirectory": str(scratch / "orthanc"),
        "DicomPort": port,
        "HttpServerEnabled": False,
        "DicomAlwaysAllowStore": True,
        "OverwriteInstances": True,
        "Plugins": [],
    }
    (scratch / "orthanc.json").write_text(json.dumps(settings))
    return ["Orthanc", str(scratch / "orthanc.json")], port


def send(files: Sequence[Path], port: int) -> float:
    """Give the seconds for one association with all files."""
    before = time.perf_counter()
    subprocess.run(["storescu", "-aec", "IMAGING", "127.0.0.1", str(port), *map(str, files)], check=True)
    return time.perf_counter() - before


def main(arguments: Sequence[str]) -> None:
    peers = {"bare": start_bare, "ours": start_ours} | ({"Orthanc": start_orthanc} if shutil.which("Orthanc") else {})
    with tempfile.TemporaryDirectory() as folder, ExitStack() as started:
        scratch = Path(folder)
        (scratch / "in").mkdir()
        files = sorted(p for p in Path(arguments[0]).rglob("*") if p.is_file()) if arguments else []
        files = files or make_slices(scratch / "in", _SLICES)
        ports = {name: started.enter_context(running(*start(scratch))) for name, start in peers.items()}
        spent: dict[str, list[float]] = {name: [] for name in peers}
        for turn in range(_ROUNDS + 1):
            for name, port in ports.items():
                # The first turn reads files and code into memory.
                seconds = send(files, port)
                spent[name] += [seconds] if turn else []
        plain = statistics.median(spent["bare"])
        for name, found in spent.items():
            middle = statistics.median(found)
            row = {"ms a file": round(1e3 * middle / len(files), 2), "ratio": round(middle / plain, 2)}
            sys.stdout.write(f"{name:8} {row} least {min(found) / plain:.2f} most {max(found) / plain:.2f}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
