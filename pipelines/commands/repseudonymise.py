"""`imaging project repseudonymise`: the images of a project under the profile that it has now."""

from __future__ import annotations

import click

from imaging.cli import Invocation, workspace_options
from imaging.domain.job import RepseudonymiseWork
from pipelines.jobs import run_here
from pipelines.repseudonymise import RepseudonymiseResult


@click.command("repseudonymise")
@click.argument("project")
@workspace_options
def command(invocation: Invocation, project: str) -> None:
    """Apply a project's profile to the stored headers of its images: a stricter one than they were made under.

    What is gone does not come back: a looser profile is refused, and the files have to be ingested again.
    """
    workspace = invocation.workspace()
    opened = invocation.project(workspace, project)
    with invocation.progress("repseudonymise") as draw:
        job = run_here(workspace, opened, RepseudonymiseWork(), draw)
    made = RepseudonymiseResult.model_validate(job.result)
    counted = ", ".join(f"{count} {name}" for name, count in sorted(made.actions.items()))
    lines = [f"profile {made.profile}: {made.images} images brought under it, {made.unchanged} were under it already"]
    if counted:
        lines.append(f"attributes: {counted}")
    invocation.show({"job": job.id, **made.model_dump(mode="json")}, "\n".join(lines))
