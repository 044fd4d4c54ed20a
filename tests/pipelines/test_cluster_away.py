"""A Dask scheduler that may not be used, or is not there: one line, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import dask.config
import pytest

from imaging.project.project import Project
from pipelines import cluster
from tests.pipelines.conftest import Call, MakeSeries
from tests.pipelines.ingesting import take


@pytest.mark.parametrize("address", ["tcp://192.0.2.7:8786", "tcp://scheduler.example:8786", "ws://192.0.2.7:80", "x"])
def test_a_scheduler_elsewhere_is_refused_without_tls(
    call: Call, make_series: MakeSeries, tmp_path: Path, address: str
) -> None:
    make_series(tmp_path / "in")
    with dask.config.set({"scheduler-address": address}):
        code, out, err = call("ingest", "phantoms", tmp_path / "in")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "tls://" in err


def test_a_scheduler_that_does_not_answer_is_told_in_one_line(
    call: Call, project: Project, make_series: MakeSeries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_series(tmp_path / "in")
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 1)
    with dask.config.set({"scheduler-address": "tcp://127.0.0.1:9"}):
        code, out, err = call("ingest", "phantoms", tmp_path / "in")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "DASK_SCHEDULER_ADDRESS" in err
    assert len(take(project, tmp_path / "in").images) == 1
