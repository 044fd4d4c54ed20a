"""Brings segments, contours, findings and graphics into the source layer of the image that they were drawn on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import numpy as np

from imaging.dicom.findings import read_findings
from imaging.dicom.headers_store import PlanePlace, find_planes
from imaging.dicom.markings import MarkedImages
from imaging.dicom.presentations import read_presentation
from imaging.dicom.profile import Profile
from imaging.dicom.screen import screen_picture
from imaging.dicom.segmentation import SegmentationObject, read_segmentation
from imaging.dicom.structures import StructureSet, read_structure_set
from imaging.domain.attachment import Attachment, AttachmentKind, IngestedDocument
from imaging.domain.base import ImageKey
from imaging.domain.image import Image
from imaging.domain.ontology import Term
from imaging.domain.outcome import Reason
from imaging.errors import ForbiddenError, InvalidInputError, NotFoundError, RefusedFileError, StateError
from imaging.project.drawing import draw, plane_of
from imaging.project.project import Project
from imaging.project.segmentations import SegmentationDraft
from imaging.pyramid.beside import read_headers
from imaging.text import TextDetector, load_detector
from pipelines.arrivals import Attachable
from pipelines.contours import lay_contours
from pipelines.dicom_objects import LaidLabels, draft_segmentation, part_segments
from pipelines.drawing_files import Drawn
from pipelines.markings import lay_markings

_WITHOUT_IMAGE = {
    AttachmentKind.SEGMENTATION: Reason.IRREGULAR_GEOMETRY,
    AttachmentKind.STRUCTURE_SET: Reason.NO_PIXELS,
    AttachmentKind.REPORT: Reason.NO_PIXELS,
    AttachmentKind.PRESENTATION: Reason.NO_PIXELS,
}
"""What a file is held for that belongs to nothing here."""

ABSENT = "the image that it belongs to is not here"
OFF_PLANES = "it does not lie on the planes of its image"
SEVERAL_FIT = "it lies on several images: annotations import brings it onto one"
_TERMS_LACK = "the ontology lacks its terms: a manager may accept it"

_Read = SegmentationObject | StructureSet | MarkedImages
_Laid = list[LaidLabels] | list[Drawn]


class TermFinder:
    """The terms of a project by name; those that it lacks are added where the member may."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known = {term.name: term for term in project.ontology.terms()}

    def find(self, names: Iterable[str], lacking: RefusedFileError) -> Mapping[str, Term]:
        """Give the terms of some names; raises `lacking` for one that is not there and that the member may not add."""
        for name in dict.fromkeys(names):
            if name in self._known:
                continue
            # Another job may have added it since.
            self._known |= {term.name: term for term in self._project.ontology.terms()}
            if name in self._known:
                continue
            try:
                self._known[name] = self._project.ontology.add(name)
            except (ForbiddenError, InvalidInputError, StateError):
                raise lacking from None
        return self._known


def look_for_text(labels: Iterable[LaidLabels], detector: TextDetector | None) -> None:
    """Look at each label of every plane by itself: what is written with one inside another shows in neither sum."""
    for one in labels:
        for plane in one.values:
            for value in np.unique(plane[plane != 0]):
                screen_picture(np.where(plane == value, np.uint8(255), np.uint8(0)), detector)


class Attacher:
    """Attaches the files of one ingest, once its images are there.

    Parameters
    ----------
    images
        Those that are here, new ones too.
    """

    def __init__(self, project: Project, profile: Profile, images: Sequence[Image], terms: TermFinder) -> None:
        self._project = project
        self._profile = profile
        self._images = images
        self._detector = load_detector()
        self._terms = terms
        self._planes: dict[ImageKey, dict[str, tuple[PlanePlace, ...]]] = {}

    def attach(self, item: Attachable) -> IngestedDocument:
        """Put what a file holds into the source layer of its image.

        Raises
        ------
        RefusedFileError
            With the reason that the file is held for: its image is not here, it lies off its planes, it shows text or
            may show a face, or its terms are not in the ontology and the member may not add them.
        """
        read = _read(item, self._profile)
        if self._profile.faces == "removed":
            raise RefusedFileError(Reason.FACE_RISK, "segments and contours of a head may show a face")
        grounds = self._find_grounds(item, read)
        fitting: list[tuple[Image, _Laid]] = []
        for image in grounds:
            # Several images come of one series at times; it lies on one of them.
            with suppress(InvalidInputError, NotFoundError):
                fitting.append((image, self._lay(item, read, image)))
            if len(fitting) > 1:
                break
        if len(fitting) != 1:
            raise RefusedFileError(_WITHOUT_IMAGE[item.kind], _find_attach_problem(grounds, several=len(fitting) > 1))
        try:
            made = self._add(item, *fitting[0])
        except NotFoundError:
            # Somebody deleted the image meanwhile.
            raise RefusedFileError(_WITHOUT_IMAGE[item.kind], ABSENT) from None
        return IngestedDocument(name=item.found.name, **made.model_dump())

    def _lay(self, item: Attachable, read: _Read, image: Image) -> _Laid:
        """Lay what was read on an image; InvalidInputError where it lies off it or there is nothing."""
        if isinstance(read, SegmentationObject):
            return part_segments(read, image)
        if isinstance(read, StructureSet):
            return _lay_contours(read, image)
        if image.id not in self._planes:
            self._planes[image.id] = find_planes(read_headers(self._project.images.path(image.id)))
        return lay_markings(read, image, lambda uid: self._planes[image.id].get(item.pseudonyms.uid(uid), ()))

    def _find_grounds(self, item: Attachable, read: _Read) -> list[Image]:
        """Find the images of the person that the file names, by series or else study, in its frame of reference."""
        named, frames = ({item.pseudonyms.uid(uid) for uid in uids} for uids in (read.series, read.frames_of_reference))
        own = [image for image in self._images if image.subject == item.subject]
        there = [image for image in own if (image.series in named if named else image.study == item.study)]
        return [image for image in there if not frames or image.attributes.frame_of_reference in {"", *frames}]

    def _add(self, item: Attachable, image: Image, laid: _Laid) -> Attachment:
        labels = [one for one in laid if isinstance(one, LaidLabels)]
        drawn = [one for one in laid if isinstance(one, Drawn)]
        if not item.reviewed:
            look_for_text(labels, self._detector)
        named = [name for one in labels for name in one.names.values()] + [name for one in drawn for name in one.terms]
        terms = self._terms.find(named, RefusedFileError(_WITHOUT_IMAGE[item.kind], _TERMS_LACK))
        return self._project.attachments.add(
            image.id,
            item.kind,
            item.digest,
            segments=[self._segments(image, one, terms) for one in labels],
            drawings=[one.draft(image, [terms[name].id for name in one.terms]) for one in drawn],
        )

    def _segments(self, image: Image, laid: LaidLabels, terms: Mapping[str, Term]) -> SegmentationDraft:
        named = {number: terms[name] for number, name in laid.names.items()}
        return draft_segmentation(self._project, image.id, laid.values, named)


def _find_attach_problem(grounds: Sequence[Image], *, several: bool) -> str:
    if several:
        return SEVERAL_FIT
    return OFF_PLANES if grounds else ABSENT


def _read(item: Attachable, profile: Profile) -> _Read:
    match item.kind:
        case AttachmentKind.SEGMENTATION:
            return read_segmentation(item.found, profile)
        case AttachmentKind.STRUCTURE_SET:
            return read_structure_set(item.found, profile)
        case AttachmentKind.REPORT:
            return read_findings(item.found)
        case AttachmentKind.PRESENTATION:
            return read_presentation(item.found)
        case AttachmentKind.LABEL_MAP | AttachmentKind.TABLE:
            raise ValueError("what no DICOM object holds is attached by TableAttacher")


def _lay_contours(read: StructureSet, image: Image) -> list[Drawn]:
    names = {contour.region: read.name(contour.region) for contour in read.contours}
    drawn = lay_contours(read.contours, names, image)
    for one in drawn:
        draw(one.draft(image, ()).wkt, plane_of(image, one.axis))
    if not drawn:
        raise InvalidInputError("the file holds no contour")
    return drawn
