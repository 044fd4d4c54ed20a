"""A consistent copy of a workspace while it runs."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from imaging.domain.base import Record
from imaging.errors import InvalidInputError, StateError, UnavailableError
from imaging.locks import unchanging
from imaging.pyramid.home import bring_home
from imaging.settings import Settings
from imaging.store.database import Database

SQLITE = "workspace.sqlite"
POSTGRESQL = "workspace.dump"
_PASSING = frozenset({".staging", ".removed", ".working", "scratch", "prepared"})
"""Folders of what is not published yet, or never is, or can be made again; a scratch folder holds plain originals."""


class BackupReport(Record):
    """What was copied."""

    database: str
    files: int
    bytes: int


def back_up(database: Database, settings: Settings, destination: Path) -> BackupReport:
    """Copy the database first, then the files; shards that lie in an object store become files of the copy.

    Files lie in place before their row appears and never change afterwards, so that every row of the copied database
    finds its files in the copy. Headers, which a second pseudonymisation changes, are held still meanwhile.
    """
    own = (settings.workspace, settings.quarantine, settings.secrets)
    if any(destination.resolve().is_relative_to(one.resolve()) for one in own):
        raise InvalidInputError("the destination of a backup lies inside the workspace, and would be lost with it")
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise StateError("backup", "the destination exists and is not an empty folder")
    partial = destination.with_name(f".{destination.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir(mode=0o700)
    except OSError:
        raise InvalidInputError("the destination of the backup cannot be written") from None
    try:
        with _headers_held(settings):
            name = _copy_sqlite(database, partial) if database.embedded else _dump_postgresql(database, partial)
            for folder, target in ((settings.projects, "projects"), (settings.quarantine, "quarantine")):
                if folder.is_dir():
                    _copy_tree(folder, partial / target)
        _bring_shards_home(settings.projects, partial / "projects")
        files = [path for path in partial.rglob("*") if path.is_file()]
        report = BackupReport(database=name, files=len(files), bytes=sum(path.stat().st_size for path in files))
        if destination.exists():
            destination.rmdir()
        partial.rename(destination)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return report


@contextmanager
def _headers_held(settings: Settings) -> Iterator[None]:
    with ExitStack() as held:
        for headers in sorted(settings.projects.glob("*/headers")):
            held.enter_context(unchanging(headers))
        yield


def _bring_shards_home(projects: Path, copy: Path) -> None:
    for images in sorted(projects.glob("*/images")):
        bring_home(images, copy / images.parent.name / images.name)


def _copy_sqlite(database: Database, target: Path) -> str:
    assert database.file is not None
    with closing(sqlite3.connect(database.file)) as source, closing(sqlite3.connect(target / SQLITE)) as copy:
        source.backup(copy)
    (target / SQLITE).chmod(0o600)
    return SQLITE


def _dump_postgresql(database: Database, target: Path) -> str:
    program = shutil.which("pg_dump")
    if program is None:
        raise UnavailableError("pg_dump", "install the PostgreSQL client tools")
    url = database.engine.url
    socket = url.query.get("unix_sock")
    host = str(Path(str(socket)).parent) if socket else (url.host or "localhost")
    port = str(socket).rsplit(".", 1)[-1] if socket else str(url.port or 5432)
    arguments = [program, "--format=custom", "--no-password", "--file", str(target / POSTGRESQL)]
    arguments += ["--host", host, "--port", port, "--dbname", url.database or ""]
    if url.username:
        arguments += ["--username", url.username]
    environment = os.environ | ({"PGPASSWORD": str(url.password)} if url.password else {})
    done = subprocess.run(arguments, env=environment, capture_output=True, check=False)
    if done.returncode:
        raise UnavailableError("pg_dump", f"it ended with code {done.returncode}")
    return POSTGRESQL


def _copy_tree(source: Path, target: Path) -> None:
    def skip(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if name in _PASSING}

    shutil.copytree(source, target, ignore=skip, symlinks=True, copy_function=_copy_if_there)


def _copy_if_there(source: str, target: str) -> str:
    try:
        return shutil.copy2(source, target)
    except FileNotFoundError:
        # Deleted or replaced since the folder was listed.
        return target
