"""The page of roles says what the table of roles grants."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imaging.access import Action, allowed
from imaging.domain.people import Role

PAGE = Path(__file__).parents[2] / "docs/operation.md"


@pytest.mark.parametrize("action", Action)
def test_the_page_of_roles_names_exactly_who_may(action: Action) -> None:
    row = re.search(rf"^\| {re.escape(action.value)} \| ([^|]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert row is not None
    every, _, left_out = row[1].partition(" but ")
    granted = {role.value for role in Role if allowed([role], action)}
    if every == "every member":
        assert granted == {role.value for role in Role} - {left_out}
    else:
        assert granted == set(row[1].split(", "))
