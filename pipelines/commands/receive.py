"""`imaging receive`: take in images over the DICOM network."""

from __future__ import annotations

import logging
import signal
import ssl
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from imaging.access import Action
from imaging.cli import Invocation, warn_of_open_key, workspace_options
from imaging.errors import InvalidInputError
from imaging.listening import is_loopback
from imaging.logs import start_logging
from imaging.project.project import Project
from imaging.workspace import Workspace
from pipelines.receive import Door, LazyTls, Receiver

_LONGEST_TITLE = 16
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@dataclass(frozen=True)
class _Names:
    """Titles and projects as they were typed."""

    aet: str
    project: str | None
    routes: tuple[str, ...]
    callers: tuple[str, ...]

    def open(self, invocation: Invocation) -> dict[str, Project]:
        """Open the project behind each of our AE titles."""
        workspace = invocation.workspace()
        titles = {_title(self.aet): _open(invocation, workspace, self.project)}
        for title, name in map(_split, self.routes):
            if title in titles:
                raise InvalidInputError("each AE title leads to one project")
            titles[title] = _open(invocation, workspace, name)
        return titles


@dataclass(frozen=True)
class _Protection:
    """What proves who is there, on either side."""

    certfile: Path | None
    keyfile: Path | None
    cafile: Path | None

    def require(self, host: str) -> None:
        """Refuse to take in images over a network in the clear, or from anybody."""
        if (self.certfile is None) != (self.keyfile is None):
            raise InvalidInputError("--certfile and --keyfile come together")
        if self.cafile is not None and self.certfile is None:
            raise InvalidInputError("--cafile needs --certfile and --keyfile")
        if not is_loopback(host) and self.cafile is None:
            raise InvalidInputError(
                f"{host} is reached over a network: give --certfile, --keyfile and --cafile, so that images come "
                "encrypted and from who has a certificate"
            )

    def load(self) -> ssl.SSLContext | None:
        """Make what encrypts; None in the clear."""
        if self.certfile is None:
            return None
        context = LazyTls(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certfile, self.keyfile)
            if self.cafile is not None:
                context.load_verify_locations(self.cafile)
                context.verify_mode = ssl.CERT_REQUIRED
        except (OSError, ssl.SSLError) as error:
            raise InvalidInputError("the certificates cannot be read, or do not belong to the key") from error
        return context


@click.command("receive")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=11112, show_default=True, help="0 takes a free one.")
@click.option("--aet", default="IMAGING", show_default=True, metavar="TITLE", help="Our AE title.")
@click.option("--project", help="Where its images go; default the only project.")
@click.option("--route", "routes", multiple=True, metavar="TITLE=PROJECT", help="A further title of ours. Repeatable.")
@click.option("--calling", "callers", multiple=True, metavar="TITLE", help="Who may call; default anyone. Repeatable.")
@click.option("--certfile", type=_FILE, help="TLS certificate chain.")
@click.option("--keyfile", type=_FILE, help="TLS key.")
@click.option("--cafile", type=_FILE, help="Who calls must have a certificate from one of these.")
@workspace_options
def command(
    invocation: Invocation,
    /,
    *,
    host: str,
    port: int,
    certfile: Path | None,
    keyfile: Path | None,
    cafile: Path | None,
    **names: object,
) -> None:
    """Receive DICOM by C-STORE; each association becomes an upload that a worker ingests.

    Uploads belong to the acting user, who needs the right to upload in every project named.
    """
    protection = _Protection(certfile, keyfile, cafile)
    protection.require(host)
    typed = _Names(**names)  # type: ignore[arg-type]  # click gives exactly these options
    door = Door(typed.open(invocation), tuple(map(_title, typed.callers)), protection.load())
    start_logging(logging.INFO)
    warn_of_open_key(invocation.settings)
    receiver, stop = Receiver(door), threading.Event()
    with next(iter(door.titles.values())).uploads.scratch() as scratch, _passing_through(scratch):
        port = receiver.start(host, port)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        titles = ", ".join(door.titles)
        click.echo(f"Receiving at {host} port {port} as {titles}  (for research use only, not for diagnosis)")
        stop.wait()
        receiver.stop()


@contextmanager
def _passing_through(scratch: Path) -> Iterator[None]:
    """Let all that is on its way lie where the next process deletes it, should this one be killed."""
    before, tempfile.tempdir = tempfile.tempdir, str(scratch)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _title(written: str) -> str:
    title = written.strip()
    if not title or len(title) > _LONGEST_TITLE or not title.isascii() or not title.isprintable() or "\\" in title:
        raise InvalidInputError("an AE title has 1 to 16 printable ASCII characters and no backslash")
    return title


def _split(route: str) -> Sequence[str]:
    title, sign, name = route.partition("=")
    if not sign:
        raise InvalidInputError("--route is written TITLE=PROJECT")
    return _title(title), name


def _open(invocation: Invocation, workspace: Workspace, name: str | None) -> Project:
    if name is None:
        mine = workspace.projects_of(invocation.user(workspace).id)
        if len(mine) != 1:
            raise InvalidInputError(f"there are {len(mine)} projects; name one with --project")
        name = str(mine[0].id)
    project = invocation.project(workspace, name)
    project.require(Action.UPLOAD)
    return project
