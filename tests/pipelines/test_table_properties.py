"""Properties that a table says of whole images: short words and numbers, matched by pseudonym, of nobody's identity."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from imaging.dicom.walk import Found
from imaging.project.project import Project
from pipelines.plain_values import is_plain_number, is_plain_word
from pipelines.tables import Table, read_tables
from tests.pipelines.conftest import Call
from tests.pipelines.ingesting import take

FORMS = ["%Y-%m-%d", "%Y%m%d", "%d/%m/%Y", "%d.%m.%y", "%d %B %Y", "%B %d", "%d-%b-%y", "%m_%d_%Y"]
COLUMNS = "PatientID,property:stage,property:ml,term\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One slice each of two persons."""
    made = tmp_path / "in"
    made.mkdir()
    for number, name in enumerate(("ALPHA", "BRAVO"), 1):
        header = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
        header.PatientID, header.PatientName = f"PHA-00000{number}", f"PHANTOM^{name}"
        header.StudyInstanceUID = header.SeriesInstanceUID = f"1.2.3.{number}"
        header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}.1"
        header.save_as(made / f"{number}.dcm")
    return made


def said_of(project: Project) -> list[dict[str, str]]:
    return [{one.key: one.value for one in project.properties.of_images([image.id])} for image in project.images.list()]


def read(path: Path, content: str) -> Table:
    path.write_text(content)
    (table,) = read_tables([Found(path, path.name)])
    return table


def problems(project: Project, *paths: Path) -> list[str]:
    return [held.detail for held in take(project, *paths).quarantined]


def test_properties_come_onto_the_images_of_their_person(project: Project, folder: Path, call: Call) -> None:
    (folder / "t.csv").write_text(COLUMNS + "PHA-000001,IIIb,12.5,lung\nPHA-000002,,7,\nPHA-000009,I,1,\n")
    (document,) = take(project, folder).documents
    assert (document.image_terms, document.image_properties, document.unmatched) == (1, 3, 1)
    assert said_of(project) == [{"ml": "12.5", "stage": "IIIb"}, {"ml": "7"}]
    code, out, _ = call("images", "phantoms", "--json")
    assert code == 0
    assert [row["properties"] for row in json.loads(out)] == said_of(project)
    kept = [path for path in project.folder.parent.parent.rglob("*") if path.is_file()]
    assert not [path for path in kept if b"PHA-00000" in path.read_bytes()]


def test_a_later_table_says_it_anew_and_adds_to_it(project: Project, folder: Path, tmp_path: Path) -> None:
    (folder / "t.csv").write_text("PatientID,property:stage,property:ml\nPHA-000001,I,3\n")
    take(project, folder)
    (tmp_path / "later.json").write_text(
        json.dumps([{"PatientID": "PHA-000001", "property:stage": "II", "property:smoker": True, "property:n": 2}])
    )
    take(project, tmp_path / "later.json")
    assert said_of(project) == [{"ml": "3", "stage": "II", "smoker": "true", "n": "2"}, {}]


def test_properties_go_with_their_image(project: Project, folder: Path) -> None:
    (folder / "t.csv").write_text("PatientID,property:stage\nPHA-000001,I\nPHA-000002,II\n")
    take(project, folder)
    project.images.delete(project.images.list()[0].id)
    assert [one.value for one in project.properties.of_images()] == ["II"]


@pytest.mark.parametrize("value", ["PHANTOM ALPHA", "phantom alpha", "seen by Phantom^Alpha"])
def test_a_property_that_names_a_person_makes_the_table_useless(project: Project, folder: Path, value: str) -> None:
    (folder / "t.csv").write_text(f"PatientID,property:note\nPHA-000001,{value}\n")
    assert problems(project, folder) == ["a term or property of the table names a person"]
    assert project.properties.of_images() == []


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1500])


def make_text(path: Path) -> None:
    header = pydicom.dcmread(path)
    header.BurnedInAnnotation = "YES"
    header.save_as(path)


@pytest.mark.parametrize("change", [None, make_text, damage])
def test_a_file_names_its_person_whatever_becomes_of_it(
    project: Project, folder: Path, change: Callable[[Path], None] | None
) -> None:
    """Here already when it comes again, held, or of no use: a table is sent again with what it came with."""
    if change is None:
        take(project, folder)
    else:
        for path in folder.rglob("*.dcm"):
            change(path)
    (folder / "t.csv").write_text("PatientID,property:note\nPHA-000001,seen by Phantom^Alpha\n")
    for _ in range(2):
        assert "a term or property of the table names a person" in problems(project, folder)
    assert project.properties.of_images() == []


def test_a_name_of_a_property_names_nobody_either(project: Project, folder: Path) -> None:
    (folder / "t.csv").write_text("PatientID,property:of PHANTOM ALPHA\nPHA-000001,1\n")
    assert problems(project, folder) == ["a term or property of the table names a person"]


def test_rows_that_contradict_each_other_give_nothing(project: Project, folder: Path) -> None:
    (folder / "t.csv").write_text("PatientID,property:stage\nPHA-000001,I\nPHA-000002,I\nPHA-000001,II\n")
    assert problems(project, folder) == ["rows of the table give a property of an image two values"]
    assert project.properties.of_images() == []


@pytest.mark.parametrize("value", ["3,5", "NaN", "-inf", "Infinity"])
def test_what_was_meant_as_a_number_and_is_none_is_refused(tmp_path: Path, value: str) -> None:
    table = read(tmp_path / "t.csv", f'file,property:x\na.dcm,"{value}"\n')
    assert table.problem == "a property of the table is neither a number nor a short word"


@pytest.mark.parametrize("said", ['"property:x": 1, "property:x": 2', '"property:x": NaN', '"property:x": 1e999'])
def test_json_that_says_two_things_or_no_number_is_refused(tmp_path: Path, said: str) -> None:
    table = read(tmp_path / "t.json", f'[{{"file": "a.dcm", {said}}}]')
    assert table.rows == ()
    assert table.problem


DATES = [
    "1961-03-02", "19610302", "02/03/1961", "2.3.61", "born 1961.03.02", "2019/12/31 10:00", "1965-3-2", "2 March 1965",
    "2. 3. 1965", "1965/3/2", "1965 03 02", "1965_03_02", "1965\u201103\u201102", "1897-03-02", "19650302123000",
    "march 65", "2 mars", "12dec", "DEC12", "3mars", "12_mai",
    "\uff11\uff19\uff16\uff15-03-02", "\u0661\u0669\u0666\u0665-\u0660\u0663-\u0660\u0662",
]  # fmt: skip
IDENTIFIERS = ["1.3.6.1.4.1.5962.1.3.1.1", "1.2.840.1", "2650302123456", "0601020304", "AB-12345", "+33601020304"]


@pytest.mark.parametrize("value", [*DATES, *IDENTIFIERS])
def test_neither_a_date_nor_an_identifier_is_a_property_or_its_name(tmp_path: Path, value: str) -> None:
    table = read(tmp_path / "t.csv", f"file,property:x\na.dcm,{value}\n")
    assert (table.rows, table.problem) == ((), "a property of the table is neither a number nor a short word")
    table = read(tmp_path / "t.csv", f"file,property:{value}\na.dcm,1\n")
    assert (table.rows, table.problem) == ((), "the name of a property of the table is no short word")


@pytest.mark.parametrize(
    "value",
    [
        "12.5",
        "-3",
        "7.269971420170513",
        "IIIb",
        "T2N0M0",
        "2023",
        "1/2",
        "3.14159",
        "10-20",
        "1e-3",
        "true",
        "may be",
        "margin 2",
        "septal 3",
    ],
)
def test_what_is_neither_is_taken_as_it_is(tmp_path: Path, value: str) -> None:
    assert read(tmp_path / "t.csv", f"file,property:x\na.dcm,{value}\n").rows[0].properties == (("x", value),)


@given(value=st.floats(min_value=-1e6, max_value=1e6))
def test_every_measurement_is_taken(value: float) -> None:
    assert is_plain_number(repr(value))


@given(day=st.dates(min_value=date(1850, 1, 1), max_value=date(2099, 12, 31)), form=st.sampled_from(FORMS))
def test_no_date_in_any_usual_form_is_taken(day: date, form: str) -> None:
    said = day.strftime(form)
    assert not is_plain_number(said)
    assert not is_plain_word(said)


def test_the_journal_keeps_neither_names_nor_values(project: Project, folder: Path) -> None:
    (folder / "t.csv").write_text("PatientID,property:of Unknown Someone\nPHA-000001,IIIb\n")
    take(project, folder)
    assert said_of(project)[0] == {"of Unknown Someone": "IIIb"}
    told = json.dumps([event.detail for event in project.journal.list()])
    assert "Someone" not in told
    assert "IIIb" not in told


@pytest.mark.parametrize(
    ("columns", "cells", "problem"),
    [
        (["property:"], ["1"], "a property of the table has no name"),
        (["property:" + "a" * 65], ["1"], "the name of a property of the table is no short word"),
        (["property:x"], ["a" * 65], "a property of the table is neither a number nor a short word"),
        (["property:x"], ["a\tb"], "a property of the table is neither a number nor a short word"),
        (["property:x"], [[1]], "a property of the table is neither a number nor a short word"),
        ([f"property:{number}" for number in range(101)], ["1"] * 101, "the table has too many columns"),
        (["property:x", "age"], ["1", "2"], "the table has a column that is not known"),
    ],
)
def test_what_is_no_property_makes_the_table_useless(
    tmp_path: Path, columns: Sequence[str], cells: Sequence[object], problem: str
) -> None:
    rows = [{"file": "a.dcm"} | dict(zip(columns, cells, strict=True))]
    assert read(tmp_path / "t.json", json.dumps(rows)).problem == problem
