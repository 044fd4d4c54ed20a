"""`imaging resample`: a regular image of one whose planes form no regular grid."""

from __future__ import annotations

import click

from imaging.cli import Invocation, workspace_options
from imaging.domain.job import ResampleWork
from imaging.domain.outcome import IngestedImage
from pipelines.jobs import run_here
from pipelines.resample import ResampleResult


@click.command("resample")
@click.argument("project")
@click.argument("image")
@click.option("--across-gaps", is_flag=True, help="Make up planes that are missing, from their neighbours.")
@workspace_options
def command(invocation: Invocation, project: str, image: str, across_gaps: bool) -> None:
    """Make a regular image of one whose planes are tilted, uneven or missing; that one stays as it is."""
    workspace = invocation.workspace()
    opened = invocation.project(workspace, project)
    work = ResampleWork(image=opened.images.find(image).id, across_gaps=across_gaps)
    with invocation.progress("resample") as draw:
        job = run_here(workspace, opened, work, draw)
    result = ResampleResult.model_validate(job.result)
    found = opened.images.get(result.image)
    made = IngestedImage.of(found, str(opened.images.path(found.id)))
    facts = found.attributes.model_dump(mode="json", include={"resampled"})
    document = {**made.model_dump(mode="json", exclude={"inputs"}), **facts, "job": job.id}
    shape = " × ".join(map(str, made.shape))
    spacing = " × ".join("-" if side is None else f"{side:g}" for side in made.spacing_mm)
    told = f"image {made.id}  {shape}  {spacing} mm  of image {result.source}"
    invocation.show(document, f"{told}, {result.interpolated} of {made.shape[-3]} planes interpolated")
