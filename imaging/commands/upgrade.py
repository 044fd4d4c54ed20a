"""`imaging upgrade`: bring the database to this version's schema."""

from __future__ import annotations

import click

from imaging.cli import Invocation, workspace_options
from imaging.workspace import upgrade_workspace


@click.command("upgrade")
@workspace_options
def command(invocation: Invocation) -> None:
    """Run the database migrations; does nothing where all have run."""
    before, after = upgrade_workspace(invocation.settings)
    text = f"already at {after}" if before == after else f"{before} -> {after}"
    invocation.show({"before": before, "after": after}, text)
