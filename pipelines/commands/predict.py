"""`imaging predict`: a model's layer on some images."""

from __future__ import annotations

import click

from imaging.cli import Invocation, workspace_options
from imaging.domain.job import Device, PredictWork
from pipelines.jobs import run_here
from pipelines.predict import PredictResult


@click.command("predict")
@click.argument("project")
@click.argument("model")
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@click.option("--device", type=click.Choice([device.value for device in Device]), default="auto", show_default=True)
@workspace_options
def command(invocation: Invocation, project: str, model: str, images: tuple[str, ...], device: str) -> None:
    """Run a model over images: segmentations, or terms with their probability, in the model's own layer."""
    workspace = invocation.workspace()
    opened = invocation.project(workspace, project)
    found = opened.models.find(model)
    chosen = tuple(dict.fromkeys(opened.images.find(image).id for image in images))
    with invocation.progress("predict") as draw:
        work = PredictWork(model=found.id, images=chosen, device=Device(device))
        job = run_here(workspace, opened, work, draw)
    made = PredictResult.model_validate(job.result)
    images_made = f"{len(made.outputs)} image{'s' * (len(made.outputs) != 1)}"
    lines = [f"model {found.name} {found.version}, {images_made} predicted into layer {made.layer}"]
    invocation.show({"job": job.id, **made.model_dump(mode="json")}, "\n".join(lines))
