"""Fixtures that every test may use: a workspace, a project, the shared data and a private PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pg8000.native
import pytest
from argon2 import PasswordHasher

from imaging.project.project import Project
from imaging.settings import Settings
from imaging.store import passwords
from imaging.workspace import Workspace
from tests.object_store import KEYS, Bucket, Door, Server
from tests.shell import Shell

# A loaded machine is slow, not wrong; and what checks a landing must give the same answer twice.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "patient")

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Hundreds of tests make accounts; the real cost of argon2 is tested where it matters."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the real input of ../shared/data is not on this machine")
    return SHARED


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    """The command line over a workspace with the project "phantoms"."""
    made = Shell(tmp_path / "W", capsys)
    made.json("init")
    made.json("project", "create", "phantoms")
    return made


@pytest.fixture(scope="session")
def s3_server() -> Iterator[Server]:
    """A server that speaks S3, and the key to it in the environment."""
    pytest.importorskip("moto", reason="moto, which plays the object store, is not installed")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        server = Server.start()
        yield server
        server.stop()


@pytest.fixture
def bucket(s3_server: Server) -> Bucket:
    """An empty bucket."""
    return s3_server.make_bucket()


@pytest.fixture
def door(s3_server: Server) -> Iterator[Door]:
    """A way to the server that a test can close and open."""
    made = Door(s3_server.port)
    yield made
    made.close()


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, or what a module asks for with `parametrize("database_url", ["sqlite", "postgresql"], indirect=True)`."""
    if getattr(request, "param", "sqlite") == "postgresql":
        make_url: Callable[[], str] = request.getfixturevalue("postgresql")
        return make_url()
    return f"sqlite:///{tmp_path / 'W' / 'workspace.sqlite'}"


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings.read(tmp_path / "W", {"IMAGING_DATABASE_URL": database_url})


@pytest.fixture
def workspace(settings: Settings) -> Iterator[Workspace]:
    created, _, _ = Workspace.create(settings)
    yield created
    created.close()


@pytest.fixture
def project(workspace: Workspace) -> Project:
    """A project in the hands of its manager, with the terms "lung" (value 1) and "nodule" (value 2)."""
    made = workspace.create_project(workspace.accounts.acting(None).id, "phantoms")
    made.ontology.add("lung", "#3cb44b")
    made.ontology.add("nodule", "#e6194b")
    return made


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[], str]]:
    """A private cluster on a Unix socket; each call empties its database and gives the URL."""
    binaries = _find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL (initdb, postgres) is not installed")
    account = _system_account()
    if account is None:
        pytest.skip("PostgreSQL refuses root and there is no account to run it under")
    # Not below tmp_path: another account could not enter pytest's own folders.
    folder = Path(tempfile.mkdtemp(prefix="imaging-pg-", dir="/tmp"))
    server = None
    try:
        os.chown(folder, account.pw_uid, account.pw_gid)
        server = _start_server(binaries, folder, account)
        yield lambda: _empty_database(folder)
    finally:
        if server is not None:
            server.send_signal(signal.SIGQUIT)  # at once: nothing of it is kept
            server.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def _find_binaries() -> Path | None:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    folders += [Path(part) for part in os.environ.get("PATH", "").split(os.pathsep) if part]
    return next((folder for folder in folders if all((folder / n).exists() for n in ("initdb", "postgres"))), None)


def _system_account() -> pwd.struct_passwd | None:
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid())
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return known.get("postgres") or known.get("nobody")


def _identity(account: pwd.struct_passwd) -> dict[str, object]:
    if os.getuid() != 0:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _start_server(binaries: Path, folder: Path, account: pwd.struct_passwd) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": str(folder)}
    data = folder / "data"
    initdb = [binaries / "initdb", "--pgdata", data, "--auth=trust", "--username=imaging", "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, env=environment, **_identity(account))
    options = {"listen_addresses": "", "unix_socket_directories": folder, "fsync": "off", "max_connections": "60"}
    server = subprocess.Popen(
        [binaries / "postgres", "-D", data, *(part for k, v in options.items() for part in ("-c", f"{k}={v}"))],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=environment,
        **_identity(account),
    )
    deadline = time.monotonic() + 60
    while not _answers(binaries, folder):
        if server.poll() is not None or time.monotonic() > deadline:
            server.kill()
            raise RuntimeError("the private PostgreSQL did not start")
        time.sleep(0.05)
    return server


def _answers(binaries: Path, folder: Path) -> bool:
    return subprocess.run([binaries / "pg_isready", "-q", "-h", folder, "-U", "imaging"], check=False).returncode == 0


def _empty_database(folder: Path) -> str:
    # Emptying one database is several times faster than creating one for each test.
    socket = f"{folder}/.s.PGSQL.5432"
    others = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'imaging' AND pid <> pg_backend_pid()"
    )
    with contextlib.closing(pg8000.native.Connection("imaging", unix_sock=socket, database="postgres")) as connection:
        for statement in (others, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public"):
            connection.run(statement)
    return f"postgresql://imaging@/postgres?unix_sock={socket}"
