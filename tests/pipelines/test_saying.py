"""Properties that come with an upload are those of its images, once, and lie encrypted until then."""

from __future__ import annotations

import io
import threading

import pytest

from imaging.domain.base import UploadKey
from imaging.domain.job import IngestWork, JobState
from imaging.domain.outcome import IngestedImage, IngestReport
from imaging.domain.people import Role
from imaging.domain.remark import Target, TargetKind
from imaging.errors import ForbiddenError, InvalidInputError, NotFoundError, StateError
from imaging.project.project import Project
from imaging.workspace import Workspace
from pipelines.jobs import Runner
from pipelines.saying import say_of_images
from pipelines.worker import draw_nothing, work_once
from tests.pipelines.conftest import MakePicture

SAID = [("stage", "PHANTOM II"), ("site", "left")]


@pytest.fixture
def upload(project: Project, make_picture: MakePicture, tmp_path) -> UploadKey:
    key = project.uploads.create("page")
    for number in range(2):
        picture = make_picture(tmp_path / f"{number}.png", number)
        project.uploads.add(key, picture.name, io.BytesIO(picture.read_bytes()))
    project.received.say(key, SAID)
    return key


def said_of(project: Project, image: int) -> list[tuple[str, str]]:
    return [(one.key, one.value) for one in project.properties.list(Target(kind=TargetKind.IMAGE, id=image))]


def test_the_images_of_an_upload_get_what_came_with_it(workspace: Workspace, project: Project, upload) -> None:
    files = [path for path in workspace.settings.quarantine.rglob("*") if path.is_file()]
    assert not any(b"PHANTOM" in path.read_bytes() for path in files)
    project.jobs.submit(IngestWork(upload=upload))
    assert work_once(workspace, Runner("worker", draw_nothing, threading.Event())) is JobState.SUCCEEDED
    received = project.received.get(upload)
    # Of two pictures alike the second is a duplicate.
    assert received.files == len(received.images) + received.duplicates + len(received.refused)
    assert received.images
    for image in received.images:
        assert said_of(project, image) == SAID
    assert project.received.said(upload) == []
    with pytest.raises(StateError):
        project.received.say(upload, SAID)


def test_an_attempt_that_was_cut_off_says_nothing_twice(project: Project, upload, image) -> None:
    made = IngestedImage(
        id=image.id,
        path="",
        modality="CT",
        axes="zyx",
        shape=image.shape,
        dtype=image.dtype,
        spacing_mm=(1.0, 1.0, 1.0),
        regular=True,
        sources=1,
    )
    for _ in range(2):
        say_of_images(project, upload, IngestReport(files=1, images=(made,)))
    assert said_of(project, image.id) == SAID


def test_who_may_only_upload_says_nothing_of_images(workspace: Workspace, project: Project) -> None:
    user, _ = workspace.accounts.add("uploader")
    project.members.add(user.id, [Role.UPLOADER])
    opened = workspace.open(project.record.id, user.id)
    with pytest.raises(ForbiddenError):
        opened.received.say(opened.uploads.create("page"), SAID)


def test_whose_role_was_taken_says_nothing_any_more(workspace: Workspace, project: Project, make_picture) -> None:
    user, _ = workspace.accounts.add("both")
    project.members.add(user.id, [Role.UPLOADER, Role.ANNOTATOR])
    opened = workspace.open(project.record.id, user.id)
    key = opened.uploads.create("page")
    opened.received.say(key, SAID)
    assert opened.received.said(key) == SAID
    project.members.set_roles(user.id, [Role.UPLOADER])
    assert workspace.open(project.record.id, user.id).received.said(key) == []


def test_what_is_no_property_is_refused(project: Project) -> None:
    key = project.uploads.create("page")
    for pair in (("", "x"), ("a\nb", "x"), ("a", "x\0")):
        with pytest.raises(InvalidInputError):
            project.received.say(key, [pair])
    assert project.received.said(key) == []


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_uploads_are_looked_back_on(workspace: Workspace, project: Project) -> None:
    empty, sent = project.uploads.create("page"), project.uploads.create("page")
    project.uploads.add(sent, "a.dcm", io.BytesIO(b"abc"))
    project.uploads.add(sent, "b.dcm", io.BytesIO(b"de"))
    job = project.jobs.submit(IngestWork(upload=sent))
    (found,) = project.received.list()
    assert (found.id, found.files, found.size, found.job, found.state) == (sent, 2, 5, job.id, JobState.QUEUED)
    assert project.received.names(sent) == ["a.dcm", "b.dcm"]
    with pytest.raises(NotFoundError):
        project.received.get(empty)
    project.jobs.cancel(job.id)
    assert project.received.get(sent).state is JobState.CANCELLED
    project.uploads.discard(sent)
    assert project.received.list() == []
