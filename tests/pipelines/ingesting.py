"""Ingest as the tests of it say it: every file has one outcome, and progress stays within its bounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imaging.domain.job import Work
from imaging.domain.outcome import IngestReport
from imaging.project.project import Project
from imaging.pyramid.read import Pyramid
from imaging.workspace import Workspace
from pipelines.ingest import ingest


def silent(percent: int, message: str) -> None:
    assert 0 <= percent <= 100


def take(project: Project, *paths: Path) -> IngestReport:
    made = ingest(project, paths, silent, workers=2)
    outcomes = sum(image.sources for image in made.images) + len(made.documents) + len(made.quarantined)
    assert made.files == outcomes + made.duplicates
    assert len(made.duplicate_inputs) == made.duplicates
    return made


def take_at_once(project: Project, folder: Path) -> tuple[IngestReport, IngestReport]:
    """Ingest a folder twice, the second time in the middle of the first; gives what the first and the second made."""
    inner: list[IngestReport] = []

    def interrupt(percent: int, message: str) -> None:
        # The outer ingest has found nothing known by now and is about to publish.
        if percent > 10 and not inner:
            inner.append(take(project, folder))

    outer = ingest(project, [folder], interrupt)
    return outer, inner[0]


def begin_job(workspace: Workspace, project: Project, work: Work) -> Project:
    """Open the project as a worker does that runs this work."""
    job = project.jobs.begin(work, "worker", 60)
    return workspace.open(project.record.id, project.member.user.id, job=job.id)


def voxels_of(project: Project, number: int = 0) -> np.ndarray:
    image = project.images.list()[number]
    pyramid = Pyramid.open(project.images.path(image.id))
    return pyramid.region((0, image.extent("z"), 0, image.extent("y"), 0, image.extent("x")))
