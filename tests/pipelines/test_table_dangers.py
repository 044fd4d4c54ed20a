"""Tables and label maps that name a person, are written in another way, or would take all memory."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from imaging.dicom.own import collect_own
from imaging.dicom.walk import Found
from imaging.domain.outcome import Reason
from imaging.errors import RefusedFileError
from imaging.project.project import Project
from pipelines.tables import TABLE_UNREAD, read_tables
from plugins.nrrd import NrrdReader
from tests.pipelines.ingesting import take

RAS = np.eye(4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A slice of somebody, a volume and its label map."""
    made = tmp_path / "in"
    made.mkdir()
    header = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    header.PatientID, header.PatientName = "PHA-000001", "PHANTOM^ALPHA"
    header.save_as(made / "ct.dcm")
    stored = np.arange(120, dtype=np.int16).reshape(6, 5, 4)
    nibabel.save(nibabel.Nifti1Image(stored, RAS), made / "image.nii.gz")
    nibabel.save(nibabel.Nifti1Image(np.ones((6, 5, 4), np.uint8), RAS), made / "labels.nii.gz")
    return made


def holding(folder: Path, word: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and word in path.read_bytes()]


@pytest.mark.parametrize(
    "table",
    [
        "PatientID,term\nPHA-000001,PHANTOM^ALPHA\n",
        "PatientID,term\nPHA-000001,pha 000001\n",
        "file,labels,values\nimage.nii.gz,labels.nii.gz,1=PHA-000001 lesion\n",
        "file,term\nimage.nii.gz,lung of ALPHA PHANTOM\n",
    ],
)
def test_a_term_that_names_a_person_makes_the_table_useless(project: Project, folder: Path, table: str) -> None:
    (folder / "table.csv").write_text(table)
    made = take(project, folder)
    told = {"a term or property of the table names a person", "a term of the table may be a date or an identifier"}
    assert not told.isdisjoint(held.detail for held in made.quarantined)
    assert {term.name for term in project.ontology.terms()} == {"lung", "nodule"}
    assert not holding(project.folder, b"PHA-000001")
    assert not holding(project.folder, b"PHANTOM")


def test_words_of_anatomy_name_nobody() -> None:
    own = collect_own(["LONG^JOHN", "PHA-000001"])
    assert not any(own.appear_in(term) for term in ("lung", "long bone", "John's sign", "nodule 12", "T12", "stage 3"))
    assert own.appear_in("long john")
    assert own.appear_in("PHA000001x")


def test_a_label_map_that_two_tables_fight_over_is_held_under_its_person(project: Project, folder: Path) -> None:
    for name, term in (("a", "lung"), ("b", "nodule")):
        (folder / f"{name}.csv").write_text(f"PatientID,labels,values\nPHA-000001,labels.nii.gz,1={term}\n")
    take(project, folder)
    (subject,) = {image.subject for image in project.images.list() if image.attributes.modality == "CT"}
    assert subject in {item.subject for item in project.quarantine.held()}


@pytest.mark.parametrize(
    "content",
    [
        b"PatientID;term\nPHA-000001;lung\n",
        b"PatientID\tterm\nPHA-000001\tlung\n",
        "PatientID,term\nPHA-000001,œdème\n".encode("cp1252"),
        "PatientID,term\nPHA-000001,lung\n".encode("utf-16"),
        b"patientid,Term\nPHA-000001,lung\n",
    ],
)
def test_a_table_as_a_spreadsheet_may_write_it_is_a_table_that_cannot_be_used(
    project: Project, folder: Path, content: bytes
) -> None:
    (folder / "table.csv").write_bytes(content)
    made = take(project, folder)
    assert [held.detail for held in made.quarantined] == [TABLE_UNREAD]
    assert [item.size for item in project.quarantine.held()] == [0]


def test_a_table_has_a_bounded_number_of_rows_and_an_upload_of_tables(tmp_path: Path) -> None:
    (tmp_path / "long.csv").write_text("file,term\n" + "a,lung\n" * 200_000)
    (table,) = read_tables([Found(tmp_path / "long.csv", "long.csv")])
    assert (table.problem, table.rows) == ("the table has too many rows", ())
    (tmp_path / "one.csv").write_text("file,term\na,lung\n")
    tables = read_tables([Found(tmp_path / "one.csv", f"{number}.csv") for number in range(150)])
    assert sum(not table.problem for table in tables) == 100


def test_a_label_map_far_larger_than_its_image_is_not_read(project: Project, folder: Path) -> None:
    with gzip.open(folder / "labels.nii.gz", "wb", compresslevel=9) as stream:
        header = nibabel.Nifti1Header()
        header.set_data_shape((300, 300, 300))
        header.set_data_dtype(np.uint8)
        header.set_sform(RAS, "scanner")
        header["vox_offset"] = 352
        header.write_to(stream)
        for _ in range(300):
            stream.write(bytes(300 * 300))
    (folder / "table.csv").write_text("file,labels,values\nimage.nii.gz,labels.nii.gz,1=lung\n")
    made = take(project, folder)
    (held,) = (one for one in made.quarantined if one.reason is Reason.LIMIT_EXCEEDED)
    assert held.detail.startswith("the label map is far larger than its image; label maps come in together")


def test_a_volume_of_very_many_channels_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    head = b"NRRD0005\ntype: uint8\ndimension: 4\nsizes: 131072 9 9 1\nkinds: vector domain domain domain\n"
    head += b"encoding: gzip\n\n"
    (tmp_path / "a.nrrd").write_bytes(head + gzip.compress(bytes(1000)))
    with pytest.raises(RefusedFileError, match="more channels"):
        NrrdReader().open(tmp_path / "a.nrrd", tmp_path / "scratch", decided=False)
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize("labels", [{"whole": [1, 2], "ant": 1}, {"ant": 1, "ignore": 2}, {"ant": 1, "bee": 1}])
def test_label_maps_that_only_a_useless_dataset_names_become_no_images(
    project: Project, folder: Path, labels: dict[str, object]
) -> None:
    document = {"labels": labels, "training": [{"image": "image.nii.gz", "label": "labels.nii.gz"}]}
    (folder / "dataset.json").write_text(json.dumps(document))
    made = take(project, folder)
    assert len(made.images) == 2
    assert len(made.quarantined) == 2


def test_a_column_that_stands_twice_makes_the_table_useless(project: Project, folder: Path) -> None:
    (folder / "table.csv").write_text("PatientID,term,term\nPHA-000001,lung,nodule\n")
    assert [held.detail for held in take(project, folder).quarantined] == [TABLE_UNREAD]


def test_a_table_adds_a_bounded_number_of_terms(project: Project, folder: Path) -> None:
    terms = ";".join(f"kind {number}" for number in range(300))
    (folder / "table.csv").write_text(f"file,term\nimage.nii.gz,{terms}\n")
    assert [held.detail for held in take(project, folder).quarantined] == ["the table names too many terms"]
    assert len(project.ontology.terms()) == 2


def test_rows_whose_label_map_did_not_come_are_counted(project: Project, folder: Path) -> None:
    (folder / "table.csv").write_text("file,labels,values\nimage.nii.gz,gone.nii.gz,1=lung\n")
    (table,) = take(project, folder).documents
    assert (table.segmentations, table.unmatched) == ((), 1)
