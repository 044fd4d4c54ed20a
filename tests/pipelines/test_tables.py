"""A table is read whole or not at all, whatever stands in it."""

from __future__ import annotations

import gzip
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
    (tmp_path / "t.csv").write_bytes(b"name,age\n\x01\x00,7\n")
    assert read(tmp_path / "t.csv") is None


@pytest.mark.parametrize(
    "content",
    [
        b"file,diagnosis\na.nii,synthetic\n",
        b"file;diagnosis\na.nii;synthetic\n",
        b"\xef\xbb\xbfname,age\nPHANTOM,40\n",
        "nom\tâge\nPHANTOM\t40\n".encode("latin-1"),
        b'file,"diagnosis\n',
        b"age,age\n40,40\n",
        b"name,age\n",
    ],
)
def test_a_table_of_other_columns_is_a_table_that_cannot_be_used(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    table = read(tmp_path / "t.csv")
    assert table == Table(Found(tmp_path / "t.csv", "set/t.csv"), problem="the table has a column that is not known")


@pytest.mark.parametrize("header", ["file,values", "PatientID,IssuerOfPatientID", "file,StudyInstanceUID"])
def test_a_table_of_known_columns_may_say_nothing_of_an_image(tmp_path: Path, header: str) -> None:
    table = read(write(tmp_path / "t.csv", f"{header}\na,b\n"))
    assert table is not None
    assert (table.rows, table.problem) == ((), "the table says nothing of an image")


def test_a_volume_that_is_called_a_table_is_none(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_bytes(b"NRRD0004\ntype: short\ndimension: 3\n")
    assert read(tmp_path / "v.csv") is None
    (tmp_path / "v.csv").write_bytes(gzip.compress(b"a,b,c\n" * 99))
    assert read(tmp_path / "v.csv") is None


def test_tables_of_other_columns_leave_room_for_ours(tmp_path: Path) -> None:
    write(tmp_path / "other.csv", "name,age\nPHANTOM,40\n")
    write(tmp_path / "ours.csv", "file,term\na,lung\n")
    others = [Found(tmp_path / "other.csv", f"{number}.csv") for number in range(150)]
    tables = read_tables([*others, Found(tmp_path / "ours.csv", "ours.csv")])
    assert [table.found.name for table in tables if not table.problem] == ["ours.csv"]


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
