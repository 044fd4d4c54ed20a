"""Terms of a new ontology, read from a YAML or JSON file."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from imaging.domain.ontology import TermDraft
from imaging.errors import InvalidInputError

LARGEST = 4 << 20


_LINES: TypeAdapter[list[TermDraft]] = TypeAdapter(list[TermDraft])


def read_terms(path: Path) -> list[TermDraft]:
    """Read a list of terms, or a mapping whose `terms` is one; a bare string is a term's name."""
    if path.stat().st_size > LARGEST:
        raise InvalidInputError("the ontology file is too large")
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInputError("the ontology file is neither YAML nor JSON") from error
    if isinstance(document, dict):
        document = document.get("terms")
    if not isinstance(document, list):
        raise InvalidInputError("the ontology file holds no list of terms")
    try:
        return _LINES.validate_python([{"name": line} if isinstance(line, str) else line for line in document])
    except ValidationError as error:
        first = error.errors()[0]["loc"]
        raise InvalidInputError(f"term {first[0]} of the ontology file is not right: {first[-1]}") from error
