"""What became of one input file: exactly one outcome each."""

from __future__ import annotations

from enum import Enum

from imaging.domain.attachment import IngestedDocument
from imaging.domain.base import ImageKey, Record
from imaging.domain.image import Image


class Reason(Enum):
    """Why a file was not turned into an image."""

    NOT_DICOM = "not_dicom"
    UNREADABLE = "unreadable"
    TRUNCATED = "truncated"
    UNSUPPORTED_SYNTAX = "unsupported_syntax"
    NO_PIXELS = "no_pixels"
    EMPTY_PATIENT_ID = "empty_patient_id"
    UID_CONFLICT = "uid_conflict"
    LATE_INSTANCE = "late_instance"
    IRREGULAR_GEOMETRY = "irregular_geometry"
    MIXED_ORIENTATION = "mixed_orientation"
    BURNED_IN_RISK = "burned_in_risk"
    FACE_RISK = "face_risk"
    EMBEDDED_DOCUMENT = "embedded_document"
    ARCHIVE_REFUSED = "archive_refused"
    LIMIT_EXCEEDED = "limit_exceeded"
    DECODE_FAILED = "decode_failed"
    SUBJECT_OPPOSED = "subject_opposed"


class Held(Record):
    """One file that stays in quarantine.

    `name` is the name as typed or found: shown to the uploader, stored only encrypted, never logged.
    """

    name: str
    reason: Reason
    detail: str = ""


class IngestedImage(Record):
    """One image that an ingest made, as `imaging ingest --json` prints it.

    `shape` follows `axes`; `spacing_mm` is (z, y, x), with None where there is none.
    """

    id: ImageKey
    path: str
    modality: str
    description: str = ""
    axes: str
    shape: tuple[int, ...]
    dtype: str
    spacing_mm: tuple[float | None, float | None, float | None]
    regular: bool
    sources: int
    inputs: tuple[str, ...] = ()

    @classmethod
    def of(cls, image: Image, path: str, inputs: tuple[str, ...] = ()) -> IngestedImage:
        """Describe a registered image and where its group lies."""
        return cls(
            id=image.id,
            path=path,
            modality=image.attributes.modality,
            description=image.description,
            axes=image.attributes.axes,
            shape=image.shape,
            dtype=image.dtype,
            spacing_mm=image.attributes.spacing_mm,
            regular=image.attributes.regular,
            sources=image.sources,
            inputs=inputs,
        )


class Became(Enum):
    """What a file became."""

    IMAGE = "image"
    DOCUMENT = "document"
    DUPLICATE = "duplicate"
    HELD = "held"


class FileOutcome(Record):
    """What became of one file of an upload; `name` is shown to the uploader and who decides, stored only encrypted.

    `image` is the one that it became or was attached to, None for the others; `reason` and `detail` say why it is held.
    `unmatched` counts the rows of a table that speak of an image that is not here.
    """

    name: str
    became: Became
    image: ImageKey | None = None
    reason: Reason | None = None
    detail: str = ""
    unmatched: int = 0


class IngestReport(Record):
    """All outcomes of one ingest; `files` is their sum.

    `duplicate_inputs` names the duplicates, as typed or found: shown to the uploader, stored and logged nowhere. There
    are as many names as duplicates, but for an upload whose ingest an earlier attempt of its job had finished: its
    originals are gone and their names with them.
    """

    files: int
    images: tuple[IngestedImage, ...]
    documents: tuple[IngestedDocument, ...] = ()
    quarantined: tuple[Held, ...] = ()
    duplicates: int = 0
    duplicate_inputs: tuple[str, ...] = ()

    def per_file(self) -> list[FileOutcome]:
        """Say of each file by its name what became of it, in the order of the names."""
        found = [
            FileOutcome(name=name, became=Became.IMAGE, image=image.id)
            for image in self.images
            for name in image.inputs
        ]
        found += [
            FileOutcome(name=one.name, became=Became.DOCUMENT, image=one.image, unmatched=one.unmatched)
            for one in self.documents
        ]
        found += [FileOutcome(name=name, became=Became.DUPLICATE) for name in self.duplicate_inputs]
        found += [
            FileOutcome(name=one.name, became=Became.HELD, reason=one.reason, detail=one.detail)
            for one in self.quarantined
        ]
        return sorted(found, key=lambda outcome: outcome.name)
