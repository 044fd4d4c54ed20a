"""Where the work of a project writes, and the removal of what killed processes left there."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from imaging.access import Action
from imaging.domain.base import ImageKey, SegmentationKey
from imaging.locks import scratch_folder
from imaging.project.project import Project
from imaging.pyramid.labels import sweep_segmentations
from imaging.pyramid.manifest import SUFFIX
from imaging.pyramid.publish import discard, staging_area


@contextmanager
def publishing(project: Project) -> Iterator[None]:
    """Hold the project's staging area until the rows of what is published there are written.

    Whoever enters alone first removes images and segmentations that have no row.
    """
    with staging_area(project.folder / "images", partial(_sweep_images, project)):
        yield


@contextmanager
def publishing_models(project: Project) -> Iterator[Path]:
    """As `publishing`, for bundles of models; gives the folder that they are staged and published in."""
    models = project.folder / "models"
    with staging_area(models, partial(_sweep_models, project, models)):
        yield models


@contextmanager
def working_folder(project: Project) -> Iterator[Path]:
    """Give a private folder beside the images for files too large for memory; removed afterwards, come what may."""
    with scratch_folder(project.folder / ".working") as folder:
        yield folder


def sweep_abandoned(project: Project) -> None:
    """Remove what killed processes left, unless somebody is publishing now: before long work, not at its end."""
    with publishing(project), publishing_models(project), working_folder(project):
        pass


def _sweep_images(project: Project) -> None:
    images = {image.id for image in project.images.catalogue()}
    known = {str(image) for image in images}
    for group in (project.folder / "images").glob(f"*{SUFFIX}"):
        if group.name.removesuffix(SUFFIX) not in known:
            discard(group, group.parent)
    for folder in ("headers", "manifests"):
        for beside in (project.folder / folder).glob("[0-9]*"):
            if beside.name.split(".", 1)[0] not in known:
                beside.unlink(missing_ok=True)
    # Who may only upload does not see segmentations; the next who does sweeps them.
    if project.may(Action.SEE_ANNOTATIONS):
        _sweep_segmentations(project, images)


def _sweep_segmentations(project: Project, images: set[ImageKey]) -> None:
    known = defaultdict[ImageKey, set[SegmentationKey]](set)
    for found in project.segmentations.list():
        known[found.image].add(found.id)
    for image in images:
        # Somebody may delete the image meanwhile.
        with suppress(FileNotFoundError):
            sweep_segmentations(project.images.path(image), known[image])


def _sweep_models(project: Project, models: Path) -> None:
    known = {str(model.id) for model in project.models.list()}
    for bundle in models.glob("[0-9]*"):
        if bundle.name not in known:
            shutil.rmtree(bundle)
