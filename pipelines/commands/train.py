"""`imaging train`: a model from the project's annotations."""

from __future__ import annotations

from pathlib import Path

import click

from imaging.cli import Invocation, workspace_options
from imaging.domain.base import ModelKey
from imaging.domain.job import Device, Split, Task, TrainWork
from pipelines.jobs import run_here
from pipelines.omission import tell_omissions
from pipelines.recipe import make_recipe, read_settings
from pipelines.train import TrainResult


@click.command("train")
@click.argument("project")
@click.option("--task", required=True, type=click.Choice([task.value for task in Task]), help="What to learn.")
@click.option("--config", type=click.Path(path_type=Path), help="TOML with settings such as steps, patch, seed.")
@click.option("--device", type=click.Choice([device.value for device in Device]), default="auto", show_default=True)
@click.option(
    "--split",
    type=click.Choice([split.value for split in Split]),
    default="subject",
    show_default=True,
    help="Hold out subjects to judge on, or train on all and claim no accuracy.",
)
@workspace_options
def command(invocation: Invocation, project: str, task: str, config: Path | None, device: str, split: str) -> None:
    """Train a model on the project's reviewed segmentations or image terms."""
    settings = {} if config is None else read_settings(config)
    make_recipe(Task(task), settings)
    workspace = invocation.workspace()
    opened = invocation.project(workspace, project)
    work = TrainWork(task=Task(task), device=Device(device), split=Split(split), config=settings)
    with invocation.progress("train") as draw:
        job = run_here(workspace, opened, work, draw)
    made = TrainResult.model_validate(job.result)
    folder = opened.models.folder(ModelKey(made.model))
    document = made.model_dump(mode="json") | {"bundle": str(folder), "job": job.id}
    invocation.show(document, _describe(made, folder))


def _describe(made: TrainResult, folder: Path) -> str:
    lines = [f"model {made.model}: {made.name} version {made.version}"]
    shown = ("dice", "dice_ci95", "threshold_dice", "accuracy", "accuracy_ci95", "auc")
    figures = [f"{name} {made.metrics[name]}" for name in shown if made.metrics.get(name) is not None]
    lines.append("on unseen subjects: " + ", ".join(figures) if figures else "no accuracy is claimed: nothing held out")
    empty = made.metrics.get("empty_references")
    if isinstance(empty, dict) and empty["count"]:
        lines.append(f"terms that an unseen subject has none of: {empty['count']}, left empty {empty['left_empty']}")
    if made.left_out:
        lines.append(f"left out of the dataset: {tell_omissions(made.left_out)}")
    lines.append(f"bundle {folder}")
    return "\n".join(lines)
