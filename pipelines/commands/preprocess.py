"""`imaging preprocess`: images as a recipe prepares them; `imaging project evict`: away with those long unused."""

from __future__ import annotations

from pathlib import Path

import click

from imaging.access import Action
from imaging.cli import Invocation, workspace_options
from imaging.domain.job import PreprocessWork
from imaging.pyramid.prepared import evict as evict_entries
from imaging.pyramid.prepared import list_entries
from pipelines.jobs import run_here
from pipelines.preprocess import PreprocessResult
from pipelines.preprocessing import check_recipe, read_table

_GIB = 2**30


@click.command("preprocess")
@click.argument("project")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True)
@workspace_options
def command(invocation: Invocation, project: str, recipe: Path, images: tuple[str, ...]) -> None:
    """Prepare images by a TOML recipe and keep them; a training or prediction by the same recipe reads them."""
    table = read_table(recipe)
    check_recipe(table)
    workspace = invocation.workspace()
    opened = invocation.project(workspace, project)
    chosen = tuple(dict.fromkeys(opened.images.find(image).id for image in images))
    with invocation.progress("preprocess") as draw:
        job = run_here(workspace, opened, PreprocessWork(images=chosen, recipe=table), draw)
    made = PreprocessResult.model_validate(job.result)
    lines = []
    for row in made.prepared:
        shape, spacing = " × ".join(map(str, row.shape)), " × ".join(f"{side:g}" for side in row.spacing_mm)
        there = "" if row.made else "  (was there)"
        unfitting = "  (no intensity of the recipe is for its modality)" if row.unfitting else ""
        lines.append(f"image {row.image}  {shape}  {spacing} mm{there}{unfitting}")
    invocation.show({"job": job.id, **made.model_dump(mode="json")}, "\n".join(lines))


@click.command("evict")
@click.argument("project")
@click.option("--keep-gb", type=click.FloatRange(min=0), default=0.0, show_default=True, help="GiB that may stay.")
@workspace_options
def evict(invocation: Invocation, project: str, keep_gb: float) -> None:
    """Remove prepared images, the longest unused first; they are made again when they are needed."""
    opened = invocation.project(invocation.workspace(), project)
    opened.require(Action.TRAIN)
    gone = evict_entries(opened.folder, int(keep_gb * _GIB))
    left = list_entries(opened.folder)
    document = {
        "removed": len(gone),
        "bytes": sum(entry.bytes for entry in gone),
        "left": len(left),
        "left_bytes": sum(entry.bytes for entry in left),
    }
    told = f"{len(gone)} prepared images removed, {len(left)} left ({document['left_bytes']} bytes)"
    invocation.show(document, told)
