"""The front door: who gets in, what is found, and what a new workspace looks like."""

from __future__ import annotations

import dataclasses
import sqlite3
import threading
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest

from imaging.domain.annotation import AnnotationDraft
from imaging.domain.base import ImageKey, ModelKey, ProjectKey
from imaging.domain.image import Affine, ImageAttributes, ImageDraft
from imaging.domain.job import Task, TrainWork
from imaging.domain.model import ModelDraft
from imaging.domain.ontology import TermDraft
from imaging.domain.people import Role
from imaging.domain.remark import Target, TargetKind
from imaging.errors import InvalidInputError, NotFoundError, StateError
from imaging.project.project import Project
from imaging.settings import Settings
from imaging.store.projects import KINDS
from imaging.workspace import Workspace

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
AFFINE: Affine = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))


def one_of_each(workspace: Workspace, project: Project) -> dict[str, int]:
    """Ids of one thing of every kind that `locate` knows."""
    attributes = ImageAttributes(axes="zyx", affine_lps=AFFINE, spacing_mm=(2.0, 1.0, 1.0))
    draft = ImageDraft(name="p", subject="s", shape=(4, 8, 8), dtype="int16", attributes=attributes, sources=4)
    image = project.images.register(draft, lambda key: None)
    term = project.ontology.terms()[0]
    layer = project.layers.mine()
    annotation = project.annotations.create(AnnotationDraft(image=image.id, wkt="POINT (1 1)"))
    segmentation = project.segmentations.create(image.id, layer.id, "s", [], lambda key: None)
    job = project.jobs.submit(TrainWork(task=Task.SEGMENTATION))
    draft_model = ModelDraft(name="m", task=Task.SEGMENTATION, terms=(), sha256="0" * 64)
    model = project.models.register(draft_model, lambda key: None)
    found = {"project": project.record.id, "image": image.id, "slice": image.slice_base + 3, "term": term.id}
    found |= {"annotation": annotation.id, "segmentation": segmentation.id, "layer": layer.id, "job": job.id}
    tag = workspace.tags.add(project.member.user.id, "difficult")
    found["tag use"] = project.tags.add(Target(kind=TargetKind.IMAGE, id=image.id), tag.id).id
    beside = project.attached_files.add(Target(kind=TargetKind.IMAGE, id=image.id), "note.txt", BytesIO(b"text"))
    found["attached file"] = beside.id
    found["command"] = project.commands.list(limit=1)[0][0].id
    found["track"] = project.tracks.create(image.id, "nodule").id
    found["image group"] = project.image_groups.create("dates").id
    found["annotation group"] = project.annotation_groups.create().id
    return found | {"model": model.id, "upload": project.uploads.create("page")}


def test_a_new_workspace_lets_its_operator_in_and_nobody_else_read_its_keys(settings: Settings) -> None:
    workspace, username, password = Workspace.create(settings)
    assert workspace.accounts.user_of_session(workspace.accounts.sign_in(username, password))
    assert workspace.accounts.acting(None).operator
    assert settings.secrets.stat().st_mode & 0o777 == 0o700
    assert settings.master_key_file.stat().st_mode & 0o777 == 0o600
    for folder in (settings.projects, settings.quarantine):
        assert folder.stat().st_mode & 0o777 == 0o700
    file = settings.workspace / "workspace.sqlite"
    assert not file.exists() or file.stat().st_mode & 0o777 == 0o600
    workspace.close()


def test_a_workspace_is_made_once(workspace: Workspace, settings: Settings) -> None:
    users = workspace.accounts.list()
    with pytest.raises(StateError):
        Workspace.create(settings)
    assert workspace.accounts.list() == users


def test_a_workspace_that_was_never_made_is_absent(settings: Settings) -> None:
    with pytest.raises(NotFoundError):
        Workspace.at(settings)
    assert not settings.workspace.exists()


def test_a_workspace_opens_again(workspace: Workspace, project: Project, settings: Settings) -> None:
    again = Workspace.at(settings)
    opened = again.open(project.record.id, project.member.user.id)
    assert opened.ontology.terms() == project.ontology.terms()
    assert opened.secrets.epochs() == project.secrets.epochs()
    again.close()


def test_a_foreign_master_key_is_refused_before_anything_is_sealed(workspace: Workspace, settings: Settings) -> None:
    settings.master_key_file.write_text("00" * 32)
    with pytest.raises(StateError, match="another workspace"):
        Workspace.at(settings)


def test_a_failed_creation_can_be_tried_again(settings: Settings, tmp_path: Path) -> None:
    settings.secrets.mkdir(parents=True)
    settings.master_key_file.write_text("not a key")
    with pytest.raises(StateError):
        Workspace.create(settings)
    settings.master_key_file.unlink()
    workspace, _, _ = Workspace.create(settings)
    workspace.close()


def test_whoever_makes_a_project_is_its_manager_and_controller(project: Project) -> None:
    assert project.member.roles == {Role.MANAGER, Role.CONTROLLER}
    assert project.folder.is_dir()
    assert project.folder.stat().st_mode & 0o777 == 0o700


def test_projects_have_different_secrets(workspace: Workspace, project: Project) -> None:
    other = workspace.create_project(project.member.user.id, "other")
    (ours,), (theirs,) = project.secrets.epochs(), other.secrets.epochs()
    assert len(ours.secret) == 32
    assert ours.secret != theirs.secret


def test_absent_and_forbidden_look_alike_for_every_kind(workspace: Workspace, project: Project) -> None:
    stranger, _ = workspace.accounts.add("stranger", operator=True)
    ids = one_of_each(workspace, project)
    assert set(ids) == set(KINDS)
    for kind in KINDS:
        key = ids[kind]
        assert workspace.locate(project.member.user.id, kind, key).record.id == project.record.id
        with pytest.raises(NotFoundError) as forbidden:
            workspace.locate(stranger.id, kind, key)
        with pytest.raises(NotFoundError) as absent:
            workspace.locate(stranger.id, kind, 10**12)
        assert str(forbidden.value).replace(str(key), "N") == str(absent.value).replace(str(10**12), "N")
    with pytest.raises(NotFoundError):
        workspace.open(project.record.id, stranger.id)
    with pytest.raises(NotFoundError):
        workspace.find_project(stranger, project.record.name)
    assert workspace.projects_of(stranger.id) == []


def test_an_id_of_one_kind_is_not_found_as_another(workspace: Workspace, project: Project) -> None:
    ids = one_of_each(workspace, project)
    for kind in KINDS:
        for other, key in ids.items():
            if other != kind:
                with pytest.raises(NotFoundError):
                    workspace.locate(project.member.user.id, kind, key)


def test_a_slice_beyond_the_reserved_block_is_absent(workspace: Workspace, project: Project) -> None:
    last = one_of_each(workspace, project)["slice"]
    assert workspace.locate(project.member.user.id, "slice", last)
    with pytest.raises(NotFoundError):
        workspace.locate(project.member.user.id, "slice", last + 1)


def test_a_managers_id_from_another_project_is_absent_there(workspace: Workspace, project: Project) -> None:
    ids = one_of_each(workspace, project)
    other = workspace.create_project(project.member.user.id, "other")
    with pytest.raises(NotFoundError):
        other.images.get(ImageKey(ids["image"]))
    with pytest.raises(NotFoundError):
        other.models.get(ModelKey(ids["model"]))
    with pytest.raises(NotFoundError):
        other.annotations.create(AnnotationDraft(image=ImageKey(ids["image"]), wkt="POINT (1 1)"))


def test_an_ended_membership_and_an_inactive_account_close_the_door_at_once(
    workspace: Workspace, project: Project
) -> None:
    reader, _ = workspace.accounts.add("reader")
    project.members.add(reader.id, [Role.READER])
    assert workspace.open(project.record.id, reader.id).member.roles == {Role.READER}
    workspace.accounts.edit(reader.id, active=False)
    with pytest.raises(NotFoundError):
        workspace.open(project.record.id, reader.id)
    workspace.accounts.edit(reader.id, active=True)
    project.members.remove(reader.id)
    with pytest.raises(NotFoundError):
        workspace.open(project.record.id, reader.id)


def test_a_project_is_found_by_id_and_by_name(workspace: Workspace, project: Project) -> None:
    user = project.member.user
    assert workspace.find_project(user, "phantoms") == project.record.id
    assert workspace.find_project(user, str(project.record.id)) == project.record.id
    with pytest.raises(NotFoundError):
        workspace.find_project(user, "absent")
    with pytest.raises(StateError):
        workspace.create_project(user.id, "phantoms")


def test_a_name_held_by_two_projects_asks_for_the_id(workspace: Workspace, project: Project) -> None:
    other, _ = workspace.accounts.add("other")
    same = workspace.create_project(other.id, "phantoms")
    same.members.add(project.member.user.id, [Role.READER])
    with pytest.raises(InvalidInputError, match="id"):
        workspace.find_project(project.member.user, "phantoms")


def test_a_project_starts_with_the_terms_of_its_file(workspace: Workspace) -> None:
    admin = workspace.accounts.acting(None)
    drafts = [TermDraft(name="organ"), TermDraft(name="lung", parent="organ", color="#AA00bb")]
    made = workspace.create_project(admin.id, "with terms", terms=drafts)
    organ, lung = made.ontology.terms()
    assert (organ.value, lung.value, lung.parent, lung.color) == (1, 2, organ.id, "#aa00bb")
    with pytest.raises(InvalidInputError):
        workspace.create_project(admin.id, "wrong order", terms=drafts[::-1])
    assert [record.name for record in workspace.projects_of(admin.id)] == ["with terms"]


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 257])
def test_a_project_needs_a_printable_name(workspace: Workspace, name: str) -> None:
    with pytest.raises(InvalidInputError):
        workspace.create_project(workspace.accounts.acting(None).id, name)


def test_counts_follow_what_a_project_holds(workspace: Workspace, project: Project) -> None:
    one_of_each(workspace, project)
    (record,) = workspace.projects_of(project.member.user.id)
    assert (record.images, record.annotations) == (1, 1)
    assert project.facts() == record


def test_a_backup_taken_while_writing_is_whole(workspace: Workspace, project: Project, tmp_path: Path) -> None:
    (project.folder / "images" / "5.ome.zarr").mkdir()
    (project.folder / "images" / "5.ome.zarr" / "zarr.json").write_text("{}")
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            project.ontology.edit(project.ontology.terms()[0].id, comment="again")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        report = workspace.backup(tmp_path / "copy")
    finally:
        stop.set()
        writer.join()
    copy = tmp_path / "copy"
    assert (copy / "projects" / str(project.record.id) / "images" / "5.ome.zarr" / "zarr.json").is_file()
    assert not list(copy.rglob("master.key"))
    assert report.files == sum(1 for path in copy.rglob("*") if path.is_file())
    with pytest.raises(StateError):
        workspace.backup(tmp_path / "copy")
    if report.database == "workspace.sqlite":
        with closing(sqlite3.connect(copy / report.database)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        restored = dataclasses.replace(
            workspace.settings, workspace=copy, database_url=f"sqlite:///{copy / report.database}"
        )
        opened = Workspace.at(restored)
        assert opened.journal.verify_all() > 0
        opened.close()
    else:
        assert (copy / report.database).read_bytes().startswith(b"PGDMP")


def test_an_absent_project_is_absent(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError):
        workspace.open(ProjectKey(1), workspace.accounts.acting(None).id)
