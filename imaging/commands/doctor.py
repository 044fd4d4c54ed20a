"""`imaging doctor`: what is there, what is missing and how to get it."""

from __future__ import annotations

import click

from imaging.cli import Invocation, workspace_options
from imaging.diagnosis import diagnose
from imaging.settings import Settings


@click.command("doctor")
@workspace_options
def command(invocation: Invocation) -> None:
    """Show versions, GPU, Dask, database, disk and codecs, one row each."""
    findings = diagnose(*Settings.read_usable(invocation.folder))
    lines = [
        f"{found.health.value:<7} {found.name:<40} {found.value}{f'  ({found.remedy})' if found.remedy else ''}"
        for found in findings
    ]
    invocation.show([found.model_dump(mode="json") for found in findings], "\n".join(lines))
