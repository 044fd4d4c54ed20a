"""`imaging ingest`, `verify` and `annotations` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from imaging.domain.people import Role
from imaging.errors import InvalidInputError
from imaging.project.project import Project
from imaging.settings import Settings
from imaging.workspace import Workspace
from pipelines.label_volumes import READERS, write_nifti
from tests.pipelines.conftest import Call, MakeSeries


def test_ingest_prints_one_json_document_of_the_documented_shape(
    call: Call, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "in")
    (tmp_path / "in" / "notes.txt").write_text("text " * 30)
    code, out, err = call("ingest", "phantoms", tmp_path / "in", "--json", "--workers", 1)
    assert (code, err) == (0, "")
    made = json.loads(out)
    assert set(made) == {"files", "images", "documents", "quarantined", "duplicates", "duplicate_inputs"}
    (image,) = made["images"]
    assert set(image) == {
        *(
            "id",
            "path",
            "modality",
            "description",
            "axes",
            "shape",
            "dtype",
            "spacing_mm",
            "regular",
            "sources",
            "inputs",
        )
    }
    assert (image["axes"], image["shape"], image["spacing_mm"]) == ("zyx", [6, 24, 20], [2.5, 0.5, 0.75])
    assert Path(image["path"], "zarr.json").is_file()
    assert made["files"] == 7
    (held,) = made["quarantined"]
    assert held["reason"] == "not_dicom"
    assert set(held) == {"name", "reason", "detail"}


def test_ingest_warns_where_nothing_looks_for_burned_in_text(
    call: Call, make_series: MakeSeries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_series(tmp_path / "in")
    monkeypatch.setattr("imaging.text.names_detector", lambda: False)
    code, out, err = call("ingest", "phantoms", tmp_path / "in", "--json")
    assert (code, err.count("\n")) == (0, 1)
    assert "no text detector is installed" in err
    assert json.loads(out)["images"]


def test_ingest_again_is_done_and_says_duplicates(call: Call, make_series: MakeSeries, tmp_path: Path) -> None:
    make_series(tmp_path / "in")
    assert call("ingest", "phantoms", tmp_path / "in")[0] == 0
    code, out, _ = call("ingest", "phantoms", tmp_path / "in")
    assert code == 0
    assert "6 duplicates" in out


def test_ingest_of_nothing_usable_is_bad_input_and_still_reports(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_text("no DICOM " * 30)
    code, out, err = call("ingest", "phantoms", tmp_path / "a.dcm", "--json")
    assert code == 2
    assert json.loads(out)["quarantined"][0]["reason"] == "not_dicom"
    assert err == "imaging: nothing could be ingested: 1 not_dicom\n"


@pytest.mark.parametrize(("absent", "told"), [({2}, "2nd"), ({3}, "3rd"), ({1, 2}, "1st")])
def test_a_path_that_does_not_exist_is_told_by_its_place(
    call: Call, make_series: MakeSeries, tmp_path: Path, absent: set[int], told: str
) -> None:
    make_series(tmp_path / "in")
    paths = [tmp_path / ("nowhere" if number in absent else "in") for number in (1, 2, 3)]
    refused = (2, "", f"imaging: the {told} path does not exist\n")
    assert call("ingest", "phantoms", *paths) == refused
    (image,) = json.loads(call("ingest", "phantoms", tmp_path / "in", "--json")[1])["images"]
    for kind in ("dicom-series", "geojson"):
        options = ("--image", image["id"], "--format", kind, "--term", "1=lung")
        tried = [path if path.exists() else tmp_path / "gone" for path in paths]
        assert call("annotations", "import", "phantoms", *tried, *options) == refused


def test_a_lone_path_that_does_not_exist_needs_no_place(call: Call, tmp_path: Path) -> None:
    assert call("ingest", "phantoms", tmp_path / "nowhere") == (2, "", "imaging: the path does not exist\n")


@pytest.mark.parametrize("content", ["colour = 1", "age_cap_years = 'old'", "= no TOML"])
def test_a_profile_that_is_none_is_bad_input(call: Call, make_series: MakeSeries, tmp_path: Path, content: str) -> None:
    make_series(tmp_path / "in")
    (tmp_path / "p.toml").write_text(content)
    assert call("ingest", "phantoms", tmp_path / "in", "--profile", tmp_path / "p.toml")[0] == 2


def test_a_profile_changes_the_hash_in_the_image(
    call: Call, project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    (tmp_path / "p.toml").write_text("age_cap_years = 80")
    make_series(tmp_path / "a", seed=1)
    make_series(tmp_path / "b", seed=2)
    assert call("ingest", "phantoms", tmp_path / "a")[0] == 0
    assert call("ingest", "phantoms", tmp_path / "b", "--profile", tmp_path / "p.toml")[0] == 0
    assert len({image.attributes.profile_hash for image in project.images.list()}) == 2


def test_verify_passes_and_then_names_every_kind_of_damage(
    call: Call, workspace: Workspace, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "in")
    (image,) = json.loads(call("ingest", "phantoms", tmp_path / "in", "--json")[1])["images"]
    mask = np.ones((6, 24, 20), np.uint16)
    write_nifti(
        mask, np.array([[0, 0, 0.75, -10], [0, 0.5, 0, -20], [2.5, 0, 0, 30], [0, 0, 0, 1]]), tmp_path / "m.nii"
    )
    options = ("--format", "nifti", "--term", "1=lung", "--image", image["id"])
    assert call("annotations", "import", "phantoms", tmp_path / "m.nii", *options)[0] == 0
    code, out, _ = call("verify", "phantoms", "--json")
    assert code == 0
    whole = json.loads(out)
    assert whole["ok"]
    assert whole["files"] > 4
    group = Path(image["path"])
    shard = next((group / "labels").glob("*/0/c/0/0/0"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"\1")
    listing = group / "labels" / "zarr.json"
    listing.write_text(listing.read_text().replace("labels", "label_"))
    (group / "0" / "extra").write_text("x")
    (group / "0" / "c" / "0" / "0" / "0").unlink()
    code, out, err = call("verify", "phantoms", "--json")
    assert code == 4
    problems = sorted(item["problem"] for item in json.loads(out)["differences"])
    assert problems == ["changed", "changed", "extra", "missing"]
    assert err.count("\n") == 1
    assert "0/extra (extra)" in err


def test_annotations_import_prints_counts_and_voxels_per_term(
    call: Call, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "in")
    (image,) = json.loads(call("ingest", "phantoms", tmp_path / "in", "--json")[1])["images"]
    (tmp_path / "t.csv").write_text(f"image,term\n{image['id']},healthy\n")
    code, out, _ = call(
        *("annotations", "import", "phantoms", "--table", tmp_path / "t.csv", "--format", "csv", "--reviewed", "--json")
    )
    assert code == 0
    assert json.loads(out) == {
        "annotations": 0,
        "other_image": 0,
        "segmentations": 0,
        "already_there": 0,
        "image_terms": 1,
        "voxels": {},
        "values": [],
        "created_terms": ["healthy"],
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("--format", "nifti"),
        ("--format", "nifti", "--image", "1"),
        ("--format", "nifti", "--image", "1", "--table", "t.csv"),
        ("--format", "nifti", "--image", "no such image", "f.nii"),
        ("--format", "rtstruct", "--image", "1", "f.dcm"),
        ("--format", "doodles", "--image", "1", "f.dcm"),
        ("--format", "nifti", "--image", "1", "f.nii", "--term", "1"),
        ("--format", "nifti", "--image", "1", "f.nii", "--term", "1=lung", "--term", "1=nodule"),
        ("--format", "csv", "--table", "nowhere.csv"),
    ],
)
def test_annotations_import_says_in_one_line_what_is_wrong(call: Call, arguments: tuple[str, ...]) -> None:
    code, out, err = call("annotations", "import", "phantoms", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("imaging: ")
    assert err.count("\n") == 1


def test_annotations_import_unpacks_only_inside_the_quarantine(
    call: Call,
    workspace: Workspace,
    project: Project,
    settings: Settings,
    make_series: MakeSeries,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_series(tmp_path / "in")
    (image,) = json.loads(call("ingest", "phantoms", tmp_path / "in", "--json")[1])["images"]
    scientist, _ = workspace.accounts.add("scientist")
    project.members.add(scientist.id, [Role.DATA_SCIENTIST])
    seen: list[Path] = []

    def read(files: object, image: object, scratch: Path, *, partial: bool) -> None:
        seen.append(scratch)
        raise InvalidInputError("seen")

    monkeypatch.setitem(READERS, "dicom-series", read)
    options = ("--image", image["id"], "--format", "dicom-series", "--layer", "masks", "--as", "scientist")
    code, _, err = call("annotations", "import", "phantoms", tmp_path / "in", *options)
    assert (code, "seen" in err) == (2, True)
    assert seen[0].is_relative_to(settings.quarantine / "scratch")
    assert list((settings.quarantine / "scratch").iterdir()) == []


def test_a_format_without_a_reader_is_named(call: Call, make_series: MakeSeries, tmp_path: Path) -> None:
    make_series(tmp_path / "in")
    (image,) = json.loads(call("ingest", "phantoms", tmp_path / "in", "--json")[1])["images"]
    options = ("--image", image["id"], "--format", "monai")
    (tmp_path / "x.json").write_text("{}")
    code, _, err = call("annotations", "import", "phantoms", tmp_path / "x.json", *options)
    assert (code, err) == (2, "imaging: the format monai is not read yet\n")


def test_dump_offers_the_formats_that_it_writes_and_no_other(call: Call, tmp_path: Path) -> None:
    assert "--format [geojson|nifti]" in call("annotations", "dump", "--help")[1]
    for kind in ("csv", "nrrd", "dicom-seg", "dicom-series", "rtstruct", "monai"):
        code, _, err = call("annotations", "dump", "phantoms", tmp_path / "out", "--format", kind)
        assert (code, len(err.splitlines())) == (2, 1)
        assert "'geojson', 'nifti'" in err


def test_dump_writes_drawings_and_refuses_an_existing_target(
    call: Call, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "in")
    (image,) = json.loads(call("ingest", "phantoms", tmp_path / "in", "--json")[1])["images"]
    (tmp_path / "d.csv").write_text('wkt,term\n"POINT (5 5)",lung\n')
    assert (
        call("annotations", "import", "phantoms", "--image", image["id"], tmp_path / "d.csv", "--format", "csv")[0] == 0
    )
    dump = ("annotations", "dump", "phantoms", tmp_path / "out.geojson", "--format", "geojson")
    code, out, _ = call(*dump, "--json")
    assert (code, json.loads(out)) == (0, {"annotations": 1})
    assert len(json.loads((tmp_path / "out.geojson").read_text())["features"]) == 1
    assert call(*dump)[0] == 2
