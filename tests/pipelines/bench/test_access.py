"""`imaging bench decode`, `read` and `pyramid` compare the same work: what both give is equal."""

from __future__ import annotations

import json

import pytest

from imaging import cli
from pipelines.bench import access


@pytest.mark.parametrize("name", ["decode", "read", "pyramid"])
def test_each_comparison_names_its_peer(name: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["bench", name, "--rounds", "1", "--slices", "8", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    rows = document["rows"]
    assert (document["bench"], document["slices"], document["rounds"]) == (name, 8, 1)
    assert len(rows) == {"decode": 4, "read": 4, "pyramid": 2}[name]
    for row in rows:
        assert row["peer"]
        assert row["ratio"] == pytest.approx(row["milliseconds"] / row["peer_milliseconds"])


def test_a_halved_volume_that_is_not_the_peers_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(access, "shrink_mean", lambda volume, _: volume[::2, ::2, ::2])
    assert cli.main(["bench", "pyramid", "--rounds", "1", "--slices", "8"]) == 4
    assert "SimpleITK" in capsys.readouterr().err
