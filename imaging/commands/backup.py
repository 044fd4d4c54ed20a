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

    Secrets are not copied: a copy of both together would open everything, and name the persons.
    """
    workspace = invocation.workspace()
    if not invocation.user(workspace).operator:
        raise ForbiddenError("back up the workspace")
    report = workspace.backup(destination.absolute())
    document = {"backup": str(destination.absolute()), **report.model_dump()}
    lines = [
        f"{report.files} files, {report.bytes} bytes in {destination}",
        "Secrets are not in it, neither master key nor way back to persons:"
        f" keep a copy of {invocation.settings.secrets} elsewhere.",
    ]
    invocation.show(document, "\n".join(lines))
