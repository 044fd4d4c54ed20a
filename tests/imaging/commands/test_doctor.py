"""`imaging doctor` gives each thing that is looked at a row, and a remedy where it is not well."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.imaging.commands.conftest import Run
from tests.imaging.commands.test_operating import document, refusal


@pytest.mark.parametrize("address", ["tcp://192.0.2.7:8786", "tcp://[::1", "tls://127.0.0.1:99999", "127.0.0.1:8786"])
def test_the_doctor_says_which_scheduler_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address)
    (row,) = (row for row in document(run("doctor", "--json")) if row["name"] == "dask scheduler")
    assert (row["health"], row["value"]) == ("bad", "an address that ingest refuses")


@pytest.mark.parametrize("listens", [False, True])
def test_the_doctor_says_that_a_scheduler_does_not_answer(
    run: Run, monkeypatch: pytest.MonkeyPatch, listens: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent_one:
        port = silent_one.getsockname()[1]
        if not listens:
            silent_one.close()
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", f"tcp://127.0.0.1:{port}")
        (row,) = (row for row in document(run("doctor", "--json")) if row["name"] == "dask scheduler")
    assert (row["health"], row["value"]) == ("bad", "it does not answer")
    assert row["remedy"]


@pytest.mark.parametrize(
    ("name", "value", "row"),
    [
        ("IMAGING_OBJECT_STORE", "synthetic-word", "object store"),
        ("IMAGING_OBJECT_STORE_ENDPOINT", "http://store.example", "object store"),
        ("AWS_REGION", "no region", "object store"),
        ("IMAGING_HELD_DAYS", "synthetic-word", "held files"),
    ],
)
def test_the_doctor_tells_a_bad_setting_among_its_checks(
    made: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, row: str
) -> None:
    before = {row["name"]: row["health"] for row in document(made("doctor", "--json"))}
    monkeypatch.setenv("IMAGING_OBJECT_STORE", "s3://synthetic-bucket")
    monkeypatch.setenv(name, value)
    if row != "object store":
        monkeypatch.delenv("IMAGING_OBJECT_STORE")
    rows = {row["name"]: row for row in document(made("doctor", "--json"))}
    assert {known: found["health"] for known, found in rows.items()} == before | {row: "bad"}
    assert rows[row]["value"].startswith(name)
    assert value not in rows[row]["value"]
    # No other command goes on without it.
    assert refusal(made("images", "phantoms")) == 2


def test_the_doctor_names_what_is_there_and_what_is_missing(run: Run) -> None:
    before = {row["name"]: row for row in document(run("doctor", "--json"))}
    assert {"python", "torch", "gpu", "dask scheduler", "workspace", "disk", "codec JPEG 2000"} <= set(before)
    assert before["workspace"]["health"] == "bad"
    assert before["workspace"]["remedy"]
    run("init")
    after = {row["name"]: row for row in document(run("doctor", "--json"))}
    assert (after["workspace"]["health"], after["workspace"]["value"]) == ("ok", "sqlite")


def test_the_doctor_sees_a_key_that_others_can_read(made: Run, folder: Path) -> None:
    (folder / "secrets" / "master.key").chmod(0o644)
    rows = {row["name"]: row for row in document(made("doctor", "--json"))}
    assert (rows["master key"]["health"], rows["master key"]["value"]) == ("bad", "mode 0644")


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o644, 0o640])
def test_what_starts_says_that_others_can_read_the_key_and_goes_on(made: Run, folder: Path, mode: int) -> None:
    (folder / "secrets" / "master.key").chmod(mode)
    code, out, err = made("worker", "--once", "--json")
    assert (code, json.loads(out)["jobs"]) == (0, 0)
    told = f"imaging: the master key has mode {mode:04o}, so other accounts may read it; chmod 600\n"
    assert err == (told if mode & 0o077 else "")
    assert made("images", "phantoms")[2] == ""
