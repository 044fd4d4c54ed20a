"""Annotations and segmentations in from other programs' files, and out again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from imaging.access import Action
from imaging.domain.annotation import AnnotationFilter, Layer
from imaging.domain.base import SegmentationKey
from imaging.domain.image import Image
from imaging.domain.ontology import Term
from imaging.errors import ImagingError, InvalidInputError
from imaging.project.project import Project
from imaging.pyramid.labels import SegmentationReader, count_voxels, write_segmentation
from pipelines import drawing_files, label_volumes
from pipelines.drawing_files import read_rows
from pipelines.sweeping import publishing

FORMATS = ("geojson", "csv", "nifti", "nrrd", "dicom-seg", "dicom-series", "rtstruct", "monai")
"""Every format that the command line names; those without a reader yet are refused by name."""

_LONGEST_NAME = 80


@dataclass
class Imported:
    """What an import made; `voxels` per term name."""

    annotations: int = 0
    segmentations: int = 0
    image_terms: int = 0
    voxels: Counter[str] = field(default_factory=Counter)
    created_terms: list[str] = field(default_factory=list)


class Importer:
    """One import into one layer.

    Parameters
    ----------
    renames
        `--term VALUE=NAME`: what a value or a name in the files is called in the ontology.
    layer
        Name of an import layer; the member's own layer when None.
    reviewed
        Whether what comes in counts as reviewed, so that models learn from it.
    """

    def __init__(self, project: Project, renames: Mapping[str, str], *, layer: str | None, reviewed: bool) -> None:
        project.require(Action.IMPORT_ANNOTATIONS)
        self._project = project
        self._renames = renames
        self._layer_name = layer
        self._reviewed = reviewed
        self._terms = {term.name: term for term in project.ontology.terms()}
        self.made = Imported()

    def import_files(self, image: Image, files: Sequence[Path], kind: str, *, scratch: Path) -> None:
        """Bring files of one format onto one image."""
        if kind in label_volumes.READERS:
            volume = label_volumes.READERS[kind](files, scratch)
            self._add_segmentation(image, label_volumes.lay_on_image(volume, image))
        elif kind in drawing_files.READERS:
            for path in files:
                self._add_drawings(image, drawing_files.READERS[kind](path))
        else:
            raise InvalidInputError(f"the format {kind} is not read yet")

    def import_table(self, table: Path, kind: str, *, scratch: Path) -> None:
        """Bring in what a table lists: columns image and term, or image and file (relative to the table)."""
        rows = list(read_rows(table, needed=("image",)))
        if not rows:
            raise InvalidInputError("the table has no rows")
        by_term = "term" in rows[0][1]
        if by_term == ("file" in rows[0][1]):
            raise InvalidInputError("the table has the columns image,file or image,term")
        images = [self._find_image(number, row["image"]) for number, row in rows]
        for image, (number, row) in zip(images, rows, strict=True):
            try:
                if by_term:
                    self._add_image_term(image, row["term"])
                else:
                    self.import_files(image, [table.parent / row["file"]], kind, scratch=scratch / str(number))
            except InvalidInputError as error:
                raise InvalidInputError(f"row {number} of the table: {error.problem}") from error

    def _add_segmentation(self, image: Image, values: label_volumes.Labels) -> None:
        terms = self._terms_of_values([int(value) for value in np.unique(values) if value])
        lookup = np.zeros(max(terms) + 1, np.uint16)
        for value, term in terms.items():
            lookup[value] = term.value
        labels = lookup[values]
        used = list({term.id: term for term in terms.values()}.values())
        counts = count_voxels(labels, used)

        def write(key: SegmentationKey) -> None:
            write_segmentation(self._project.images.path(image.id), key, labels, used)

        name = ", ".join(term.name for term in used)[:_LONGEST_NAME]
        with publishing(self._project):
            self._project.segmentations.create(image.id, self._layer.id, name, counts, write, reviewed=self._reviewed)
        self.made.segmentations += 1
        for term, count in zip(used, counts, strict=True):
            self.made.voxels[term.name] += count.voxels

    def _terms_of_values(self, values: Sequence[int]) -> dict[int, Term]:
        named = [int(value) for value in self._renames if value.isdecimal()]
        if not values and not named:
            raise InvalidInputError("the file holds no label, only background: say which by --term VALUE=NAME")
        by_value = {term.value: term for term in self._terms.values()}
        found: dict[int, Term] = {}
        # A named value that does not occur is a finding too: this image was looked at and has none of it.
        for value in sorted({*values, *named}):
            if str(value) in self._renames:
                found[value] = self._term(str(value))
            elif not self._renames and value in by_value:
                found[value] = by_value[value]
            else:
                raise InvalidInputError(f"no term for the value {value}: say --term {value}=NAME")
        return found

    def _add_drawings(self, image: Image, drawn: Sequence[drawing_files.Drawn]) -> None:
        drafts = [item.draft(image, [self._term(name).id for name in item.terms]) for item in drawn]
        if not drafts:
            raise InvalidInputError("the file holds no drawing")
        self._project.annotations.import_many(self._layer.id, drafts, reviewed=self._reviewed)
        self.made.annotations += len(drafts)

    def _add_image_term(self, image: Image, name: str) -> None:
        term = self._term(name)
        self._project.images.add_term(image.id, term.id, layer=self._layer.id, reviewed=self._reviewed)
        self.made.image_terms += 1

    def _term(self, value: str) -> Term:
        """Find the term that a value or name in a file stands for; make it where the ontology lacks it."""
        name = self._renames.get(value, value)
        if not name:
            raise InvalidInputError("a term has no name")
        if name not in self._terms:
            self._terms[name] = self._project.ontology.add(name)
            self.made.created_terms.append(name)
        return self._terms[name]

    @cached_property
    def _layer(self) -> Layer:
        if self._layer_name is not None:
            return self._project.layers.named(self._layer_name)
        return self._project.layers.mine()

    def _find_image(self, number: int, name: str) -> Image:
        try:
            return self._project.images.find(name)
        except ImagingError as error:
            raise InvalidInputError(f"row {number} of the table names no image of this project") from error


def dump_drawings(project: Project, images: Sequence[Image], layer: Layer | None, target: Path) -> int:
    """Write the drawings on some images as GeoJSON; journalled as data that leave the project."""
    wanted = AnnotationFilter(images=tuple(image.id for image in images), layers=() if layer is None else (layer.id,))
    found = project.annotations.list(wanted).items if images else ()
    project.journal.note_taking_out("annotation", {"count": len(found)})
    names = {term.id: term.name for term in project.ontology.terms()}
    return drawing_files.write_geojson(found, {image.id: image for image in images}, names, target)


def dump_segmentations(project: Project, images: Sequence[Image], layer: Layer | None, folder: Path) -> int:
    """Write each segmentation on some images as a NIfTI file `<image>.<segmentation>.nii.gz`; journalled."""
    chosen = [
        (image, segmentation)
        for image in images
        for segmentation in project.segmentations.list(image.id)
        if layer is None or segmentation.layer == layer.id
    ]
    project.journal.note_taking_out("segmentation", {"count": len(chosen)})
    folder.mkdir(parents=True, exist_ok=True)
    for image, segmentation in chosen:
        reader = SegmentationReader.open(project.images.path(image.id), segmentation.id)
        planes, rows, columns = reader.shape
        labels = reader.region((0, planes, 0, rows, 0, columns))
        target = folder / f"{image.id}.{segmentation.id}.nii.gz"
        label_volumes.write_nifti(labels, np.asarray(image.attributes.affine_lps, np.float64), target)
    return len(chosen)
