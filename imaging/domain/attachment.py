"""A file that belongs to an image without being a part of it."""

from __future__ import annotations

from enum import Enum

from imaging.domain.base import ImageKey, Record, SegmentationKey


class AttachmentKind(Enum):
    """What the file is."""

    SEGMENTATION = "segmentation"
    STRUCTURE_SET = "structure_set"
    REPORT = "report"
    PRESENTATION = "presentation"
    LABEL_MAP = "label_map"
    TABLE = "table"


class Attachment(Record):
    """What a file put into the source layer of an image, or of the first of several where it is a table.

    `unmatched` counts the rows of a table that speak of an image that is not here.
    """

    image: ImageKey
    kind: AttachmentKind
    segmentations: tuple[SegmentationKey, ...] = ()
    annotations: int = 0
    image_terms: int = 0
    image_properties: int = 0
    unmatched: int = 0


class IngestedDocument(Attachment):
    """One file that an ingest attached; `name` is shown to the uploader, stored and logged nowhere."""

    name: str
