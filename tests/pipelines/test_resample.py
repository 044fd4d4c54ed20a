"""What becomes of a volume whose planes form no regular grid: held, kept as it is, made regular when asked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest

from imaging.domain.base import ImageKey
from imaging.domain.image import Image, Irregularity
from imaging.domain.job import ResampleWork, ReviewWork
from imaging.domain.outcome import Reason
from imaging.domain.people import Role
from imaging.domain.project import IrregularPolicy
from imaging.erasure import erase_subject
from imaging.errors import ForbiddenError, InvalidInputError, StateError
from imaging.project.project import Project
from imaging.project.verification import verify_project
from imaging.pyramid.read import Pyramid
from imaging.settings import Settings
from imaging.workspace import Workspace
from pipelines.irregular import Interpolator
from pipelines.resample import resample_image
from pipelines.review import review
from tests.pipelines.conftest import Call, MakeSeries
from tests.pipelines.ingesting import begin_job, silent, take, voxels_of

Place = Callable[[int], list[float]]
SLANT = [1, 0, 0, 0, 0.9659258, 0.2588190]


def move(folder: Path, place: Place, orientation: list[float] | None = None) -> None:
    """Put the planes of a made series elsewhere; a place without numbers takes the plane away."""
    for path in list(folder.iterdir()):
        header = pydicom.dcmread(path)
        position = place(round((header.ImagePositionPatient[2] - 30) / 2.5))
        if not position:
            path.unlink()
            continue
        header.ImagePositionPatient = position
        header.ImageOrientationPatient = orientation or header.ImageOrientationPatient
        header.save_as(path)


@pytest.fixture
def tilted(make_series: MakeSeries, tmp_path: Path) -> Path:
    make_series(tmp_path / "tilted")
    move(tmp_path / "tilted", lambda z: [-10, -20, 30 + 2.5 * z], SLANT)
    return tmp_path / "tilted"


@pytest.fixture
def uneven(make_series: MakeSeries, tmp_path: Path) -> Path:
    make_series(tmp_path / "uneven")
    move(tmp_path / "uneven", lambda z: [-10, -20, (30, 32, 34, 36.4, 38, 40)[z]])
    return tmp_path / "uneven"


@pytest.fixture
def gapped(make_series: MakeSeries, tmp_path: Path) -> Path:
    make_series(tmp_path / "gapped")
    move(tmp_path / "gapped", lambda z: [] if z == 3 else [-10, -20, 30 + 2.5 * z])
    return tmp_path / "gapped"


def keep(project: Project, folder: Path) -> Image:
    """Ingest a series under the policy that keeps it."""
    project.edit(irregular=IrregularPolicy.KEEP)
    made = take(project, folder)
    assert not made.quarantined
    return project.images.get(made.images[0].id)


def resample(project: Project, image: Image, *, across_gaps: bool = False) -> Image:
    made = resample_image(project, ResampleWork(image=image.id, across_gaps=across_gaps), silent)
    assert made.source == image.id
    return project.images.get(made.image)


@pytest.mark.parametrize("name", ["tilted", "uneven", "gapped"])
def test_it_is_held_unless_the_project_keeps_it(project: Project, request: pytest.FixtureRequest, name: str) -> None:
    made = take(project, request.getfixturevalue(name))
    assert not made.images
    assert {held.reason for held in made.quarantined} == {Reason.IRREGULAR_GEOMETRY}


@pytest.mark.parametrize(
    ("name", "found"),
    [("tilted", Irregularity.TILT), ("uneven", Irregularity.UNEVEN), ("gapped", Irregularity.GAP)],
)
def test_a_project_that_keeps_it_has_the_planes_as_they_came_and_says_so(
    project: Project, request: pytest.FixtureRequest, name: str, found: Irregularity
) -> None:
    image = keep(project, request.getfixturevalue(name))
    assert not image.attributes.regular
    assert image.attributes.irregularities == (found,)
    assert len(image.attributes.positions_lps) == image.extent("z")
    stored = Pyramid.open(project.images.path(image.id)).attributes
    assert stored == image.attributes


@pytest.mark.parametrize("name", ["tilted", "uneven"])
def test_who_accepts_a_held_one_keeps_it_as_it_is(project: Project, request: pytest.FixtureRequest, name: str) -> None:
    take(project, request.getfixturevalue(name))
    items = tuple(item.id for item in project.quarantine.held())
    outcomes = review(project, ReviewWork(items=items), silent)
    (image,) = project.images.list()
    assert {outcome.image for outcome in outcomes} == {image.id}
    assert not image.attributes.regular
    assert not project.quarantine.held()


def test_a_decision_on_text_does_not_pass_for_one_on_geometry(
    project: Project, volume: np.ndarray, tmp_path: Path
) -> None:
    # One of these slices shows a name, and all of them lie as under a tilted gantry.
    for path in (tmp_path / "in").iterdir():
        header = pydicom.dcmread(path)
        x, y, z = map(float, header.ImagePositionPatient)
        header.ImagePositionPatient = [x, y + 0.5 * z, z]
        header.save_as(path)
    take(project, tmp_path / "in")
    held = project.quarantine.held()
    text = tuple(item.id for item in held if item.reason is Reason.BURNED_IN_RISK)
    assert 0 < len(text) < len(held)
    review(project, ReviewWork(items=text), silent)
    assert project.images.list() == []
    decided = {item.id for item in project.quarantine.held() if item.decision is not None}
    assert (decided, len(project.quarantine.held())) == (set(text), len(held))


def test_who_decides_on_text_and_geometry_together_has_the_volume_whole(
    project: Project, volume: np.ndarray, tmp_path: Path
) -> None:
    for path in (tmp_path / "in").iterdir():
        header = pydicom.dcmread(path)
        x, y, z = map(float, header.ImagePositionPatient)
        header.ImagePositionPatient = [x, y + 0.5 * z, z]
        header.save_as(path)
    take(project, tmp_path / "in")
    review(project, ReviewWork(items=tuple(item.id for item in project.quarantine.held())), silent)
    (image,) = project.images.list()
    assert image.extent("z") == 4
    assert image.attributes.irregularities == (Irregularity.TILT,)


def test_a_tilted_image_becomes_an_upright_one_and_stays(project: Project, tilted: Path) -> None:
    image = keep(project, tilted)
    before = voxels_of(project)
    made = resample(project, image)
    assert made.attributes.regular
    assert made.attributes.resampled is not None
    assert made.attributes.resampled.source == image.id
    assert made.attributes.resampled.irregularities == (Irregularity.TILT,)
    assert made.attributes.resampled.interpolated == ()
    assert (made.subject, made.study) == (image.subject, image.study)
    assert (made.series, made.description, made.sources) == ("", "", 0)
    assert np.array_equal(voxels_of(project), before)
    assert not project.images.get(image.id).attributes.regular
    finding = verify_project(project)
    assert finding.ok, finding.differences


def test_the_made_image_is_what_the_interpolator_says_level_by_level(project: Project, uneven: Path) -> None:
    image = keep(project, uneven)
    made = resample(project, image)
    source, pyramid = voxels_of(project, 0).astype(float), voxels_of(project, 1)
    # 36.4 is the only plane off the grid of 2 mm: the plane at 36 lies between those at 34 and 36.4.
    assert np.array_equal(pyramid[[0, 1, 2, 4, 5]], source[[0, 1, 2, 4, 5]])
    between = np.rint(source[2] + (2.0 / 2.4) * (source[3] - source[2]))
    assert np.abs(pyramid[3] - between).max() <= 1
    assert made.attributes.resampled is not None
    assert made.attributes.resampled.interpolated == (3,)


def test_planes_are_not_made_up_unless_somebody_says_so(project: Project, gapped: Path) -> None:
    image = keep(project, gapped)
    with pytest.raises(StateError, match="across-gaps"):
        resample(project, image)
    assert len(project.images.list()) == 1
    made = resample(project, image, across_gaps=True)
    assert made.attributes.resampled is not None
    assert made.attributes.resampled.across_gaps == (3,)
    assert made.extent("z") == 6


def test_a_regular_image_is_not_resampled(project: Project, image: Image) -> None:
    with pytest.raises(StateError, match="regular grid already"):
        resample(project, image)


def test_asking_twice_makes_one_image(project: Project, tilted: Path) -> None:
    image = keep(project, tilted)
    assert resample(project, image).id == resample(project, image).id
    assert len(project.images.list()) == 2


def test_what_was_deleted_is_made_anew(project: Project, tilted: Path) -> None:
    image = keep(project, tilted)
    first = resample(project, image)
    project.images.delete(first.id)
    assert resample(project, image).id != first.id


def test_no_dicom_is_rebuilt_of_a_made_image_but_nifti_and_nrrd_are(
    project: Project, tilted: Path, call: Call, tmp_path: Path
) -> None:
    made = resample(project, keep(project, tilted))
    code, _, told = call("rebuild", "phantoms", made.id, tmp_path / "out")
    assert (code, told.count("\n")) == (3, 1)
    assert "never was a DICOM series" in told
    for kind in ("nifti", "nrrd"):
        code, _, told = call("rebuild", "phantoms", made.id, tmp_path / kind, "--format", kind)
        assert code == 0, told


def test_only_who_edits_images_may_ask(workspace: Workspace, project: Project, tilted: Path) -> None:
    image = keep(project, tilted)
    reader, _ = workspace.accounts.add("reader")
    project.members.add(reader.id, [Role.ANNOTATOR])
    theirs = workspace.open(project.id, reader.id)
    with pytest.raises(ForbiddenError):
        theirs.jobs.submit(ResampleWork(image=image.id))


def test_a_job_that_fails_half_way_leaves_nothing(
    workspace: Workspace, project: Project, tilted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = keep(project, tilted)
    work = ResampleWork(image=image.id)

    def fail(*_: object) -> None:
        raise InvalidInputError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(Interpolator, "__call__", fail)
        with pytest.raises(InvalidInputError):
            resample_image(begin_job(workspace, project, work), work, silent)
    assert [path.name for path in (project.folder / "images").glob("[!.]*")] == [f"{image.id}.ome.zarr"]
    assert not list((project.folder / "images" / ".staging").iterdir())


def test_a_late_file_of_the_series_is_told_as_late_all_the_same(project: Project, tilted: Path, tmp_path: Path) -> None:
    late = next(tilted.iterdir())
    shutil.move(late, tmp_path / "late.dcm")
    resample(project, keep(project, tilted), across_gaps=True)
    assert [held.reason for held in take(project, tmp_path / "late.dcm").quarantined] == [Reason.LATE_INSTANCE]


def test_the_command_line_sets_the_policy_and_resamples(project: Project, gapped: Path, call: Call) -> None:
    assert json.loads(call("project", "policy", "phantoms", "--json")[1])["irregular"] == "hold"
    code, out, _ = call("project", "policy", "phantoms", "--irregular", "keep", "--json")
    assert (code, json.loads(out)["irregular"]) == (0, "keep")
    code, out, _ = call("ingest", "phantoms", gapped, "--json")
    (image,) = json.loads(out)["images"]
    assert (code, image["regular"]) == (0, False)
    code, out, err = call("resample", "phantoms", image["id"])
    assert (code, out, err.count("\n")) == (3, "", 1)
    code, out, _ = call("resample", "phantoms", image["id"], "--across-gaps", "--json")
    made = json.loads(out)
    assert code == 0
    assert made["regular"]
    assert made["resampled"]["source"] == image["id"]
    assert made["resampled"]["across_gaps"] == [3]
    assert project.images.get(ImageKey(made["id"])).attributes.resampled is not None


def test_a_process_killed_before_the_row_leaves_nothing_and_the_job_ends_the_same_when_run_again(
    project: Project, settings: Settings, tilted: Path
) -> None:
    image = keep(project, tilted)
    script = (
        "import os, sys; from pathlib import Path\n"
        "from imaging.settings import Settings; from imaging.workspace import Workspace\n"
        "import imaging.store.images as rows; from imaging.domain.job import ResampleWork\n"
        "from pipelines.resample import resample_image\n"
        "rows.insert_image = lambda *_: os._exit(9)\n"
        "workspace = Workspace.at(Settings.read(Path(sys.argv[1]), {}))\n"
        "user = workspace.accounts.acting(None)\n"
        "project = workspace.open(workspace.find_project(user, 'phantoms'), user.id)\n"
        "resample_image(project, ResampleWork(image=int(sys.argv[2])), lambda percent, message: None)\n"
    )
    arguments = [sys.executable, "-c", script, str(settings.workspace), str(image.id)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IMAGING_")}
    assert subprocess.run(arguments, check=False, env=environment).returncode == 9
    assert len(list((project.folder / "images").glob("*.ome.zarr"))) == 2
    made = resample(project, image)
    left = {path.name for path in (project.folder / "images").glob("*.ome.zarr")}
    assert left == {f"{image.id}.ome.zarr", f"{made.id}.ome.zarr"}
    assert verify_project(project).ok


def test_an_erased_subject_takes_the_made_image_along(project: Project, settings: Settings, tilted: Path) -> None:
    made = resample(project, keep(project, tilted))
    erase_subject(project, made.subject, settings.secrets)
    assert project.images.list() == []
    assert not list((project.folder / "images").glob("*.ome.zarr"))
