"""A project: one isolated space."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Literal

from imaging.domain.base import OntologyKey, ProjectKey, Record

Kind = Literal[
    "project",
    "image",
    "slice",
    "annotation",
    "segmentation",
    "term",
    "layer",
    "job",
    "model",
    "upload",
    "command",
    "tag use",
    "attached file",
    "track",
    "image group",
    "annotation group",
]
"""What a bare id may be of: its project is found by it."""


class PixelAccess(Enum):
    """What pixels a browser may fetch: exact values, rendered pictures, or nothing."""

    FULL = "full"
    RENDERED = "rendered"
    NONE = "none"


class IrregularPolicy(Enum):
    """What becomes of volumes whose planes are tilted, uneven or missing: held, or kept as images that say so."""

    HOLD = "hold"
    KEEP = "keep"


class EditingMode(Enum):
    """Whose drawings an annotator changes: everybody's, only their own, or nobody's until managers open it again."""

    CLASSIC = "classic"
    RESTRICTED = "restricted"
    READ_ONLY = "read_only"


class ProjectRecord(Record):
    """The stored facts about a project."""

    id: ProjectKey
    name: str
    ontology: OntologyKey
    pixel_access: PixelAccess = PixelAccess.FULL
    irregular: IrregularPolicy = IrregularPolicy.HOLD
    editing: EditingMode = EditingMode.RESTRICTED
    created: datetime
    updated: datetime
    version: int = 0
    images: int = 0
    annotations: int = 0
