"""`imaging rebuild`: an image out again as the DICOM that it was made of, or as one volume."""

from __future__ import annotations

from pathlib import Path

import click

from imaging.cli import Invocation, workspace_options
from pipelines.rebuild import WRITERS


@click.command("rebuild")
@click.argument("project")
@click.argument("image")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--format", "kind", type=click.Choice([*WRITERS]), default="dicom", help="What to write.")
@workspace_options
def command(invocation: Invocation, project: str, image: str, out: Path, kind: str) -> None:
    """Write an image as pseudonymised DICOM (OUT is a folder), NIfTI or NRRD; needs the controller, journalled."""
    opened = invocation.project(invocation.workspace(), project)
    chosen = opened.images.find(image)
    with invocation.progress("rebuild") as draw:
        made = WRITERS[kind](opened, chosen, out, draw)
    invocation.show(
        {"files": [str(path) for path in made]}, f"{len(made)} files written" if len(made) > 1 else "1 file written"
    )
