"""`imaging init`: create a workspace."""

from __future__ import annotations

import click

from imaging.cli import Invocation, workspace_options
from imaging.workspace import Workspace


@click.command("init")
@workspace_options
def command(invocation: Invocation) -> None:
    """Create a workspace: database, keys, first operator account."""
    workspace, username, password = Workspace.create(invocation.settings)
    workspace.close()
    document = {
        "workspace": str(invocation.settings.workspace),
        "admin": {"username": username, "password": password},
    }
    lines = [
        f"workspace    {invocation.settings.workspace}",
        f"operator     {username}",
        f"password     {password}",
        f"master key   {invocation.settings.master_key_file}",
        "The password is shown only now.",
        f"Keep a copy of {invocation.settings.secrets} apart from the backups: the master key opens them, and subjects/"
        " grows with every person who can be found again.",
    ]
    invocation.show(document, "\n".join(lines))
