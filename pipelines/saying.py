"""What the sender of an upload says of all images that it becomes."""

from __future__ import annotations

from imaging.domain.base import UploadKey
from imaging.domain.outcome import IngestReport
from imaging.domain.remark import Target, TargetKind
from imaging.project.project import Project


def say_of_images(project: Project, upload: UploadKey, made: IngestReport) -> None:
    """Give the images that an ingest made the properties that came with their upload, each once."""
    said = project.received.said(upload)
    for image in made.images if said else ():
        target = Target(kind=TargetKind.IMAGE, id=image.id)
        # An attempt that was cut off may have said some already.
        known = {(one.key, one.value) for one in project.properties.list(target)}
        if new := [pair for pair in dict.fromkeys(said) if pair not in known]:
            project.properties.add(target, new)
