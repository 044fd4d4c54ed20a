"""A project's profile, when it is stricter, is applied to the images that are there."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pydicom
import pytest

from imaging.dicom.headers_store import unpack_headers
from imaging.dicom.profile import Profile
from imaging.dicom.pseudonymise import pseudonymise
from imaging.dicom.pseudonyms import Pseudonyms
from imaging.domain.base import ImageKey
from imaging.domain.epoch import RotationPolicy
from imaging.domain.job import JobState, RepseudonymiseWork
from imaging.domain.people import Role
from imaging.errors import ForbiddenError, StateError
from imaging.project.project import Project
from imaging.project.verification import verify_project
from imaging.pyramid.beside import find_beside, read_headers, stored_profile
from imaging.pyramid.read import Pyramid
from imaging.settings import Settings
from imaging.workspace import Workspace
from pipelines import jobs
from pipelines.ingest import ingest
from pipelines.jobs import JobCancelledError, Runner, run_here
from pipelines.late import Unfinished
from pipelines.repseudonymise import repseudonymise_project
from pipelines.worker import draw_nothing, work_once
from tests.pipelines.conftest import MakePicture, MakeSeries
from tests.pipelines.ingesting import begin_job, silent, take, voxels_of

RESEARCH, BASIC = Profile.built_in("research"), Profile.built_in("basic")
BOTH = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


def headers_of(project: Project, number: int = 0) -> list[pydicom.Dataset]:
    image = project.images.list()[number]
    return list(unpack_headers(read_headers(project.images.path(image.id))))


def hashes(project: Project) -> list[str]:
    return [image.attributes.profile_hash for image in project.images.list()]


def fill(project: Project, folder: Path, make_series: MakeSeries, *, count: int = 2) -> None:
    for number in range(count):
        make_series(folder / f"{number}", planes=3, seed=number, patient=f"PHA-{number}")
        take(project, folder / f"{number}")


def originals(folder: Path) -> dict[tuple[str, int], pydicom.Dataset]:
    found = [pydicom.dcmread(path) for path in folder.rglob("*.bin")]
    return {(header.PatientID, int(header.InstanceNumber)): header for header in found}


# --- a stricter profile over what is there


@BOTH
def test_basic_afterwards_leaves_what_basic_at_once_leaves(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    fill(project, tmp_path, make_series)
    before = [voxels_of(project, number) for number in range(2)]
    project.profile.set(BASIC)
    made = repseudonymise_project(project, silent)
    assert (made.images, made.unchanged, made.hash) == (2, 0, BASIC.hash)
    assert hashes(project) == [BASIC.hash, BASIC.hash]
    sources = originals(tmp_path)
    pseudonyms = Pseudonyms(project.secrets.epochs()[-1].secret)
    for number in range(2):
        headers = headers_of(project, number)
        for header in headers:
            source = sources[f"PHA-{number}", int(header.InstanceNumber)]
            at_once = pseudonymise(source, BASIC, pseudonyms)
            assert json.loads(header.to_json()) == json.loads(at_once.to_json())
            assert header.file_meta == at_once.file_meta
        np.testing.assert_array_equal(voxels_of(project, number), before[number])
    assert verify_project(project).ok


def test_what_is_shown_of_an_image_follows(project: Project, make_series: MakeSeries, tmp_path: Path) -> None:
    make_series(tmp_path / "in", planes=3)
    for path in (tmp_path / "in").iterdir():
        header = pydicom.dcmread(path)
        header.SeriesDescription = "chest routine"
        header.save_as(path)
    open_uids = RESEARCH.model_copy(update={"uids": True, "name": "ours"})
    ingest(project, [tmp_path / "in"], silent, profile=open_uids)
    (old,) = project.images.list()
    assert old.description != ""
    project.profile.set(BASIC)
    repseudonymise_project(project, silent)
    (new,) = project.images.list()
    stored = Pyramid.open(project.images.path(new.id)).attributes
    assert new.description == ""
    assert new.attributes == stored
    assert new.attributes.frame_of_reference == headers_of(project)[0].FrameOfReferenceUID
    assert new.attributes.frame_of_reference != old.attributes.frame_of_reference
    assert (new.name, new.series, new.study, new.subject) == (old.name, old.series, old.study, old.subject)
    unchanged = {"profile_hash", "frame_of_reference"}
    assert new.attributes.model_dump(exclude=unchanged) == old.attributes.model_dump(exclude=unchanged)


def test_a_second_time_does_nothing(project: Project, make_series: MakeSeries, tmp_path: Path) -> None:
    fill(project, tmp_path, make_series, count=1)
    project.profile.set(BASIC)
    repseudonymise_project(project, silent)
    events = len(project.journal.list())
    files = {path: path.read_bytes() for path in project.folder.rglob("*") if path.is_file()}
    made = repseudonymise_project(project, silent)
    assert (made.images, made.unchanged) == (0, 1)
    assert len(project.journal.list()) == events
    assert {path: path.read_bytes() for path in project.folder.rglob("*") if path.is_file()} == files


def test_step_by_step_ends_where_one_step_ends(project: Project, make_series: MakeSeries, tmp_path: Path) -> None:
    fill(project, tmp_path, make_series, count=1)
    for options in ({"descriptors": False}, {"descriptors": False, "birth_date": "removed"}):
        project.profile.set(Profile.model_validate({**RESEARCH.model_dump(), **options, "name": "step"}))
        repseudonymise_project(project, silent)
        assert verify_project(project).ok
    project.profile.set(BASIC)
    repseudonymise_project(project, silent)
    (source, *_) = [one for one in originals(tmp_path).values() if int(one.InstanceNumber) == 1]
    (header,) = [one for one in headers_of(project) if int(one.InstanceNumber) == 1]
    at_once = pseudonymise(source, BASIC, Pseudonyms(project.secrets.epochs()[-1].secret))
    assert json.loads(header.to_json()) == json.loads(at_once.to_json())


def test_no_file_holds_what_the_profile_took_away(project: Project, make_series: MakeSeries, tmp_path: Path) -> None:
    fill(project, tmp_path, make_series, count=1)
    date = headers_of(project)[0].StudyDate
    assert date
    project.profile.set(BASIC)
    repseudonymise_project(project, silent)
    assert [len(list((project.folder / folder).iterdir())) for folder in ("headers", "manifests")] == [1, 1]
    for path in (path for path in project.folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        assert date.encode() not in (gzip.decompress(content) if path.suffix == ".gz" else content)


def test_late_instances_are_told_afterwards_too(project: Project, make_series: MakeSeries, tmp_path: Path) -> None:
    fill(project, tmp_path, make_series, count=1)
    project.profile.set(BASIC)
    repseudonymise_project(project, silent)
    assert take(project, tmp_path / "0").duplicates == 3
    path = sorted((tmp_path / "0").iterdir())[0]
    changed = pydicom.dcmread(path)
    changed.PixelData = bytes(len(changed.PixelData))
    changed.save_as(path)
    assert [item.reason.value for item in take(project, path).quarantined] == ["uid_conflict"]
    assert "series" not in Unfinished(project.folder)


def test_deleting_an_image_takes_its_headers_whatever_profile_made_them(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    fill(project, tmp_path, make_series)
    project.profile.set(BASIC)
    repseudonymise_project(project, silent)
    for image in project.images.list():
        project.images.delete(image.id)
    assert [path for path in project.folder.rglob("*") if path.is_file()] == []


def test_an_image_erased_meanwhile_stays_erased(
    project: Project, make_series: MakeSeries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(project, tmp_path, make_series)
    project.profile.set(BASIC)
    first, second = (image.id for image in project.images.list())
    restate = project.images.restate

    def erase_first(key: ImageKey, *arguments: object) -> object:
        if key == first:
            project.images.delete(first)
        return restate(key, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(project.images, "restate", erase_first)
    assert repseudonymise_project(project, silent).images == 1
    assert [image.id for image in project.images.list()] == [second]
    assert not [path for path in project.folder.rglob(f"*{first}.*") if path.is_file()]
    assert verify_project(project).ok


def test_pictures_have_no_header_and_stay(project: Project, make_picture: MakePicture, tmp_path: Path) -> None:
    take(project, make_picture(tmp_path / "a.png", 3))
    project.profile.set(BASIC)
    made = repseudonymise_project(project, silent)
    assert (made.images, made.unchanged) == (0, 0)
    assert verify_project(project).ok


def test_each_person_is_keyed_with_the_key_that_the_image_was_made_with(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    loose = RESEARCH.model_copy(update={"uids": True, "dates": "full", "name": "ours"})
    project.profile.set(loose)
    for number in range(2):
        make_series(tmp_path / f"{number}", planes=3, seed=number, patient=f"PHA-{number}")
        take(project, tmp_path / f"{number}")
        project.secrets.rotate(RotationPolicy.LINK)
    project.profile.set(RESEARCH)
    assert repseudonymise_project(project, silent).images == 2
    sources = originals(tmp_path)
    for number in range(2):
        pseudonyms = Pseudonyms(project.secrets.epochs()[number].secret)
        for header in headers_of(project, number):
            at_once = pseudonymise(sources[f"PHA-{number}", int(header.InstanceNumber)], RESEARCH, pseudonyms)
            assert json.loads(header.to_json()) == json.loads(at_once.to_json())


# --- what is gone does not come back


def test_a_looser_profile_is_refused_and_changes_nothing(
    project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    fill(project, tmp_path, make_series)
    make_series(tmp_path / "strict", planes=3, seed=7)
    ingest(project, [tmp_path / "strict"], silent, profile=BASIC)
    files = {path: path.read_bytes() for path in project.folder.rglob("*") if path.is_file()}
    project.profile.set(RESEARCH.model_copy(update={"age_cap_years": 79, "name": "ours"}))
    with pytest.raises(StateError, match=r"1 image .*birth_date, characteristics.*ingest their files again"):
        repseudonymise_project(project, silent)
    project.profile.set(Profile.built_in("longitudinal"))
    with pytest.raises(StateError, match="3 images"):
        repseudonymise_project(project, silent)
    assert {path: path.read_bytes() for path in project.folder.rglob("*") if path.is_file()} == files
    assert [event.action for event in project.journal.list() if event.action == "repseudonymise"] == []


def test_an_image_whose_profile_nobody_recorded_is_judged_by_its_header(
    project: Project, make_series: MakeSeries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_series(tmp_path / "in", planes=3)
    with monkeypatch.context() as patch:
        patch.setattr(project.profile, "record", lambda _: None)
        ours = RESEARCH.model_copy(update={"name": "ours", "descriptors": False})
        ingest(project, [tmp_path / "in"], silent, profile=ours)
    assert ours.hash not in project.profile.recorded()
    with pytest.raises(StateError, match="descriptors"):
        repseudonymise_project(project, silent)
    project.profile.set(BASIC)
    assert repseudonymise_project(project, silent).images == 1
    assert hashes(project) == [BASIC.hash]


# --- journal, jobs, crashes


def test_only_who_edits_the_project_applies_its_profile(workspace: Workspace, project: Project) -> None:
    for role in (Role.UPLOADER, Role.CONTROLLER, Role.ANNOTATOR, Role.DATA_SCIENTIST):
        user, _ = workspace.accounts.add(role.value)
        project.members.add(user.id, [role])
        theirs = workspace.open(project.id, user.id)
        with pytest.raises(ForbiddenError):
            theirs.jobs.submit(RepseudonymiseWork())
        with pytest.raises(ForbiddenError):
            repseudonymise_project(theirs, silent)


def test_the_journal_tells_hashes_and_counts_and_never_a_value(
    workspace: Workspace, project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    fill(project, tmp_path, make_series)
    project.profile.set(BASIC)
    job = run_here(workspace, project, RepseudonymiseWork(), draw_nothing)
    events = [event for event in project.journal.list() if event.action == "repseudonymise"]
    assert [(event.kind, event.key) for event in events] == [
        *(("image", image.id) for image in project.images.list()),
        ("project", project.id),
    ]
    for event in events[:2]:
        assert isinstance(event.detail, dict)
        assert (event.detail["old"], event.detail["new"]) == (RESEARCH.hash, BASIC.hash)
        assert event.detail["actions"]["remove"] > 0
    assert {event.job for event in events} == {job.id}
    assert isinstance(job.result, dict)
    assert events[2].detail == {"profile": BASIC.hash, "images": 2, "actions": job.result["actions"]}
    texts = {str(element.value) for header in originals(tmp_path).values() for element in header if element.VR != "OW"}
    told = json.dumps([event.detail for event in events])
    assert [text for text in texts if len(text) > 4 and text in told] == []
    assert project.journal.verify() > 0


@BOTH
def test_a_worker_runs_it(workspace: Workspace, project: Project, make_series: MakeSeries, tmp_path: Path) -> None:
    fill(project, tmp_path, make_series, count=1)
    project.profile.set(BASIC)
    job = project.jobs.submit(RepseudonymiseWork())
    assert project.jobs.get(job.id).work == RepseudonymiseWork()
    assert work_once(workspace, Runner("worker", draw_nothing, threading.Event())) is JobState.SUCCEEDED
    ended = project.jobs.get(job.id)
    assert (ended.kind, ended.progress) == ("repseudonymise", 100)
    assert hashes(project) == [BASIC.hash]


def test_a_cancelled_job_leaves_whole_images_and_the_next_finishes(
    workspace: Workspace, project: Project, make_series: MakeSeries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The work is over before half a second is.
    monkeypatch.setattr(jobs, "_BEAT_SECONDS", 0.0)
    fill(project, tmp_path, make_series, count=3)
    project.profile.set(BASIC)

    def cancel(percent: int, message: str) -> None:
        running = [job for job in project.jobs.list() if job.state is JobState.RUNNING]
        if percent > 40 and running and not running[0].cancel_requested:
            project.jobs.cancel(running[0].id)

    with pytest.raises(JobCancelledError):
        run_here(workspace, project, RepseudonymiseWork(), cancel)
    assert sorted(set(hashes(project))) == sorted({RESEARCH.hash, BASIC.hash})
    assert verify_project(project).ok
    run_here(workspace, project, RepseudonymiseWork(), draw_nothing)
    assert set(hashes(project)) == {BASIC.hash}
    assert verify_project(project).ok


def test_a_retried_job_counts_what_its_earlier_attempt_did(
    workspace: Workspace, project: Project, make_series: MakeSeries, tmp_path: Path
) -> None:
    fill(project, tmp_path, make_series)
    project.profile.set(BASIC)
    worker = begin_job(workspace, project, RepseudonymiseWork())

    def cut_off(percent: int, message: str) -> None:
        if percent > 60:
            raise RuntimeError("cut off")

    with pytest.raises(RuntimeError, match="cut off"):
        repseudonymise_project(worker, cut_off)
    made = repseudonymise_project(worker, silent)
    again = repseudonymise_project(worker, silent)
    assert made == again
    assert (made.images, made.unchanged) == (2, 0)
    summaries = [event for event in project.journal.list() if event.detail == {"profile": BASIC.hash, "images": 2,
                 "actions": made.actions}]  # fmt: skip
    assert len(summaries) == 1


KILLED = (
    "import os, sys; from pathlib import Path\n"
    "from imaging.settings import Settings; from imaging.workspace import Workspace\n"
    "import imaging.store.images as rows; from pipelines.repseudonymise import repseudonymise_project\n"
    "workspace = Workspace.at(Settings.read(Path(sys.argv[1]), {}))\n"
    "user = workspace.accounts.acting(None)\n"
    "project = workspace.open(workspace.find_project(user, 'phantoms'), user.id)\n"
    "left = int(sys.argv[2])\n"
    "def hook(event, arguments):\n"
    "    global left\n"
    "    if event in ('os.rename', 'os.remove') and str(project.folder) in str(arguments[0]):\n"
    "        left -= 1\n"
    "        if left < 0: os._exit(9)\n"
    "if left < 0: rows.update_image = lambda *_: os._exit(9)\n"
    "else: sys.addaudithook(hook)\n"
    "repseudonymise_project(project, lambda percent, message: None)\n"
)


@pytest.mark.parametrize("steps", [-1, *range(7)])
def test_a_process_killed_anywhere_leaves_whole_images_and_the_next_run_finishes(
    steps: int, project: Project, settings: Settings, make_series: MakeSeries, tmp_path: Path
) -> None:
    fill(project, tmp_path, make_series)
    project.profile.set(BASIC)
    arguments = [sys.executable, "-c", KILLED, str(settings.workspace), str(steps)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IMAGING_")}
    assert subprocess.run(arguments, check=False, env=environment).returncode == 9
    for number, image in enumerate(project.images.list()):
        stands = stored_profile(project.images.path(image.id))
        named = {RESEARCH.hash: "research", BASIC.hash: "basic"}[stands]
        headers = headers_of(project, number)
        assert len(headers) == 3
        assert all(header.DeidentificationMethod.split()[2] == named for header in headers)
        # The row follows the files, never the other way round: it claims no stricter profile than theirs.
        assert image.attributes.profile_hash in (stands, RESEARCH.hash)
    assert verify_project(project).ok
    repseudonymise_project(project, silent)
    assert hashes(project) == [BASIC.hash, BASIC.hash]
    assert verify_project(project).ok
    for image in project.images.list():
        beside = find_beside(project.images.path(image.id))
        for path in (beside.headers, beside.manifest):
            assert list(path.parent.glob(f"*{image.id}.*")) == [path]
    assert list((project.folder / "images" / ".staging").iterdir()) == []
