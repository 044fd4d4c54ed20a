"""Terms of whole images that a table names, and tables that cannot be used."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pydicom
import pytest

from imaging.dicom.epochs import Epochs
from imaging.domain.attachment import AttachmentKind
from imaging.domain.outcome import Reason
from imaging.domain.people import Role
from imaging.project.project import Project
from imaging.project.verification import verify_project
from imaging.workspace import Workspace
from tests.pipelines.conftest import MakeSeries
from tests.pipelines.ingesting import take
from tests.pipelines.labelled_files import (
    image_of,
    label_of,
    lay_out,
    write,
    write_table,
)

_NO_ONE_IMAGE = "a row of the table names its image not at all, or in several ways"
_NO_VALUES = "the table does not say which value is which term"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return lay_out(tmp_path / "set")


@pytest.fixture
def folder_in(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def given(project: Project) -> dict[int, set[str]]:
    names = {term.id: term.name for term in project.ontology.terms()}
    found: dict[int, set[str]] = {}
    for one in project.images.terms():
        found.setdefault(one.image, set()).add(names[one.term])
    return found


def test_terms_of_whole_images_come_by_file_by_person_and_by_uid(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "s" / "one", patient="PHA-000001", seed=1)
    make_series(tmp_path / "s" / "two", patient="PHA-000002", seed=2)
    write(tmp_path / "s" / "v.nii.gz", image_of())
    header = pydicom.dcmread(next((tmp_path / "s" / "two").iterdir()))
    write_table(tmp_path / "s" / "a.csv", ["file", "term"], ["v.nii.gz", "lung; nodule"], ["gone.nii.gz", "lung"])
    write_table(tmp_path / "s" / "b.csv", ["PatientID", "term"], ["PHA-000001", "=lung()"], ["PHA-000009", "x"])
    write_table(tmp_path / "s" / "c.csv", ["StudyInstanceUID", "term"], [str(header.StudyInstanceUID), "nodule"])
    made = take(project, tmp_path / "s")
    assert {document.kind for document in made.documents} == {AttachmentKind.TABLE}
    tables = {Path(document.name).name: (document.image_terms, document.unmatched) for document in made.documents}
    assert tables == {"a.csv": (2, 1), "b.csv": (1, 1), "c.csv": (1, 0)}
    told = {Path(one.name).name: one.unmatched for one in made.per_file()}
    assert (told["a.csv"], told["b.csv"], told["c.csv"], told["v.nii.gz"]) == (1, 1, 0, 0)
    by_input = {Path(name).parent.name: image.id for image in made.images for name in image.inputs}
    assert given(project) == {
        by_input["s"]: {"lung", "nodule"},
        by_input["one"]: {"=lung()"},
        by_input["two"]: {"nodule"},
    }
    # A term of a row that matched nothing is not added.
    assert "x" not in {term.name for term in project.ontology.terms()}
    assert len(take(project, tmp_path / "s" / "b.csv").documents) == 1
    (term,) = (one for one in project.images.terms() if one.image == by_input["one"])
    assert not term.reviewed
    for file in project.folder.rglob("*"):
        assert not file.is_file() or b"PHA-0000" not in file.read_bytes()


@pytest.mark.parametrize(
    ("columns", "row", "detail"),
    [
        (["file", "term", "name"], ["v.nii.gz", "lung", "PHANTOM^ALPHA"], "the table has a column that is not known"),
        (["file", "term"], ["v.nii.gz", "lung", "PHANTOM^ALPHA"], "the table has a column that is not known"),
        (["file", "diagnosis"], ["v.nii.gz", "synthetic"], "the table has a column that is not known"),
        (["name", "age"], ["PHANTOM^ALPHA", "40"], "the table has a column that is not known"),
        (["file", "values"], ["v.nii.gz", "1=lung"], "the table says nothing of an image"),
        (["file", "PatientID", "term"], ["v.nii.gz", "PHA-000001", "lung"], _NO_ONE_IMAGE),
        (["file", "term"], ["", "lung"], _NO_ONE_IMAGE),
        (["file", "labels"], ["v.nii.gz", "l.nii.gz"], _NO_VALUES),
        (["file", "labels", "values"], ["v.nii.gz", "l.nii.gz", "0=lung"], _NO_VALUES),
        (["file", "term"], ["v.nii.gz", "a" * 300], "a term of the table is no name"),
        (["file", "term"], ["other.nii.gz", "lung"], "the table speaks of no image that is here"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_used_is_held_whole_and_told_without_its_values(
    project: Project, tmp_path: Path, columns: list[str], row: list[str], detail: str
) -> None:
    write(tmp_path / "in" / "v.nii.gz", image_of())
    write_table(tmp_path / "in" / "t.csv", columns, row)
    made = take(project, tmp_path / "in")
    (held,) = made.quarantined
    assert (held.reason, held.detail, len(made.images)) == (Reason.NO_PIXELS, detail, 1)
    (item,) = project.quarantine.held()
    assert item.size == 0
    assert given(project) == {}


def pack_spreadsheet(path: Path, *members: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for member in members:
            archive.writestr(member, "PHANTOM^ALPHA")


def test_blanks_beside_the_name_of_a_column_are_no_part_of_it(project: Project, folder_in: Path) -> None:
    write(folder_in / "v.nii.gz", image_of())
    (folder_in / "a.csv").write_text("file , term\nv.nii.gz, lung\n")
    (image,) = take(project, folder_in).images
    assert given(project) == {image.id: {"lung"}}


@pytest.mark.parametrize("packed", [False, True])
def test_a_spreadsheet_is_one_file_that_is_to_be_saved_as_csv(project: Project, folder_in: Path, packed: bool) -> None:
    write(folder_in / "v.nii.gz", image_of())
    pack_spreadsheet(folder_in / "t.xlsx", "[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml")
    pack_spreadsheet(folder_in / "t.ODS", "mimetype", "content.xml")
    (folder_in / "old.xls").write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504))
    sent = Path(shutil.make_archive(str(folder_in), "zip", folder_in)) if packed else folder_in
    made = take(project, sent)
    assert (made.files, len(made.images)) == (4, 1)
    said = {(Path(held.name).name, held.reason, held.detail) for held in made.quarantined}
    assert said == {
        (name, Reason.NO_PIXELS, "a spreadsheet: save it as CSV") for name in ("t.xlsx", "t.ODS", "old.xls")
    }
    # It may name persons, and nobody could accept it by itself.
    assert [item.size for item in project.quarantine.held()] == [0, 0, 0]
    take(project, sent)
    assert len(project.quarantine.held()) == 3


def test_what_only_bears_the_name_of_a_spreadsheet_is_what_it_is(
    project: Project, folder_in: Path, make_series: MakeSeries
) -> None:
    make_series(folder_in, planes=2)
    for number, path in enumerate(sorted(folder_in.iterdir())):
        path.rename(folder_in / f"{number}.xlsx")
    pack_spreadsheet(folder_in / "t.zip", "xl/workbook.xml")
    made = take(project, folder_in)
    assert len(made.images) == 1
    assert [held.reason for held in made.quarantined] == [Reason.NOT_DICOM]


def test_a_mended_table_settles_what_was_held_for_it(project: Project, dataset: Path) -> None:
    columns, row = ["file", "labels", "values"], ["imagesTr/case_1.nii.gz", "labelsTr/case_1.nii.gz"]
    (dataset / "dataset.json").unlink()
    write_table(dataset / "t.csv", [*columns, "age"], [*row, "1=lung;2=nodule", "40"])
    write_table(dataset / "other.csv", ["PatientID", "term", "age"], ["PHA-000001", "lung", "40"])
    take(project, dataset)
    assert len(project.quarantine.held()) == 3
    write_table(dataset / "t.csv", columns, [*row, "1=lung;2=nodule"])
    made = take(project, dataset)
    assert {document.kind for document in made.documents} == {AttachmentKind.LABEL_MAP, AttachmentKind.TABLE}
    assert [Path(item.name).name for item in project.quarantine.held()] == ["other.csv"]
    gone = [event.kind for event in project.journal.list() if event.action == "settle"]
    assert gone == ["file", "file"]
    assert [*(project.folder.parent.parent / "quarantine").rglob("*.sealed")] == []
    assert verify_project(project).ok


def test_another_table_or_another_label_map_settles_nothing(project: Project, dataset: Path) -> None:
    write(dataset / "labelsTr" / "case_1.nii.gz", label_of() + 5)
    write_table(dataset / "t.csv", ["file", "term", "age"], ["imagesTr/case_1.nii.gz", "lung", "40"])
    take(project, dataset)
    before = {Path(item.name).name for item in project.quarantine.held()}
    assert before == {"case_1.nii.gz", "t.csv"}
    write(dataset / "labelsTr" / "case_1.nii.gz", label_of())
    (dataset / "t.csv").rename(dataset / "u.csv")
    write_table(dataset / "u.csv", ["file", "term"], ["imagesTr/case_1.nii.gz", "lung"])
    take(project, dataset)
    # Of the label map a copy is kept, which is another one: somebody decides on it.
    assert {Path(item.name).name for item in project.quarantine.held()} == before


def test_a_table_that_somebody_else_sent_stays_held(project: Project, workspace: Workspace, dataset: Path) -> None:
    write_table(dataset / "t.csv", ["file", "term", "age"], ["imagesTr/case_1.nii.gz", "lung", "40"])
    take(project, dataset)
    user, _ = workspace.accounts.add("carrier")
    project.members.add(user.id, [Role.UPLOADER])
    write_table(dataset / "t.csv", ["file", "term"], ["imagesTr/case_1.nii.gz", "lung"])
    take(workspace.open(project.record.id, user.id), dataset)
    assert [Path(item.name).name for item in project.quarantine.held()] == ["t.csv"]


def test_other_json_files_and_lists_without_columns_are_not_dicom_as_ever(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write(folder / "v.nii.gz", image_of())
    (folder / "a.csv").write_text("PHANTOM\n40\n")
    (folder / "b.json").write_text('{"labels": ["cat"]}')
    (folder / "c.json").write_text('[1, 2, {"file": "v.nii.gz", "term": "lung"}]')
    made = take(project, folder)
    assert {held.reason for held in made.quarantined} == {Reason.NOT_DICOM}
    assert len(made.quarantined) == 3


def test_no_copy_is_kept_of_a_table_that_names_a_person_who_objects(
    project: Project, workspace: Workspace, tmp_path: Path
) -> None:
    write(tmp_path / "in" / "v.nii.gz", image_of())
    write_table(tmp_path / "in" / "t.csv", ["PatientID", "term"], ["PHA-000003", "lung"], ["PHA-000004", "lung"])
    project.subjects.oppose([Epochs(project.secrets.epochs()).objection("", "PHA-000003")])
    (held,) = take(project, tmp_path / "in").quarantined
    assert held.reason is Reason.SUBJECT_OPPOSED
    (item,) = project.quarantine.held()
    assert item.size == 0
