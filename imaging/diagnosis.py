"""What an installation has and lacks, one finding each; nothing heavy is imported to find out."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from imaging.domain.base import Record
from imaging.errors import ImagingError, UnavailableError
from imaging.listening import is_safe_scheduler
from imaging.pyramid.objects import try_out
from imaging.settings import Settings
from imaging.store.keys import lets_others_in
from imaging.text import names_detector
from imaging.workspace import Workspace

_PACKAGES = ("imaging-workspace", "numpy", "pydicom", "zarr", "tensorstore", "sqlalchemy", "dask", "torch", "monai")
_CODECS = {
    "JPEG (baseline)": ("PIL", "pip install pillow"),
    "JPEG (extended, lossless)": ("imagecodecs", "pip install imagecodecs"),
    "JPEG 2000": ("openjpeg", "pip install pylibjpeg-openjpeg"),
    "JPEG-LS": ("jpeg_ls", "pip install pyjpegls"),
    "RLE": ("pydicom", "pip install pydicom"),
}
_LOW_DISK = 10 << 30
_SECONDS = 10
_CONNECT_SECONDS = 5
_ASK_SCHEDULER = f"""
from distributed import Client
with Client(timeout={_CONNECT_SECONDS}, set_as_default=False) as client:
    print(len(client.nthreads()))
"""
"""Run in a process of its own, which finds address and certificates as an ingest does: Dask's client is heavy."""


class Health(Enum):
    """Whether a finding is in order."""

    OK = "ok"
    ABSENT = "absent"
    BAD = "bad"


class Finding(Record):
    """One row of `imaging doctor`; `remedy` says how to get what is missing."""

    name: str
    health: Health
    value: str
    remedy: str = ""


def diagnose(settings: Settings, problems: Mapping[str, str]) -> list[Finding]:
    """Look at versions, GPU, Dask, database, disk, keys and codecs.

    Parameters
    ----------
    problems
        What is wrong with settings that were left out, as `Settings.read_usable` gives it.
    """
    return [
        *_versions(),
        _gpu(),
        _scheduler(),
        _object_store(settings, problems.get("object_store")),
        *_codecs(),
        _text_detector(),
        _database(settings),
        _master_key(settings),
        _disk(settings),
        _held_days(settings, problems.get("held_days")),
        _pg_dump(settings),
    ]


def _versions() -> Iterator[Finding]:
    yield Finding(name="python", health=Health.OK, value=platform.python_version())
    for package in _PACKAGES:
        try:
            yield Finding(name=package, health=Health.OK, value=version(package))
        except PackageNotFoundError:
            yield Finding(name=package, health=Health.BAD, value="missing", remedy=f"pip install {package}")


def _gpu() -> Finding:
    program = shutil.which("nvidia-smi")
    if program is None:
        return Finding(name="gpu", health=Health.ABSENT, value="none; models run on the CPU")
    query = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return Finding(name="gpu", health=Health.BAD, value="the driver does not answer", remedy="run nvidia-smi")
    if "+cpu" in _torch_version():
        remedy = "install the CUDA build of the same torch version"
        return Finding(name="gpu", health=Health.BAD, value="torch is a CPU build", remedy=remedy)
    return Finding(name="gpu", health=Health.OK, value="; ".join(answer.strip().splitlines()))


def _torch_version() -> str:
    try:
        return version("torch")
    except PackageNotFoundError:
        return ""


def _scheduler() -> Finding:
    address = os.environ.get("DASK_SCHEDULER_ADDRESS")
    if not address:
        return Finding(name="dask scheduler", health=Health.OK, value="threads of this machine")
    if find_spec("distributed") is None:
        remedy = "pip install 'imaging-workspace[cluster]'"
        return Finding(name="dask scheduler", health=Health.BAD, value="what talks to it is missing", remedy=remedy)
    if not is_safe_scheduler(address):
        remedy = "reach it over TLS: tls://HOST:PORT"
        return Finding(name="dask scheduler", health=Health.BAD, value="an address that ingest refuses", remedy=remedy)
    workers = _count_workers()
    if workers is None:
        remedy = "start it, or unset DASK_SCHEDULER_ADDRESS; until then nothing is ingested"
        return Finding(name="dask scheduler", health=Health.BAD, value="it does not answer", remedy=remedy)
    if not workers:
        remedy = "start some with `dask worker`"
        return Finding(name="dask scheduler", health=Health.BAD, value="it has no worker", remedy=remedy)
    return Finding(
        name="dask scheduler",
        health=Health.OK,
        value=f"an external scheduler, of {workers} worker{'s' * (workers > 1)}",
    )


def _count_workers() -> int | None:
    """Ask the scheduler for its workers; None where it does not answer as one."""
    try:
        asked = [sys.executable, "-c", _ASK_SCHEDULER]
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=6 * _CONNECT_SECONDS, check=True).stdout
        return int(answer)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def _object_store(settings: Settings, problem: str | None) -> Finding:
    name = "object store"
    if problem is not None:
        return Finding(name=name, health=Health.BAD, value=problem, remedy="until then no command runs but this one")
    if settings.object_store is None:
        return Finding(name=name, health=Health.OK, value="folders of the workspace")
    try:
        try_out(settings.object_store)
    except UnavailableError as error:
        return Finding(name=name, health=Health.BAD, value=str(error), remedy="until then nothing is ingested")
    return Finding(name=name, health=Health.OK, value="an object was written, read and removed")


def _text_detector() -> Finding:
    name, remedy = "text detector", "pip install 'imaging-workspace[text]'; until then only kinds at risk are held"
    if not names_detector():
        return Finding(name=name, health=Health.ABSENT, value="burned-in text is not looked for", remedy=remedy)
    return Finding(
        name=name, health=Health.OK, value=f"two networks and PP-OCRv4, onnxruntime {version('onnxruntime')}"
    )


def _codecs() -> Iterator[Finding]:
    for name, (module, remedy) in _CODECS.items():
        present = find_spec(module) is not None
        yield Finding(
            name=f"codec {name}",
            health=Health.OK if present else Health.BAD,
            value="present" if present else "missing",
            remedy="" if present else remedy,
        )


def _database(settings: Settings) -> Finding:
    try:
        workspace = Workspace.at(settings)
    except ImagingError as error:
        return Finding(name="workspace", health=Health.BAD, value=str(error), remedy="imaging init, or imaging upgrade")
    with_events = workspace.database_name
    workspace.close()
    return Finding(name="workspace", health=Health.OK, value=with_events)


def _master_key(settings: Settings) -> Finding:
    try:
        mode = settings.master_key_file.stat().st_mode & 0o777
    except OSError:
        return Finding(name="master key", health=Health.BAD, value="missing", remedy="restore it from its safe copy")
    if lets_others_in(mode):
        return Finding(name="master key", health=Health.BAD, value=f"mode {mode:04o}", remedy="chmod 600")
    return Finding(name="master key", health=Health.OK, value=f"mode {mode:04o}")


def _disk(settings: Settings) -> Finding:
    folder = settings.workspace
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    low = free < _LOW_DISK
    remedy = "volumes need room" if low else ""
    return Finding(name="disk", health=Health.BAD if low else Health.OK, value=f"{free >> 30} GiB free", remedy=remedy)


def _held_days(settings: Settings, problem: str | None) -> Finding:
    name = "held files"
    if problem is not None:
        return Finding(name=name, health=Health.BAD, value=problem, remedy="until then no command runs but this one")
    days = settings.held_days
    value = "no number of days is set" if days is None else f"`quarantine expire` takes those of {days} days"
    return Finding(name=name, health=Health.OK, value=value)


def _pg_dump(settings: Settings) -> Finding:
    if not settings.database_url.startswith("postgresql"):
        return Finding(name="pg_dump", health=Health.OK, value="not needed with SQLite")
    if shutil.which("pg_dump") is None:
        remedy = "apt-get install postgresql-client"
        return Finding(name="pg_dump", health=Health.BAD, value="missing; no backups", remedy=remedy)
    return Finding(name="pg_dump", health=Health.OK, value="present")
