"""The frozen record that everything stored or sent is made of."""

from __future__ import annotations

from typing import NewType

from pydantic import BaseModel, ConfigDict

UserKey = NewType("UserKey", int)
ProjectKey = NewType("ProjectKey", int)
OntologyKey = NewType("OntologyKey", int)
TermKey = NewType("TermKey", int)
ImageKey = NewType("ImageKey", int)
LayerKey = NewType("LayerKey", int)
AnnotationKey = NewType("AnnotationKey", int)
SegmentationKey = NewType("SegmentationKey", int)
JobKey = NewType("JobKey", int)
ModelKey = NewType("ModelKey", int)
UploadKey = NewType("UploadKey", int)


class Record(BaseModel):
    """A value: frozen, and strict about what it holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")
