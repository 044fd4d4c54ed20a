"""The page has the server's sentences on held files in both languages."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path

from imaging.dicom.kinds import SEGMENTS_ALONE
from imaging.dicom.series import LEANS_APART, LEANS_WITH_MOST, PLACE_REPEATED, SAME_UID, VOLUME_WAITS
from imaging.domain.image import Irregularity
from pipelines.attaching import ABSENT, OFF_PLANES, SEVERAL_FIT
from pipelines.label_files import LABELS_ALONE, TERMS_LACK
from pipelines.review import ONE_ALONE
from pipelines.tables import COLUMN_UNKNOWN

_ROOT = Path(__file__).parents[2]
_DOMAIN = _ROOT / "viewer" / "web" / "src" / "domain"
_SAID_ELSEWHERE = (
    "find_doubt",
    "_find_obstacle",
    "_find_member_problem",
    "_find_attach_problem",
    "_find_table_problem",
)
"""Functions that give a detail and leave the reason to who calls them."""


def _find_details() -> Iterator[str]:
    for folder in ("imaging", "pipelines", "plugins"):
        for path in sorted((_ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text())
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef) and node.name in _SAID_ELSEWHERE:
                    yield from (
                        text for part in ast.walk(node) if isinstance(part, ast.Return) for text in _said(part.value)
                    )
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "_UselessError":
                    yield from _said(node.args[0])
                parts = node.args if isinstance(node, ast.Call) else node.elts if isinstance(node, ast.Tuple) else []
                for reason, detail in itertools.pairwise(parts):
                    if isinstance(reason, ast.Attribute) and ast.unparse(reason.value) == "Reason":
                        yield from _said(detail)


def _said(part: ast.expr | None) -> Iterator[str]:
    if isinstance(part, ast.IfExp):
        yield from (*_said(part.body), *_said(part.orelse))
    elif isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value:
        yield part.value


def test_the_page_translates_why_files_are_held() -> None:
    table = (_DOMAIN / "held-detail.ts").read_text()
    details = {
        *_find_details(),
        VOLUME_WAITS,
        LEANS_APART,
        LEANS_WITH_MOST,
        PLACE_REPEATED,
        SAME_UID,
        SEGMENTS_ALONE,
        ONE_ALONE,
        LABELS_ALONE,
        TERMS_LACK,
        ABSENT,
        OFF_PLANES,
        SEVERAL_FIT,
        COLUMN_UNKNOWN,
        *(one.value for one in Irregularity),
    }
    assert len(details) > 80
    assert [
        text
        for text in sorted(details)
        if f"  '{text}': " not in table and f'  "{text}": ' not in table and f"  {text}: " not in table
    ] == []


def test_the_page_knows_a_slice_that_merely_waits() -> None:
    assert f"'{VOLUME_WAITS}'" in (_DOMAIN / "held.ts").read_text()
