"""`imaging backup`: a consistent copy while running."""

from __future__ import annotations

from pathlib import Path

import click

from imaging.cli import Invocation, workspace_options
from imaging.errors import ForbiddenError


@click.command("backup")
@click.argument("destination", metavar="DEST", type=click.Path(path_type=Path))
@workspace_options
def command(invocation: Invocation, destination: Path) -> None:
    """Copy database and files consistently, while everything runs, into a new folder.

    The master key is not copied: a copy of both together would open every secret.
    """
    workspace = invocation.workspace()
    if not invocation.user(workspace).operator:
        raise ForbiddenError("back up the workspace")
    report = workspace.backup(destination.absolute())
    document = {"backup": str(destination.absolute()), **report.model_dump()}
    lines = [
        f"{report.files} files, {report.bytes} bytes in {destination}",
        f"The master key is not in it; keep a copy of {invocation.settings.master_key_file} elsewhere.",
    ]
    invocation.show(document, "\n".join(lines))
