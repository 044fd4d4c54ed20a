"""Where a workspace lies and what it talks to; read from the environment once, at the edge."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from imaging.domain.object_store import ObjectStore
from imaging.errors import InvalidInputError
from imaging.listening import is_loopback

_REGION = re.compile(r"[a-z0-9-]{0,40}")


@dataclass(frozen=True)
class Settings:
    """Everything that differs between installations."""

    workspace: Path
    """The workspace folder `W`."""

    database_url: str
    """SQLAlchemy URL; SQLite inside the workspace unless `IMAGING_DATABASE_URL` names PostgreSQL."""

    quarantine: Path
    """Where uploads wait, encrypted."""

    secrets: Path
    """Folder of mode 0700 for keys."""

    master_key_file: Path
    """32 random bytes, hex, mode 0600; wraps the project keys."""

    session_idle_seconds: int = 3600
    """A session ends after this long without a request."""

    session_seconds: int = 12 * 3600
    """A session ends after this long in any case."""

    held_days: int | None = None
    """`imaging quarantine expire` deletes files that were held for longer; None where it must be told how long."""

    object_store: ObjectStore | None = None
    """Where the shards of new images and segmentations go; None for the folders of the workspace."""

    @property
    def projects(self) -> Path:
        """Where images and models lie; holds no direct identifier."""
        return self.workspace / "projects"

    @classmethod
    def read(cls, workspace: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
        """Build the settings from an explicit folder and the environment."""
        settings, problems = cls.read_usable(workspace, environ)
        for problem in problems.values():
            raise InvalidInputError(problem)
        return settings

    @classmethod
    def read_usable(
        cls, workspace: Path | None = None, environ: Mapping[str, str] = os.environ
    ) -> tuple[Settings, dict[str, str]]:
        """Build the settings and leave out those that cannot be used; says of each of these what is wrong with it."""
        root = (workspace or Path(environ.get("IMAGING_WORKSPACE", "workspace"))).absolute()
        problems: dict[str, str] = {}
        held_days, object_store = None, None
        try:
            held_days = _read_days(environ.get("IMAGING_HELD_DAYS", ""))
        except InvalidInputError as error:
            problems["held_days"] = error.problem
        try:
            object_store = _read_object_store(environ)
        except InvalidInputError as error:
            problems["object_store"] = error.problem
        secrets = Path(environ.get("IMAGING_SECRETS", str(root / "secrets"))).absolute()
        settings = cls(
            workspace=root,
            database_url=environ.get("IMAGING_DATABASE_URL", f"sqlite:///{root / 'workspace.sqlite'}"),
            quarantine=Path(environ.get("IMAGING_QUARANTINE", str(root / "quarantine"))).absolute(),
            secrets=secrets,
            master_key_file=Path(environ.get("IMAGING_MASTER_KEY_FILE", str(secrets / "master.key"))).absolute(),
            held_days=held_days,
            object_store=object_store,
        )
        return settings, problems


def _read_days(text: str) -> int | None:
    if not text.strip():
        return None
    try:
        days = int(text)
    except ValueError:
        days = 0
    if days < 1:
        raise InvalidInputError("IMAGING_HELD_DAYS is a whole number of days, 1 or more")
    return days


def _read_object_store(environ: Mapping[str, str]) -> ObjectStore | None:
    url = environ.get("IMAGING_OBJECT_STORE", "").strip()
    if not url:
        return None
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
    store = ObjectStore(
        url=f"{url.rstrip('/')}/",
        endpoint=environ.get("IMAGING_OBJECT_STORE_ENDPOINT", "").strip().rstrip("/"),
        region=region.strip(),
    )
    # No message repeats an address: whoever writes a password into one must not find it in a log.
    if not store.named_well:
        raise InvalidInputError(
            "IMAGING_OBJECT_STORE is s3://BUCKET or s3://BUCKET/PREFIX, the bucket's name 3 to 63 letters long"
        )
    if store.endpoint and not _is_safe_endpoint(store.endpoint):
        raise InvalidInputError(
            "IMAGING_OBJECT_STORE_ENDPOINT is https://HOST or https://HOST:PORT; http:// on this machine only"
        )
    if not _REGION.fullmatch(store.region):
        raise InvalidInputError("AWS_REGION is the name of a region, such as eu-west-3")
    return store


def _is_safe_endpoint(address: str) -> bool:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return False
    if not parts.hostname or "@" in parts.netloc or parts.path or parts.query or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
