"""`imaging quarantine`: what is held and why; decide it."""

from __future__ import annotations

import click

from imaging.cli import ID, Invocation, printable, workspace_options
from imaging.domain.upload import HeldFile
from imaging.errors import StateError


@click.group("quarantine")
def command() -> None:
    """Files that did not become images, and what becomes of them."""


@command.command("list")
@click.argument("project")
@workspace_options
def list_held(invocation: Invocation, project: str) -> None:
    """List the held files with the reason of each."""
    held = invocation.project(invocation.workspace(), project).uploads.held()
    invocation.show([_row(file) for file in held], "\n".join(_line(file) for file in held) or "nothing is held")


@command.command("show")
@click.argument("project")
@click.argument("item", type=ID)
@workspace_options
def show(invocation: Invocation, project: str, item: int) -> None:
    """Show one held file."""
    (held,) = invocation.project(invocation.workspace(), project).uploads.held(item)
    row = _row(held)
    invocation.show(row, "\n".join(f"{name:<9}{printable(str(value))}" for name, value in row.items()))


@command.command("refuse")
@click.argument("project")
@click.argument("item", type=ID)
@workspace_options
def refuse(invocation: Invocation, project: str, item: int) -> None:
    """Delete one held file for good."""
    invocation.project(invocation.workspace(), project).uploads.refuse(item)
    invocation.show({"id": item, "decision": "refused"}, f"{item}  refused and deleted")


@command.command("accept")
@click.argument("project")
@click.argument("item", type=ID)
@workspace_options
def accept(invocation: Invocation, project: str, item: int) -> None:
    """Ingest one held file after all (not available in this version)."""
    _not_yet(invocation, project, item, "accepting")


@command.command("redact")
@click.argument("project")
@click.argument("item", type=ID)
@workspace_options
def redact(invocation: Invocation, project: str, item: int) -> None:
    """Blacken regions of one held file and ingest it (not available in this version)."""
    _not_yet(invocation, project, item, "redacting")


def _not_yet(invocation: Invocation, project: str, item: int, decision: str) -> None:
    invocation.project(invocation.workspace(), project).uploads.held(item)
    raise StateError("quarantined file", f"{decision} is not available in this version; refuse it or leave it held")


def _row(file: HeldFile) -> dict[str, object]:
    return {
        "id": file.id,
        "name": file.name,
        "reason": file.reason.value,
        "detail": file.detail,
        "bytes": file.size,
        "upload": file.upload,
        "held": file.created.isoformat(timespec="seconds"),
    }


def _line(file: HeldFile) -> str:
    return f"{file.id:>6}  {file.reason.value:<20} {printable(file.name)}"
