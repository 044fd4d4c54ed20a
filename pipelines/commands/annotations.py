"""`imaging annotations`: annotations and segmentations in from files, and out again."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict, Unpack

import click

from imaging.access import Action
from imaging.cli import Invocation, workspace_options
from imaging.domain.annotation import Layer
from imaging.errors import InvalidInputError, NotFoundError
from imaging.project.project import Project
from pipelines.annotations import FORMATS, Imported, Importer, NamedBy, dump_drawings, dump_segmentations

_FILE = click.Path(path_type=Path)
_REASONS = {
    NamedBy.OPTION: "by --term",
    NamedBy.FILE: "as the file itself calls it",
    NamedBy.SIDECAR: "by the JSON file beside the labels",
    NamedBy.ONTOLOGY: "the term that has this value here",
}
_WRITERS = {"geojson": ("annotations", dump_drawings), "nifti": ("segmentations", dump_segmentations)}
"""What writes each format that a dump has, and what it counts."""


class _Options(TypedDict):
    """Options of the import."""

    image: str | None
    table: Path | None
    terms: tuple[str, ...]
    layer: str | None
    reviewed: bool
    partial: bool


@click.group("annotations")
def command() -> None:
    """Annotations and segmentations of a project."""


@command.command("import")
@click.argument("project")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=_FILE)
@click.option("--image", help="The image that the files belong to, by id or unique name.")
@click.option("--table", type=_FILE, help="CSV with the columns image,file or image,term.")
@click.option("--format", "kind", required=True, type=click.Choice(FORMATS), help="What the files are.")
@click.option(
    "--term",
    "terms",
    multiple=True,
    metavar="VALUE=NAME",
    help="What a value, or a name in the files, is called in the ontology.",
)
@click.option("--layer", help="Name of the import layer; by default your own layer.")
@click.option("--reviewed", is_flag=True, help="Count what comes in as reviewed, so that models learn from it.")
@click.option("--partial", is_flag=True, help="Labels may cover a part of the image; the rest is background.")
@workspace_options
def import_annotations(
    invocation: Invocation, project: str, files: tuple[Path, ...], kind: str, **options: Unpack[_Options]
) -> None:
    """Bring in segmentations, drawings or terms of whole images.

    Segmentations come as nifti, nrrd, dicom-seg or dicom-series, drawings as geojson, csv or rtstruct, terms as a
    table in csv. Label volumes must lie on the grid of the image, and cover it unless --partial is said; they are
    flipped and permuted, never resampled.
    Coordinates of drawings are pixels of the plane with the origin lower-left. Terms that the ontology lacks are added
    to it. Without --term, a DICOM object says itself what its segments are, and a JSON file of a dump beside a label
    volume which value is which term. A segmentation that the layer has already, unchanged since it came in, is told and
    not made again.
    """
    opened = invocation.project(invocation.workspace(), project)
    renames = _read_renames(options["terms"])
    importer = Importer(
        opened, renames, layer=options["layer"], reviewed=options["reviewed"], partial=options["partial"]
    )
    image, table = options["image"], options["table"]
    # Members of archives are identifying files: they are unpacked inside the quarantine, which every start sweeps.
    with opened.uploads.scratch() as scratch:
        if (image is None) == (table is None) or (table is not None and files):
            raise InvalidInputError("say either --image IMAGE FILE... or --table FILE")
        if image is not None:
            if not files:
                raise InvalidInputError("say which files belong to the image")
            importer.import_files(opened.images.find(image), files, kind, scratch=scratch)
        elif table is not None:
            importer.import_table(table, kind, scratch=scratch)
    _warn_of_other_images(importer.made.other_image)
    invocation.show(_document(importer.made), _describe(importer.made))


@command.command("dump")
@click.argument("project")
@click.argument("out", type=_FILE)
@click.option("--image", help="Only of this image, by id or unique name.")
@click.option("--layer", help="Only of this layer, by id or unique name.")
@click.option("--format", "kind", required=True, type=click.Choice([*_WRITERS]), help="What to write.")
@workspace_options
def dump_annotations(
    invocation: Invocation, project: str, out: Path, image: str | None, layer: str | None, kind: str
) -> None:
    """Write drawings (geojson, a file) or segmentations (nifti, a folder); needs the controller, journalled.

    Beside each segmentation lies a JSON file that says which value is which term.
    """
    opened = invocation.project(invocation.workspace(), project)
    opened.require(Action.TAKE_OUT)
    images = opened.images.list() if image is None else [opened.images.find(image)]
    chosen = None if layer is None else _find_layer(opened, layer)
    if out.exists() and not (kind == "nifti" and out.is_dir()):
        raise InvalidInputError("the target exists already")
    what, write = _WRITERS[kind]
    try:
        counts = {what: write(opened, images, chosen, out)}
    except OSError as error:
        raise InvalidInputError("the target cannot be written") from error
    invocation.show(counts, ", ".join(f"{count} {what}" for what, count in counts.items()))


def _read_renames(terms: tuple[str, ...]) -> dict[str, str]:
    renames: dict[str, str] = {}
    for term in terms:
        value, separator, name = term.partition("=")
        if not separator or not value.strip() or not name.strip():
            raise InvalidInputError("--term is VALUE=NAME")
        if value.strip() in renames:
            raise InvalidInputError("--term names one value twice")
        renames[value.strip()] = name.strip()
    return renames


def _find_layer(project: Project, name: str) -> Layer:
    found = [layer for layer in project.layers.list() if name in (str(layer.id), layer.name)]
    if len(found) > 1:
        raise InvalidInputError("several layers have this name; use the id")
    if not found:
        raise NotFoundError("layer", name)
    return found[0]


def _warn_of_other_images(count: int) -> None:
    # No refusal: the same image has another id in another project.
    if count:
        named = "1 annotation names" if count == 1 else f"{count} annotations name"
        click.echo(f"imaging: {named} another image", err=True)


def _document(made: Imported) -> dict[str, object]:
    return {
        "annotations": made.annotations,
        "other_image": made.other_image,
        "segmentations": made.segmentations,
        "already_there": made.already,
        "image_terms": made.image_terms,
        "voxels": dict(made.voxels),
        "values": [{"value": found.value, "term": found.term, "by": found.by.value} for found in made.values],
        "created_terms": made.created_terms,
    }


def _describe(made: Imported) -> str:
    lines = [
        f"{made.annotations} annotations, {made.segmentations} segmentations, {made.image_terms} terms of whole images"
    ]
    if made.already:
        was = "1 segmentation was" if made.already == 1 else f"{made.already} segmentations were"
        lines.append(f"{was} there already, voxel for voxel")
    lines += [f"  value {found.value} became {found.term} ({_REASONS[found.by]})" for found in made.values]
    lines += [f"  {name}: {count:,} voxels" for name, count in made.voxels.items()]
    if made.created_terms:
        lines.append(f"added to the ontology: {', '.join(made.created_terms)}")
    return "\n".join(lines)
