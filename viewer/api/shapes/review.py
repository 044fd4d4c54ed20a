"""What reviewers send; Cytomine's client labels a form as JSON."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

from pydantic import TypeAdapter, ValidationError

from imaging.domain.base import TermKey
from imaging.errors import InvalidInputError
from viewer.api.shapes.annotation import as_terms
from viewer.api.shapes.envelope import SentId

_TERMS = TypeAdapter[list[SentId]](list[SentId])


def read_terms(body: bytes) -> tuple[TermKey, ...] | None:
    """Read which terms an accepted annotation gets, from JSON or from a form; None where none are named."""
    try:
        text = body.decode()
        sent = json.loads(text) if text.lstrip().startswith("{") else parse_qs(text, max_num_fields=1_000)
        given = sent.get("terms")
        if given is None:
            return None
        pieces = given if isinstance(given, list) else [given]
        split = [part for piece in pieces for part in str(piece).strip("[] ").split(",") if part.strip()]
        return as_terms(tuple(_TERMS.validate_python(split)))
    except (ValueError, ValidationError) as error:
        raise InvalidInputError("terms are ids") from error
