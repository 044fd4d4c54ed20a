"""Annotations and segmentations in from other programs' files, and out again."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np

from imaging.access import Action
from imaging.dicom.walk import require_paths
from imaging.domain.annotation import AnnotationFilter, Layer
from imaging.domain.base import ImageKey, SegmentationKey, TermKey
from imaging.domain.image import Image
from imaging.domain.ontology import Term
from imaging.domain.segmentation import Segmentation, TermVoxels
from imaging.errors import ForbiddenError, ImagingError, InvalidInputError
from imaging.project.annotations import check_place
from imaging.project.drawing import draw, plane_of
from imaging.project.project import Project
from imaging.pyramid.labels import SegmentationReader, holds_labels
from imaging.taxonomy import check_name
from pipelines import drawing_files, label_volumes
from pipelines.dicom_objects import LaidLabels, draft_segmentation, read_contours, read_segments, take_terms
from pipelines.drawing_files import read_rows
from pipelines.label_sidecars import Sidecar, read_names, write_sidecar
from pipelines.sweeping import publishing
from pipelines.truth import truthful_layers

FORMATS = ("geojson", "csv", "nifti", "nrrd", "dicom-seg", "dicom-series", "rtstruct", "monai")
"""Every format that the command line names; those without a reader yet are refused by name."""

_SEGMENTS, _CONTOURS = "dicom-seg", "rtstruct"
_LABELS = frozenset({*label_volumes.READERS, _SEGMENTS})


class NamedBy(Enum):
    """What said which term a value of a file of labels is."""

    OPTION = "option"
    FILE = "file"
    SIDECAR = "sidecar"
    ONTOLOGY = "ontology"


@dataclass(frozen=True)
class NamedValue:
    """A value in files, and the name of the term that its voxels came under."""

    value: int
    term: str
    by: NamedBy


@dataclass
class Imported:
    """What an import made; `voxels` per term name, `other_image` of the annotations name another image than theirs.

    `already` counts segmentations that the layer held before, voxel for voxel, and that nobody had changed since.
    """

    annotations: int = 0
    other_image: int = 0
    segmentations: int = 0
    already: int = 0
    image_terms: int = 0
    voxels: Counter[str] = field(default_factory=Counter)
    values: list[NamedValue] = field(default_factory=list)
    created_terms: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Item:
    """Files, or a term, for one image; `row` where a table lists it."""

    image: Image
    files: tuple[Path, ...] = ()
    term: str | None = None
    row: int | None = None

    @contextmanager
    def named(self) -> Iterator[None]:
        """Say in which row of the table the input was bad."""
        try:
            yield
        except InvalidInputError as error:
            if self.row is None:
                raise
            raise InvalidInputError(f"row {self.row} of the table: {error.problem}") from error


class Importer:
    """One import into one layer.

    Parameters
    ----------
    renames
        `--term VALUE=NAME`: what a value or a name in the files is called in the ontology. Without any, the sidecar
        beside a file of labels says it, and where there is none, a value is the term that has it here.
    layer
        Name of an import layer; the member's own layer when None.
    reviewed
        Whether what comes in counts as reviewed, so that models learn from it.
    partial
        Whether a volume of labels may cover a part of its image only, or reach beyond it.
    """

    def __init__(
        self,
        project: Project,
        renames: Mapping[str, str],
        *,
        layer: str | None,
        reviewed: bool,
        partial: bool = False,
    ) -> None:
        project.require(Action.IMPORT_ANNOTATIONS)
        if layer is None and not project.may(Action.ANNOTATE):
            raise ForbiddenError(Action.ANNOTATE.value, "you have no layer of your own, so name one with --layer NAME")
        self._project = project
        self._renames = renames
        self._layer_name = None if layer is None else check_name("layer", layer)
        self._reviewed = reviewed
        self._partial = partial
        self._terms = {term.name: term for term in project.ontology.terms()}
        self._segmentations: list[SegmentationKey] = []
        self._image_terms: list[tuple[ImageKey, TermKey]] = []
        self.made = Imported()

    def import_files(self, image: Image, files: Sequence[Path], kind: str, *, scratch: Path) -> None:
        """Bring files of one format onto one image, all or none."""
        self._import([_Item(image, tuple(files))], kind, scratch)

    def import_table(self, table: Path, kind: str, *, scratch: Path) -> None:
        """Bring in what a table lists, all or none: columns image and term, or image and file (from the table on)."""
        rows = list(read_rows(table, needed=("image",)))
        if not rows:
            raise InvalidInputError("the table has no rows")
        by_term = "term" in rows[0][1]
        if by_term == ("file" in rows[0][1]):
            raise InvalidInputError("the table has the columns image,file or image,term")
        items = [
            _Item(
                self._find_image(number, row["image"]),
                () if by_term else (table.parent / row["file"],),
                term=row["term"] if by_term else None,
                row=number,
            )
            for number, row in rows
        ]
        self._import(items, kind, scratch)

    def _import(self, items: Sequence[_Item], kind: str, scratch: Path) -> None:
        """Read and check everything first, so that a bad file changes nothing; then write."""
        drawings: list[tuple[Image, drawing_files.Drawn]] = []
        names: list[str] = []
        # Volumes are read again for writing, because all of them may not fit into memory; a single one is kept.
        kept: list[LaidLabels] | None = None
        for item in items:
            with item.named():
                if item.term is not None:
                    names.append(self._name(item.term))
                elif kind in _LABELS:
                    kept = self._read_labels(item, kind, scratch)
                    names += [found.term for laid in kept for found in self._names_of_values(item, laid)]
                else:
                    drawings += self._read_drawings(item, kind)
        names += [term for _, drawn in drawings for term in drawn.terms]
        single = kept if len(items) == 1 else None
        del kept
        try:
            self._add_terms(names)
            self._write(items, drawings, lambda item: single or self._read_labels(item, kind, scratch))
        except BaseException:
            self._undo()
            raise

    def _write(
        self,
        items: Sequence[_Item],
        drawings: Sequence[tuple[Image, drawing_files.Drawn]],
        read: Callable[[_Item], Sequence[LaidLabels]],
    ) -> None:
        if drawings:
            self._add_drawings(drawings)
            return
        for item in items:
            if item.term is not None:
                self._add_image_term(item.image, item.term)
                continue
            self._add_segmentations(item, read(item))

    def _read_labels(self, item: _Item, kind: str, scratch: Path) -> list[LaidLabels]:
        if kind == _SEGMENTS:
            return read_segments(item.files, item.image, self._project.profile.get())
        scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            volume = label_volumes.READERS[kind](item.files, item.image, Path(folder), partial=self._partial)
        return [LaidLabels(label_volumes.lay_on_image(volume, item.image, partial=self._partial), {})]

    def _read_drawings(self, item: _Item, kind: str) -> list[tuple[Image, drawing_files.Drawn]]:
        require_paths(item.files)
        if kind == _CONTOURS:
            found = read_contours(item.files, item.image, self._project.profile.get(), self._call)
        elif kind in drawing_files.READERS:
            read = [drawn for path in item.files for drawn in drawing_files.READERS[kind](path)]
            found = [replace(drawn, terms=tuple(map(self._name, drawn.terms))) for drawn in read]
        else:
            raise InvalidInputError(f"the format {kind} is not read yet")
        if not found:
            raise InvalidInputError("the file holds no drawing")
        for drawn in found:
            draft = drawn.draft(item.image, ())
            check_place(item.image, draft)
            draw(draft.wkt, plane_of(item.image, draft.axis))
        return [(item.image, drawn) for drawn in found]

    def _add_segmentations(self, item: _Item, parts: Sequence[LaidLabels]) -> None:
        """Bring in what one row or call says of an image; parts that overlap stay parts of one statement."""
        image, named = item.image, [self._names_of_values(item, laid) for laid in parts]
        terms = [{found.value: self._terms[found.term] for found in names} for names in named]
        laid = list(zip(parts, terms, strict=True))
        drafts = [draft_segmentation(self._project, image.id, part.values, known) for part, known in laid]
        self.made.values += [found for found in dict.fromkeys(chain(*named)) if found not in self.made.values]
        if all(self._is_there(image, draft.terms, *one) for draft, one in zip(drafts, laid, strict=True)):
            self.made.already += len(drafts)
            return
        create = self._project.segmentations.create_together
        with publishing(self._project):
            made = create(image.id, self._layer.id, drafts, reviewed=self._reviewed)
        self._segmentations += [one.id for one in made]
        self.made.segmentations += len(made)
        names_of = {term.id: term.name for known in terms for term in known.values()}
        for count in chain(*(draft.terms for draft in drafts)):
            self.made.voxels[names_of[count.term]] += count.voxels

    def _is_there(
        self, image: Image, counts: Sequence[TermVoxels], laid: LaidLabels, terms: Mapping[int, Term]
    ) -> bool:
        """Whether the layer has these voxels already, as they were brought in; reviewed, where that is asked for."""
        group, held = self._project.images.path(image.id), self._project.segmentations.list(image.id)
        alike = [
            one.id
            for one in held
            if (one.layer, one.revision, set(one.terms)) == (self._layer.id, 0, set(counts))
            and (one.reviewed or not self._reviewed)
            and not self._is_overtaken(one, held)
        ]
        return bool(alike) and any(holds_labels(group, key, take_terms(laid.values, terms)) for key in alike)

    def _is_overtaken(self, segmentation: Segmentation, held: Sequence[Segmentation]) -> bool:
        """Whether a newer one speaks of its terms, so that whoever brings it again takes that one back."""
        spoken, truthful = {found.term for found in segmentation.terms}, truthful_layers(self._project)
        return any(
            not spoken.isdisjoint(found.term for found in one.terms)
            for one in held
            if one.updated > segmentation.updated
            and (one.reviewed or (one.layer in truthful and not segmentation.reviewed))
        )

    def _names_of_values(self, item: _Item, laid: LaidLabels) -> list[NamedValue]:
        known, findings = self._known_names(item, laid)
        values = {int(value) for value in np.unique(laid.values) if value} | findings
        if not values:
            raise InvalidInputError("the file holds no label, only background: say which by --term VALUE=NAME")
        for value in sorted(values):
            if value not in known:
                raise InvalidInputError(f"no term for the value {value}: say --term {value}=NAME")
        return [known[value] for value in sorted(values)]

    def _known_names(self, item: _Item, laid: LaidLabels) -> tuple[dict[int, NamedValue], set[int]]:
        """Give what values are called, and which are findings even where they do not occur.

        What speaks of this very file says that its image was looked at; the ontology speaks of any file.
        """
        if laid.names:
            named = {value: self._name_segment(value, name) for value, name in laid.names.items()}
            return named, set(named)
        if self._renames:
            options = {int(value): self._name(value) for value in self._renames if value.isdecimal()}
            return _named(options, NamedBy.OPTION), set(options)
        beside = read_names(item.files[0]) if len(item.files) == 1 else None
        if beside is not None:
            return _named(beside, NamedBy.SIDECAR), set(beside)
        return _named({term.value: term.name for term in self._terms.values()}, NamedBy.ONTOLOGY), set()

    def _name_segment(self, number: int, name: str) -> NamedValue:
        called = self._call(number, name)
        return NamedValue(number, called, NamedBy.FILE if called == name else NamedBy.OPTION)

    def _call(self, number: int, name: str) -> str:
        """Give the term of a numbered segment or region: an option names it by its number or by its name."""
        return check_name("term", self._renames.get(str(number)) or self._renames.get(name, name))

    def _add_drawings(self, drawings: Sequence[tuple[Image, drawing_files.Drawn]]) -> None:
        drafts = [drawn.draft(image, [self._terms[name].id for name in drawn.terms]) for image, drawn in drawings]
        self._project.annotations.import_many(self._layer.id, drafts, reviewed=self._reviewed)
        self.made.annotations += len(drafts)
        self.made.other_image += sum(drawn.names_another(image) for image, drawn in drawings)

    def _add_image_term(self, image: Image, name: str) -> None:
        term = self._terms[self._name(name)]
        given = (image.id, term.id)
        is_new = given not in self._image_terms_before
        self._project.images.add_term(*given, layer=self._layer.id, reviewed=self._reviewed)
        if is_new:
            self._image_terms.append(given)
        self.made.image_terms += 1

    def _name(self, value: str) -> str:
        """Give the name of the term that a value or name in a file stands for."""
        return check_name("term", self._renames.get(value, value))

    def _add_terms(self, names: Iterable[str]) -> None:
        for name in dict.fromkeys(names):
            if name not in self._terms:
                self._terms[name] = self._project.ontology.add(name)
                self.made.created_terms.append(name)

    def _undo(self) -> None:
        """Take back what was written before a failure that no check could foresee, such as a full disk."""
        for key in self._segmentations:
            with suppress(ImagingError):
                self._project.segmentations.delete(key)
        for image, term in self._image_terms:
            with suppress(ImagingError):
                self._project.images.remove_term(image, term, layer=self._layer.id)
        for name in self.made.created_terms:
            # Somebody may use the new term already.
            with suppress(ImagingError):
                self._project.ontology.delete(self._terms[name].id)

    @cached_property
    def _layer(self) -> Layer:
        if self._layer_name is not None:
            return self._project.layers.named(self._layer_name)
        return self._project.layers.mine()

    @cached_property
    def _image_terms_before(self) -> set[tuple[ImageKey, TermKey]]:
        return {(given.image, given.term) for given in self._project.images.terms() if given.layer == self._layer.id}

    def _find_image(self, number: int, name: str) -> Image:
        try:
            return self._project.images.find(name)
        except ImagingError as error:
            raise InvalidInputError(f"row {number} of the table names no image of this project") from error


def _named(names: Mapping[int, str], by: NamedBy) -> dict[int, NamedValue]:
    return {value: NamedValue(value, name, by) for value, name in names.items()}


def dump_drawings(project: Project, images: Sequence[Image], layer: Layer | None, target: Path) -> int:
    """Write the drawings on some images as GeoJSON; journalled as data that leave the project."""
    wanted = AnnotationFilter(images=tuple(image.id for image in images), layers=() if layer is None else (layer.id,))
    found = project.annotations.list(wanted).items if images else ()
    project.journal.note_taking_out("annotation", {"count": len(found)})
    return drawing_files.write_geojson(
        found,
        target,
        images={image.id: image for image in images},
        layers={known.id: known for known in project.layers.list()},
        names={term.id: term.name for term in project.ontology.terms()},
    )


def dump_segmentations(project: Project, images: Sequence[Image], layer: Layer | None, folder: Path) -> int:
    """Write each segmentation as `<image>.<segmentation>.nii.gz`, beside it what its values are; journalled."""
    chosen = [
        (image, segmentation)
        for image in images
        for segmentation in project.segmentations.list(image.id)
        if layer is None or segmentation.layer == layer.id
    ]
    project.journal.note_taking_out("segmentation", {"count": len(chosen)})
    folder.mkdir(parents=True, exist_ok=True)
    terms = {term.id: term for term in project.ontology.terms()}
    layers = {known.id: known for known in project.layers.list()}
    for image, segmentation in chosen:
        reader = SegmentationReader.open(project.images.path(image.id), segmentation.id)
        planes, rows, columns = reader.shape
        labels = reader.region((0, planes, 0, rows, 0, columns))
        target = folder / f"{image.id}.{segmentation.id}.nii.gz"
        owner = layers[segmentation.layer]
        model = None if owner.model is None else project.models.get(owner.model)
        # First, so that no dump that is cut off leaves labels of which nothing says what they are.
        write_sidecar(Sidecar.of(segmentation, owner, terms, model=model), target)
        label_volumes.write_nifti(labels, np.asarray(image.attributes.affine_lps, np.float64), target)
    return len(chosen)
