"""`imaging verify`: every byte of a project against its manifests."""

from __future__ import annotations

import click

from imaging.cli import Invocation, workspace_options
from imaging.errors import VerificationError
from imaging.project.verification import Finding, verify_project

_NAMED = 10


@click.command("verify")
@click.argument("project")
@workspace_options
def command(invocation: Invocation, project: str) -> None:
    """Compare every byte of a project's images with what was written; exit 4 names what differs."""
    found = verify_project(invocation.project(invocation.workspace(), project))
    text = f"{found.files} files, {found.bytes} bytes: " + ("all as written" if found.ok else "not as written")
    document = {
        "files": found.files,
        "bytes": found.bytes,
        "ok": found.ok,
        "differences": [{"path": item.path, "problem": item.problem} for item in found.differences],
    }
    invocation.show(document, text)
    if not found.ok:
        raise VerificationError("stored data", _name(found))


def _name(found: Finding) -> str:
    named = [f"{item.path} ({item.problem})" for item in found.differences[:_NAMED]]
    rest = len(found.differences) - _NAMED
    return ", ".join(named) + (f" and {rest} more" if rest > 0 else "")
