"""A table is read whole or not at all, whatever stands in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imaging.dicom.walk import Found
from pipelines.tables import Row, Table, read_tables, tell_labels

COLUMNS = ("file", "PatientID", "SeriesInstanceUID", "term", "labels", "values", "IssuerOfPatientID", "other")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from((*COLUMNS, "training", "image", "label")), inner, max_size=5)
    ),
    max_leaves=20,
)


def read(path: Path, *others: str) -> Table | None:
    files = [Found(path, f"set/{path.name}"), *(Found(path.parent / "none", name) for name in others)]
    tables = read_tables(files)
    assert len(tables) <= 1
    return tables[0] if tables else None


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@given(document=JSON, name=st.sampled_from(["dataset.json", "t.json"]))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_json_breaks_the_reading(tmp_path: Path, document: object, name: str) -> None:
    table = read(write(tmp_path / name, document), "set/labelsTr/a.nii.gz")
    if name == "dataset.json":
        assert table is not None
    if table is not None and not table.problem:
        assert all(len(row.key) == 2 and bool(row.labels) == bool(row.values) for row in table.rows)


@given(content=st.text(alphabet='file,term\n"=;PatientID\0\r é', max_size=80))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_csv_breaks_the_reading(tmp_path: Path, content: str) -> None:
    (tmp_path / "t.csv").write_bytes(f"file,term\n{content}".encode())
    read(tmp_path / "t.csv")


def test_bytes_that_are_no_text_are_no_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"name,age\n\xff\xfe,7\n")
    assert read(tmp_path / "t.csv") is None


def test_cells_are_stripped_and_empty_ones_say_nothing(tmp_path: Path) -> None:
    table = read(write(tmp_path / "t.csv", "\ufefffile,PatientID,term,labels,values\n a.nii , , lung ;nodule;,,\n"))
    assert table is not None
    assert table.rows == (Row(key=("file", "set/a.nii"), terms=("lung", "nodule")),)


@pytest.mark.parametrize("told", ["../b/a.nii", "./x/../../b/a.nii", "..\\b\\a.nii"])
def test_paths_lead_from_the_table_on(tmp_path: Path, told: str) -> None:
    table = read(write(tmp_path / "t.json", [{"file": told, "term": ["lung"]}]))
    assert table is not None
    assert table.rows[0].key == ("file", "b/a.nii")


def test_a_label_map_of_which_two_tables_say_different_things_waits(tmp_path: Path) -> None:
    tables = [
        read(write(tmp_path / "t.json", [{"file": "a", "labels": "l", "values": {"1": name}}]))
        for name in ("lung", "lung", "nodule")
    ]
    told = [table for table in tables if table is not None]
    assert tell_labels(told[:2])["set/l"] == told[0].rows[0]
    assert tell_labels(told)["set/l"] is None
    twice = [{"file": image, "labels": "l", "values": {"1": "lung"}} for image in ("a", "b")]
    again = read(write(tmp_path / "t.json", twice))
    assert again is not None
    assert tell_labels([again])["set/l"] is None
