"""Brings what tables say onto the images of a project: label maps, and terms of whole images, in the source layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from imaging.dicom.epochs import Epochs
from imaging.dicom.profile import Profile
from imaging.domain.attachment import AttachmentKind, IngestedDocument
from imaging.domain.base import ImageKey, TermKey
from imaging.domain.image import Image
from imaging.domain.outcome import Reason
from imaging.errors import NotFoundError, RefusedFileError, StateError
from imaging.project.project import Project
from pipelines.arrivals import Arrivals
from pipelines.attaching import TermFinder
from pipelines.foreign_files import LabelFile, TableFile
from pipelines.label_files import TERMS_LACK, LabelAttacher
from pipelines.tables import Row


class TableAttacher:
    """Attaches what the tables of one ingest name, once its images are there.

    Parameters
    ----------
    arrivals
        Takes the outcome of each label map and table.
    """

    def __init__(self, project: Project, arrivals: Arrivals, epochs: Epochs, terms: TermFinder) -> None:
        self._project = project
        self._arrivals = arrivals
        self._epochs = epochs
        self._terms = terms
        self._images = project.images.catalogue()
        digests = {digest for known in arrivals.digests.values() for digest in known}
        self._made = project.images.of_digests(digests)

    def attach_labels(self, profile: Profile, before_each: Callable[[], None]) -> None:
        """Give every label map its outcome."""
        attacher = LabelAttacher(self._project, profile, self._terms)
        for item in self._arrivals.labels:
            before_each()
            images = [] if item.row is None else self._find(item.row)
            try:
                with self._project.uploads.scratch() as scratch:
                    made = attacher.attach(item, images, scratch)
                self._arrivals.documents.append(made)
            except RefusedFileError as error:
                # Whoever erases the person finds it.
                subject = images[0].subject if images else item.subject
                self._arrivals.refuse(replace(item, subject=subject), error)
            except StateError:
                self._settle_overtaken(item)

    def attach_tables(self) -> None:
        """Give every table its outcome."""
        for item in self._arrivals.tables:
            try:
                self._arrivals.documents.append(self._attach(item))
            except RefusedFileError as error:
                self._arrivals.refuse(item, error)

    def settle_held(self) -> None:
        """Let no table or label map stay held that came again and was taken: nobody could accept it by itself.

        Of a table no copy is kept, so that it is known by its name alone. What an earlier attempt of the same job
        attached counts too: it may have been cut off before this.
        """
        taken = {kind: set[str]() for kind in AttachmentKind}
        for document in self._arrivals.documents:
            taken[document.kind].add(document.name)
        known = self._arrivals.label_digests
        labels = {(name, digest) for name in taken[AttachmentKind.LABEL_MAP] for digest in known.get(name, ())}
        self._project.quarantine.settle(taken[AttachmentKind.TABLE], labels)

    def _attach(self, item: TableFile) -> IngestedDocument:
        if item.table.problem:
            raise RefusedFileError(Reason.NO_PIXELS, item.table.problem)
        found = [(row, self._find(row)) for row in item.table.rows]
        spoken = [image for _, images in found for image in images]
        if not spoken:
            raise RefusedFileError(Reason.NO_PIXELS, "the table speaks of no image that is here")
        lacking = RefusedFileError(Reason.NO_PIXELS, TERMS_LACK)
        terms = self._terms.find((name for row, images in found if images for name in row.terms), lacking)
        given: dict[ImageKey, list[TermKey]] = {}
        for row, images in found:
            for image in images if row.terms else ():
                given.setdefault(image.id, []).extend(terms[name].id for name in row.terms)
        properties = _gather_properties(found)
        unmatched = sum(not images for _, images in found) + item.table.absent
        try:
            made = self._project.attachments.add_table(
                spoken[0].id, item.digest, terms=given, properties=properties, unmatched=unmatched
            )
        except NotFoundError:
            # Somebody deleted an image meanwhile.
            raise RefusedFileError(Reason.NO_PIXELS, "the table speaks of no image that is here") from None
        return IngestedDocument(name=item.found.name, **made.model_dump())

    def _find(self, row: Row) -> Sequence[Image]:
        """Find the images that a row speaks of."""
        column, told = row.key
        match column:
            case "file":
                made = {self._made[digest] for digest in self._arrivals.digests.get(told, ()) if digest in self._made}
                return [image for image in self._images if image.id in made]
            case "PatientID":
                subject = self._epochs.of(row.issuer, told).subject(row.issuer, told)
                return [image for image in self._images if image.subject == subject]
            case "StudyInstanceUID":
                uids = self._epochs.linked_uids(told)
                return [image for image in self._images if image.study in uids]
            case _:
                uids = self._epochs.linked_uids(told)
                return [image for image in self._images if image.series in uids]

    def _settle_overtaken(self, item: LabelFile) -> None:
        if not self._project.images.known_digests({item.digest}):
            raise StateError("label map", "could not be attached")
        # Somebody else attached the same file meanwhile.
        self._arrivals.duplicates.append(item.found.name)


def _gather_properties(found: Iterable[tuple[Row, Sequence[Image]]]) -> dict[ImageKey, dict[str, str]]:
    properties: dict[ImageKey, dict[str, str]] = {}
    told = ((image.id, name, value) for row, images in found for image in images for name, value in row.properties)
    for image, name, value in told:
        if properties.setdefault(image, {}).setdefault(name, value) != value:
            raise RefusedFileError(Reason.NO_PIXELS, "rows of the table give a property of an image two values")
    return properties
