"""Every file ends in exactly one outcome; an image appears whole, once, under a neutral name."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from imaging.domain.base import UploadKey
from imaging.domain.job import IngestWork
from imaging.domain.outcome import Reason
from imaging.domain.people import Role
from imaging.errors import ForbiddenError, InvalidInputError
from imaging.project.project import Project
from imaging.project.verification import verify_project
from imaging.pyramid.read import Pyramid
from imaging.settings import Settings
from imaging.workspace import Workspace
from pipelines.ingest import ingest, ingest_upload
from tests.pipelines.conftest import MakePicture, MakeSeries
from tests.pipelines.ingesting import begin_job, silent, take, take_at_once, voxels_of


def test_a_series_becomes_one_image_in_the_order_of_its_geometry(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    voxels = make_series(tmp_path / "in")
    (image,) = take(project, tmp_path / "in").images
    assert (image.axes, image.shape, image.spacing_mm, image.sources) == ("zyx", (6, 24, 20), (2.5, 0.5, 0.75), 6)
    assert len(image.inputs) == 6
    np.testing.assert_array_equal(voxels_of(project), voxels)
    attributes = project.images.list()[0].attributes
    assert np.asarray(attributes.affine_lps)[:3, 3].tolist() == [-10, -20, 30]
    assert attributes.profile_hash
    assert verify_project(project).ok


def test_names_hold_nothing_of_the_file_or_the_person(
    project: Project, make_series: MakeSeries, make_picture: MakePicture, tmp_path: Path
) -> None:
    make_series(tmp_path / "PHANTOMFOLDER")
    make_picture(tmp_path / "PHANTOMFOLDER" / "PHANTOM^ALPHA.png", 7)
    take(project, tmp_path / "PHANTOMFOLDER")
    for image in project.images.list():
        assert "PHA" not in image.name
        assert image.name.split()[0] in ("CT", "Picture")
    assert len({image.name for image in project.images.list()}) == 2
    for path in project.folder.rglob("*"):
        assert b"PHANTOM" not in (path.read_bytes() if path.is_file() else str(path).encode())


def test_the_same_files_again_are_duplicates(project: Project, make_series: MakeSeries, tmp_path: Path) -> None:
    make_series(tmp_path / "in")
    take(project, tmp_path / "in")
    again = take(project, tmp_path / "in", tmp_path / "in")
    assert (again.files, again.duplicates, again.images) == (12, 12, ())
    assert len(project.images.list()) == 1


def test_a_new_instance_of_a_published_series_is_late(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "in")
    last = sorted((tmp_path / "in").iterdir())[-1]
    last.rename(tmp_path / "late.bin")
    header = pydicom.dcmread(tmp_path / "late.bin")
    # The plane that is missing is an end of the stack or the rest would be irregular.
    header.ImagePositionPatient = [-10, -20, 30 + 2.5 * 6]
    header.save_as(tmp_path / "late.bin")
    for number, path in enumerate(sorted((tmp_path / "in").iterdir())):
        moved = pydicom.dcmread(path)
        moved.ImagePositionPatient = [-10, -20, 30 + 2.5 * number]
        moved.save_as(path)
    assert len(take(project, tmp_path / "in").images) == 1
    held = take(project, tmp_path / "late.bin").quarantined
    assert [item.reason for item in held] == [Reason.LATE_INSTANCE]


def test_a_published_uid_with_other_bytes_is_a_conflict(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "in")
    take(project, tmp_path / "in")
    forged = pydicom.dcmread(next((tmp_path / "in").iterdir()))
    forged.PixelData = bytes(len(forged.PixelData))
    forged.save_as(tmp_path / "forged.dcm")
    held = take(project, tmp_path / "forged.dcm").quarantined
    assert [item.reason for item in held] == [Reason.UID_CONFLICT]
    assert [item.reason for item in project.quarantine.held()] == [Reason.UID_CONFLICT]


def test_a_gap_is_quarantined_with_every_file_and_shown_to_the_uploader(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "in")
    headers = {path: pydicom.dcmread(path).ImagePositionPatient[2] for path in (tmp_path / "in").iterdir()}
    next(path for path, z in headers.items() if z == 35).unlink()
    made = take(project, tmp_path / "in")
    assert {item.reason for item in made.quarantined} == {Reason.IRREGULAR_GEOMETRY}
    assert len(made.quarantined) == len(project.quarantine.held()) == 5
    assert not list((project.folder / "images").glob("[!.]*"))


def test_a_mixed_folder_counts_every_file(
    project: Project, make_series: MakeSeries, make_picture: MakePicture, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    make_series(folder / "a", planes=3)
    make_picture(folder / "b.png", 1)
    make_picture(folder / "c.jpg", 2)
    (folder / "d.dcm").write_bytes(b"no DICOM at all " * 40)
    (folder / ".hidden").write_text("x")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    with zipfile.ZipFile(folder / "e.zip", "w") as archive:
        archive.writestr("inside.txt", "text")
        archive.write(make_picture(tmp_path / "f.png", 3), "f.png")
    made = take(project, folder)
    assert made.files == 3 + 2 + 2 + 1 + 2
    assert [image.sources for image in made.images] == [3, 1, 1, 1]
    assert sorted(item.reason.value for item in made.quarantined) == ["not_dicom"] * 3 + ["unreadable"]
    assert any(item.name.endswith("e.zip/inside.txt") for item in made.quarantined)
    assert list((project.folder / "images" / ".staging").iterdir()) == []


def test_a_colour_picture_keeps_its_channels(project: Project, tmp_path: Path) -> None:
    from PIL import Image

    colour = np.random.default_rng(3).integers(0, 255, (300, 280, 3)).astype(np.uint8)
    Image.fromarray(colour).save(tmp_path / "a.png")
    (made,) = take(project, tmp_path / "a.png").images
    assert (made.axes, made.shape, made.spacing_mm) == ("czyx", (3, 1, 300, 280), (None, None, None))
    pyramid = Pyramid.open(Path(made.path))
    for c in range(3):
        np.testing.assert_array_equal(pyramid.region((0, 1, 0, 300, 0, 280), c=c)[0], colour[..., c])


def test_nothing_to_ingest_is_bad_input(project: Project, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(InvalidInputError):
            ingest(project, [path], silent)


def test_two_ingests_of_the_same_files_at_once_make_one_image(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "in")
    outer, inner = take_at_once(project, tmp_path / "in")
    assert len(inner.images) == 1
    assert (outer.images, outer.duplicates) == ((), 6)
    assert len(project.images.list()) == len(list((project.folder / "images").glob("*.ome.zarr"))) == 1
    assert verify_project(project).ok


def test_stopping_leaves_nothing_half_made(project: Project, make_series: MakeSeries, tmp_path: Path) -> None:
    make_series(tmp_path / "in")

    def stop(percent: int, message: str) -> None:
        if percent > 10:
            raise InvalidInputError("stop")

    with pytest.raises(InvalidInputError, match="stop"):
        ingest(project, [tmp_path / "in"], stop)
    assert project.images.list() == []
    assert [path for path in project.folder.rglob("*") if path.is_file()] == []
    assert len(take(project, tmp_path / "in").images) == 1


def test_a_process_killed_before_the_row_leaves_nothing_after_the_next_start(
    project: Project, settings: Settings, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "in")
    script = (
        "import os, sys; from pathlib import Path\n"
        "from imaging.settings import Settings; from imaging.workspace import Workspace\n"
        "import imaging.store.images as rows; from pipelines.ingest import ingest\n"
        "rows.insert_image = lambda *_: os._exit(9)\n"
        "workspace = Workspace.at(Settings.read(Path(sys.argv[1]), {}))\n"
        "user = workspace.accounts.acting(None)\n"
        "project = workspace.open(workspace.find_project(user, 'phantoms'), user.id)\n"
        "ingest(project, [Path(sys.argv[2])], lambda percent, message: None)\n"
    )
    arguments = [sys.executable, "-c", script, str(settings.workspace), str(tmp_path / "in")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IMAGING_")}
    assert subprocess.run(arguments, check=False, env=environment).returncode == 9
    assert len(list((project.folder / "images").glob("*.ome.zarr"))) == 1
    assert len(list((settings.quarantine / "scratch").iterdir())) == 1
    (image,) = take(project, tmp_path / "in").images
    assert [path.name for path in (project.folder / "images").glob("*.ome.zarr")] == [f"{image.id}.ome.zarr"]
    assert list((settings.quarantine / "scratch").iterdir()) == []
    assert verify_project(project).ok


def test_a_series_stopped_between_its_two_images_is_completed_the_next_time(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "in", planes=6)
    for path in (tmp_path / "in").iterdir():
        turned = pydicom.dcmread(path)
        if turned.ImagePositionPatient[2] >= 37:
            # The last three planes stand upright: the same series holds two volumes.
            turned.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
            turned.ImagePositionPatient = [0, turned.ImagePositionPatient[2], 0]
            turned.save_as(path)

    def stop(percent: int, message: str) -> None:
        if project.images.list():
            raise InvalidInputError("stop")

    with pytest.raises(InvalidInputError, match="stop"):
        ingest(project, [tmp_path / "in"], stop)
    again = take(project, tmp_path / "in")
    assert (again.duplicates, [image.sources for image in again.images], again.quarantined) == (3, [3], ())
    late = pydicom.dcmread(sorted((tmp_path / "in").iterdir())[0])
    late.SOPInstanceUID = generate_uid()
    late.save_as(tmp_path / "late.dcm")
    assert [item.reason for item in take(project, tmp_path / "late.dcm").quarantined] == [Reason.LATE_INSTANCE]


def test_an_upload_becomes_images_and_its_originals_go(
    project: Project, make_series: MakeSeries, settings: Settings, tmp_path: Path
) -> None:
    make_series(tmp_path / "in", planes=3)
    upload = project.uploads.create("page")
    for number, path in enumerate(sorted((tmp_path / "in").iterdir())):
        project.uploads.add(upload, f"folder/PHANTOM {number}", io.BytesIO(path.read_bytes()))
    project.uploads.add(upload, "notes.txt", io.BytesIO(b"text " * 30))
    made = ingest_upload(project, IngestWork(upload=upload), silent)
    assert (made.files, len(made.images), len(made.quarantined)) == (4, 1, 1)
    assert sorted(made.images[0].inputs) == [f"folder/PHANTOM {number}" for number in range(3)]
    assert (
        [item.name for item in made.quarantined] == [item.name for item in project.quarantine.held()] == ["notes.txt"]
    )
    sealed = [path for path in settings.quarantine.rglob("*") if path.is_file()]
    # The held file, and what became of each.
    assert sorted(path.suffix for path in sealed) == [".list", ".sealed"]
    assert all(b"PHANTOM" not in path.read_bytes() for path in sealed)


def fill_upload(project: Project, folder: Path, make_series: MakeSeries, make_picture: MakePicture) -> UploadKey:
    upload = project.uploads.create("page")
    make_series(folder / "series", planes=3)
    make_picture(folder / "a.png", 1)
    files = [*sorted((folder / "series").iterdir()), folder / "a.png", folder / "a.png"]
    for number, path in enumerate(files):
        project.uploads.add(upload, f"PHANTOM {number}", io.BytesIO(path.read_bytes()))
    for number in range(2):
        project.uploads.add(upload, f"notes {number}.txt", io.BytesIO(b"text " * 30))
    return upload


@pytest.mark.parametrize("cut", ["second image", "second hold", "finish", "end"])
def test_a_retried_job_ends_as_if_it_had_not_been_cut_off(
    cut: str,
    workspace: Workspace,
    project: Project,
    make_series: MakeSeries,
    make_picture: MakePicture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upload = fill_upload(project, tmp_path, make_series, make_picture)
    work = IngestWork(upload=upload)
    worker = begin_job(workspace, project, work)
    owner, method = {
        "second image": (worker.images, "register"),
        "second hold": (worker.quarantine, "hold_all"),
        "finish": (worker.uploads, "finish"),
        "end": (worker.uploads, "finish"),
    }[cut]
    do, calls = getattr(owner, method), []

    def cut_off(*arguments: object, **named: object) -> object:
        calls.append(method)
        if cut == "end":
            do(*arguments, **named)
        if cut == "second hold":
            # Some hundreds are held in one transaction.
            upload, files = arguments
            assert isinstance(files, list)
            do(upload, files[:1])
            raise RuntimeError("cut off")
        if len(calls) == (2 if cut == "second image" else 1):
            raise RuntimeError("cut off")
        return do(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(owner, method, cut_off)
        with pytest.raises(RuntimeError, match="cut off"):
            ingest_upload(worker, work, silent)
    made = ingest_upload(worker, work, silent)
    assert (made.files, made.duplicates, len(made.images), len(made.quarantined)) == (7, 1, 2, 2)
    assert sorted(image.sources for image in made.images) == [1, 3]
    assert sorted(item.name for item in project.quarantine.held()) == ["notes 0.txt", "notes 1.txt"]
    assert len(project.images.list()) == 2


def test_what_another_job_made_of_the_same_files_stays_a_duplicate(
    workspace: Workspace, project: Project, make_series: MakeSeries, make_picture: MakePicture, tmp_path: Path
) -> None:
    first = IngestWork(upload=fill_upload(project, tmp_path, make_series, make_picture))
    ingest_upload(begin_job(workspace, project, first), first, silent)
    again = project.uploads.create("page")
    for path in (tmp_path / "series").iterdir():
        project.uploads.add(again, path.name, io.BytesIO(path.read_bytes()))
    second = IngestWork(upload=again)
    made = ingest_upload(begin_job(workspace, project, second), second, silent)
    assert (made.duplicates, made.images) == (3, ())


def test_who_may_only_upload_can_ingest_and_a_reader_cannot(
    workspace: Workspace, project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "in", planes=3)
    for name, role in (("carrier", Role.UPLOADER), ("looker", Role.READER)):
        user, _ = workspace.accounts.add(name)
        project.members.add(user.id, [role])
    opened = {
        name: workspace.open(project.record.id, workspace.accounts.find(name).id) for name in ("carrier", "looker")
    }
    with pytest.raises(ForbiddenError):
        ingest(opened["looker"], [tmp_path / "in"], silent)
    assert len(ingest(opened["carrier"], [tmp_path / "in"], silent).images) == 1
    assert ingest(opened["carrier"], [tmp_path / "in"], silent).duplicates == 3


def test_verification_names_a_flipped_byte_in_voxels_and_in_headers(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "in")
    (image,) = take(project, tmp_path / "in").images
    targets = [Path(image.path) / "0/c/0/0/0", project.folder / "headers" / f"{image.id}.jsonl.gz"]
    for target in targets:
        content = bytearray(target.read_bytes())
        content[len(content) // 2] ^= 1
        target.write_bytes(content)
    found = verify_project(project)
    assert [(item.path, item.problem) for item in found.differences] == [
        (target.relative_to(project.folder).as_posix(), "changed") for target in targets
    ]


def test_two_subjects_with_the_same_files_names_stay_apart(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    make_series(tmp_path / "a", patient="PHA-000001", seed=1)
    make_series(tmp_path / "b", patient="PHA-000002", seed=2)
    take(project, tmp_path / "a", tmp_path / "b")
    assert len({image.subject for image in project.images.list()}) == 2


def test_an_instance_without_a_patient_is_held(project: Project, template: pydicom.Dataset, tmp_path: Path) -> None:
    template = pydicom.dcmread(io.BytesIO(_bytes(template)))
    template.PatientID = ""
    template.SOPInstanceUID = generate_uid()
    template.save_as(tmp_path / "nobody.dcm")
    assert [item.reason for item in take(project, tmp_path / "nobody.dcm").quarantined] == [Reason.EMPTY_PATIENT_ID]


def _bytes(header: pydicom.Dataset) -> bytes:
    stream = io.BytesIO()
    header.save_as(stream)
    return stream.getvalue()
