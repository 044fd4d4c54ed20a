"""`imaging images`: list the images of a project."""

from __future__ import annotations

from collections import defaultdict

import click

from imaging.cli import Invocation, workspace_options
from imaging.domain.base import ImageKey
from imaging.domain.image import Image
from imaging.domain.outcome import IngestedImage
from imaging.project.project import Project


@click.command("images")
@click.argument("project")
@workspace_options
def command(invocation: Invocation, project: str) -> None:
    """List the images of a project."""
    opened = invocation.project(invocation.workspace(), project)
    images = opened.images.list()
    said = defaultdict[ImageKey, dict[str, str]](dict)
    for one in opened.properties.of_images():
        said[ImageKey(one.target.id)][one.key] = one.value
    rows = [
        _describe(opened, image).model_dump(mode="json", exclude={"inputs"})
        | {"name": image.name, "subject": image.subject}
        | {"irregularities": _tell_irregularities(image), "properties": said[image.id]}
        for image in images
    ]
    invocation.show(rows, "\n".join(_line(image) for image in images))


def _describe(project: Project, image: Image) -> IngestedImage:
    return IngestedImage.of(image, str(project.images.path(image.id)))


def _line(image: Image) -> str:
    shape = " x ".join(str(length) for length in image.shape)
    spacing = " x ".join("-" if mm is None else f"{mm:g}" for mm in image.attributes.spacing_mm)
    kind = f"{image.attributes.modality:<4} {image.attributes.axes:<5}"
    mark = "" if image.attributes.regular else f"  irregular: {', '.join(_tell_irregularities(image)) or 'unknown'}"
    return f"{image.id:>6}  {kind} {shape:<20} {spacing} mm  {image.name}  {image.description}{mark}"


def _tell_irregularities(image: Image) -> list[str]:
    return [one.value for one in image.attributes.irregularities]
