"""`imaging ingest`: files, folders and archives to images."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click
from pydantic import JsonValue

from imaging.cli import Invocation, Report, printable, warn_without_detector, workspace_options
from imaging.dicom.profile import Profile
from imaging.dicom.walk import require_paths
from imaging.domain.attachment import AttachmentKind, IngestedDocument
from imaging.domain.job import IngestWork, Work
from imaging.domain.outcome import Held, IngestedImage, IngestReport
from imaging.errors import InvalidInputError
from imaging.project.project import Project
from pipelines.ingest import ingest
from pipelines.jobs import run_here, without_names

_SHOWN = 40
"""Rows of each kind that the text answer lists, and how many duplicates at most; `--json` gives all."""


@click.command("ingest")
@click.argument("project")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--profile", metavar="NAME|FILE", help="A built-in profile or a TOML file; default the project's own.")
@click.option("--workers", type=click.IntRange(1, 256), help="Slabs worked on at a time; default one per processor.")
@workspace_options
def command(
    invocation: Invocation, project: str, paths: tuple[Path, ...], profile: str | None, workers: int | None
) -> None:
    """Turn DICOM files, pictures, folders, zip and tar archives into images.

    Every file ends as part of an image, as a document, as a duplicate, or in quarantine with a reason.
    """
    workspace = invocation.workspace()
    opened = invocation.project(workspace, project)
    chosen = None if profile is None else Profile.read(profile)
    require_paths(paths)
    warn_without_detector()
    reports: list[IngestReport] = []
    upload = opened.uploads.create("command line")

    def do(project: Project, work: Work, report: Report) -> JsonValue:
        reports.append(ingest(project, paths, report, profile=chosen, workers=workers, upload=upload))
        return without_names(reports[-1])

    with invocation.progress("ingest") as draw:
        run_here(workspace, opened, IngestWork(upload=upload), draw, do)
        opened.uploads.finish(upload)
    made = reports[-1]
    invocation.show(made.model_dump(mode="json"), _describe(made))
    refuse_nothing(made)


def count_outcomes(made: IngestReport) -> str:
    """Say in one line what became of all files."""
    return (
        f"{made.files} files: {len(made.images)} images from {sum(image.sources for image in made.images)} files, "
        f"{len(made.documents)} documents, {len(made.quarantined)} in quarantine, {made.duplicates} duplicates"
    )


def refuse_nothing(made: IngestReport) -> None:
    """Raise InvalidInputError where every file was held."""
    if not made.images and not made.documents and not made.duplicates:
        reasons = Counter(held.reason.value for held in made.quarantined)
        counted = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        raise InvalidInputError(f"nothing could be ingested: {counted}")


def _describe(made: IngestReport) -> str:
    lines = [_image_line(image) for image in made.images[:_SHOWN]]
    if len(made.images) > _SHOWN:
        lines.append(f"... and {len(made.images) - _SHOWN} more images")
    lines += [_document_line(document) for document in made.documents[:_SHOWN]]
    if len(made.documents) > _SHOWN:
        lines.append(f"... and {len(made.documents) - _SHOWN} more documents")
    lines += [_held_line(held) for held in made.quarantined[:_SHOWN]]
    if len(made.quarantined) > _SHOWN:
        lines.append(f"... and {len(made.quarantined) - _SHOWN} more in quarantine")
    # Nothing is to be done about a duplicate: many of them, as of a folder that comes again, would only hide the rest.
    if len(made.duplicate_inputs) <= _SHOWN:
        lines += [f"duplicate  {printable(name)}" for name in made.duplicate_inputs]
    return "\n".join([*lines, count_outcomes(made)])


def _image_line(image: IngestedImage) -> str:
    shape = " × ".join(map(str, image.shape))
    spacing = " × ".join("-" if side is None else f"{side:g}" for side in image.spacing_mm)
    kind = f"{image.modality:<3} {image.axes} {shape}  {image.dtype}"
    return f"image {image.id}  {kind}  {spacing} mm  {image.sources} files"


def _document_line(document: IngestedDocument) -> str:
    if document.kind is AttachmentKind.TABLE:
        left = f", {_count(document.unmatched, 'row')} of images that are not here" if document.unmatched else ""
        said = f"{_count(document.image_terms, 'term')}, {_count(document.image_properties, 'value')} of properties"
        return f"document  {printable(document.name)}  (a table: {said}{left})"
    counts = {"segmentation": len(document.segmentations), "annotation": document.annotations}
    told = ", ".join(_count(count, what) for what, count in counts.items() if count)
    return f"document  {printable(document.name)}  ({told} on image {document.image})"


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _held_line(held: Held) -> str:
    return f"held  {held.reason.value}  {printable(held.name)}" + (f"  ({held.detail})" if held.detail else "")
