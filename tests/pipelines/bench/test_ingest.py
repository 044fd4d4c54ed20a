"""`imaging bench ingest` ingests a made series, and says what it took beside whatever peers there are."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from imaging import cli
from pipelines.bench.ingest import OURS, UNSCREENED


def test_each_tool_gets_a_row_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert cli.main(["bench", "ingest", "--rounds", "1", "--slices", "8", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    rows = document["rows"]
    assert [row["name"] for row in rows][:2] == [OURS, UNSCREENED]
    assert rows[-1]["name"] == f"{OURS}, 24 slices"
    # The same voxels with the look and without it; three times as many are more.
    assert rows[0]["files"] == rows[1]["files"]
    assert rows[0]["bytes"] < rows[-1]["bytes"]
    assert all(row["measured"]["peak_bytes"] > 0 for row in rows)
    assert list(tmp_path.iterdir()) == []
