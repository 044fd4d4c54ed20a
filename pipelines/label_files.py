"""Brings label maps that come with images into the source layer of the image that a table says they are of."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from imaging.dicom.profile import Profile
from imaging.domain.attachment import AttachmentKind, IngestedDocument
from imaging.domain.image import Image
from imaging.domain.outcome import Reason
from imaging.errors import InvalidInputError, NotFoundError, RefusedFileError
from imaging.project.project import Project
from imaging.pyramid.labels import Labels
from imaging.text import load_detector
from imaging.volume import Volume
from pipelines.attaching import ABSENT, OFF_PLANES, SEVERAL_FIT, TermFinder, look_for_text
from pipelines.dicom_objects import LaidLabels, draft_segmentation
from pipelines.foreign_files import LabelFile
from pipelines.label_volumes import LabelVolume, covers, place_on_image, take_labels
from pipelines.volume_text import screen_volume

LABELS_ALONE = "label maps come in together with the table that names them: send both again"
"""Ends what is told of a label map that is held: by itself it would become an image."""

TERMS_LACK = "the ontology lacks its terms: add them and send it again"


def hold_label(error: RefusedFileError) -> RefusedFileError:
    """Tell of a label map why it is held, and how it may come in."""
    return RefusedFileError(error.reason, f"{error.detail}; {LABELS_ALONE}")


class LabelAttacher:
    """Attaches the label maps of one ingest, once its images are there."""

    def __init__(self, project: Project, profile: Profile, terms: TermFinder) -> None:
        self._project = project
        self._profile = profile
        self._terms = terms

    def attach(self, item: LabelFile, images: Sequence[Image], scratch: Path) -> IngestedDocument:
        """Put a label map into the source layer of the one image among some that it lies on.

        Parameters
        ----------
        images
            Those that the table may mean.
        scratch
            An empty folder for what is unpacked.

        Raises
        ------
        RefusedFileError
            With the reason that the file is held for.
        """
        try:
            return self._attach(item, images, scratch)
        except RefusedFileError as error:
            raise hold_label(error) from error

    def _attach(self, item: LabelFile, images: Sequence[Image], scratch: Path) -> IngestedDocument:
        row = item.row
        if row is None:
            raise RefusedFileError(Reason.NO_PIXELS, "the table that names it is held, or names it for several images")
        if self._profile.faces == "removed":
            raise RefusedFileError(Reason.FACE_RISK, "segments and contours of a head may show a face")
        if item.reader is None:
            raise RefusedFileError(Reason.NOT_DICOM, "a label map is neither a NIfTI nor an NRRD volume")
        if not images:
            raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, ABSENT)
        volume = item.reader.open(item.found.path, scratch, decided=False)
        image, values = _lay(_take(volume, images), images)
        found = {int(value) for value in np.unique(values) if value}
        if not found <= set(row.values):
            raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, "a value of the label map has no term")
        detector = load_detector()
        screen_volume(volume, detector)
        look_for_text([LaidLabels(values, row.values)], detector)
        terms = self._terms.find(row.values.values(), RefusedFileError(Reason.IRREGULAR_GEOMETRY, TERMS_LACK))
        named = {value: terms[name] for value, name in row.values.items()}
        draft = draft_segmentation(self._project, image.id, values, named)
        try:
            made = self._project.attachments.add(image.id, AttachmentKind.LABEL_MAP, item.digest, segments=[draft])
        except NotFoundError:
            # Somebody deleted the image meanwhile.
            raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, ABSENT) from None
        return IngestedDocument(name=item.found.name, **made.model_dump())


def _take(volume: Volume, images: Sequence[Image]) -> LabelVolume:
    try:
        return take_labels(volume, images)
    except InvalidInputError as error:
        raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, "the voxels are no label values") from error


def _lay(read: LabelVolume, images: Sequence[Image]) -> tuple[Image, Labels]:
    fitting: list[tuple[Image, Labels]] = []
    for image in images:
        with suppress(InvalidInputError):
            fitting.append((image, place_on_image(read, image)[1]))
        if len(fitting) > 1:
            raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, SEVERAL_FIT)
    if not fitting:
        raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, OFF_PLANES)
    if not covers(*fitting[0], read):
        raise RefusedFileError(Reason.IRREGULAR_GEOMETRY, "the label map has another size or place than its image")
    return fitting[0]
