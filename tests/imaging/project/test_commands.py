"""Every change can be taken back and done again, by whoever may make it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from imaging.domain.annotation import Annotation, AnnotationDraft, AnnotationFilter
from imaging.domain.command import Deed
from imaging.domain.image import Image
from imaging.domain.people import Role
from imaging.errors import ForbiddenError, NotFoundError, StaleRevisionError, StateError
from imaging.project.project import Project
from imaging.workspace import Workspace

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
SQUARE = "POLYGON ((10 10, 20 10, 20 20, 10 20, 10 10))"
LARGE = "POLYGON ((10 10, 40 10, 40 40, 10 40, 10 10))"


def draw(project: Project, image: Image, wkt: str = SQUARE) -> Annotation:
    lung = project.ontology.find("lung").id
    return project.annotations.create(AnnotationDraft(image=image.id, wkt=wkt, index=3, terms=(lung,)))


def facts(annotation: Annotation) -> dict[str, object]:
    return annotation.model_dump(exclude={"version", "updated"})


def history(project: Project) -> list[tuple[Deed, bool]]:
    found, total = project.commands.list()
    assert total == len(found)
    return [(one.deed, one.undone is None) for one in found]


def undo(workspace: Workspace, project: Project) -> None:
    workspace.undo_last(project.member.user.id)


def redo(workspace: Workspace, project: Project) -> None:
    workspace.redo_next(project.member.user.id)


def test_each_kind_of_change_is_taken_back_and_done_again(workspace: Workspace, project: Project, image: Image) -> None:
    made = draw(project, image)
    edited = project.annotations.edit(made.id, wkt=LARGE, terms=())
    project.annotations.delete(made.id)
    assert history(project) == [(Deed.DELETE, True), (Deed.EDIT, True), (Deed.ADD, True)]
    undo(workspace, project)
    assert facts(project.annotations.get(made.id)) == facts(edited)
    undo(workspace, project)
    assert facts(project.annotations.get(made.id)) == facts(made)
    undo(workspace, project)
    assert project.annotations.list().total == 0
    with pytest.raises(NotFoundError):
        undo(workspace, project)
    for expected in (made, edited):
        redo(workspace, project)
        assert facts(project.annotations.get(made.id)) == facts(expected)
    redo(workspace, project)
    assert project.annotations.list().total == 0
    with pytest.raises(NotFoundError):
        redo(workspace, project)
    assert {event.action for event in project.journal.list()} >= {"undo", "redo"}
    assert workspace.journal.verify_all()


def test_a_deleted_drawing_comes_back_to_its_owner_with_its_terms(
    project: Project, image: Image, as_role: Callable[[Role], Project]
) -> None:
    made = draw(project, image)
    reviewer = as_role(Role.REVIEWER)
    reviewer.annotations.delete(made.id)
    (deleted,) = reviewer.commands.list(user=reviewer.member.user.id)[0]
    reviewer.commands.undo(deleted.id)
    back = project.annotations.get(made.id)
    assert (back.user, back.layer, back.terms) == (made.user, made.layer, made.terms)


def test_what_somebody_changed_since_is_not_overwritten(project: Project, image: Image) -> None:
    made = draw(project, image)
    project.annotations.edit(made.id, wkt=LARGE)
    edit = project.commands.list(limit=1)[0][0]
    later = project.annotations.edit(made.id, wkt="POINT (5 5)")
    with pytest.raises(StateError, match="changed since"):
        project.commands.undo(edit.id)
    assert project.annotations.get(made.id) == later


def test_what_is_gone_is_not_taken_back_once_more(project: Project, image: Image) -> None:
    made = draw(project, image)
    added = project.commands.list(limit=1)[0][0]
    project.annotations.delete(made.id)
    with pytest.raises(StateError, match="changed since"):
        project.commands.undo(added.id)
    assert project.commands.list(limit=1)[0][0].deed is Deed.DELETE


def test_a_version_goes_on_over_undo_so_that_a_stale_save_is_refused(project: Project, image: Image) -> None:
    made = draw(project, image)
    edited = project.annotations.edit(made.id, wkt=LARGE)
    edit = project.commands.list(limit=1)[0][0]
    project.commands.undo(edit.id)
    with pytest.raises(StaleRevisionError):
        project.annotations.edit(made.id, wkt="POINT (5 5)", version=edited.version)
    assert project.annotations.get(made.id).version > edited.version


def test_a_new_change_ends_what_could_be_done_again(workspace: Workspace, project: Project, image: Image) -> None:
    draw(project, image)
    undo(workspace, project)
    draw(project, image, LARGE)
    with pytest.raises(NotFoundError):
        redo(workspace, project)


def test_what_is_undone_twice_is_told(project: Project, image: Image) -> None:
    draw(project, image)
    (added,), _ = project.commands.list()
    project.commands.undo(added.id)
    with pytest.raises(StateError, match="undone already"):
        project.commands.undo(added.id)
    project.commands.redo(added.id)
    with pytest.raises(StateError, match="not undone"):
        project.commands.redo(added.id)


@pytest.mark.parametrize("count", [3, 120])
def test_what_came_in_one_request_goes_and_comes_together(project: Project, image: Image, count: int) -> None:
    drafts = [AnnotationDraft(image=image.id, wkt=f"POINT ({x % 70} {x % 90})") for x in range(count)]
    made = project.annotations.import_many(project.layers.mine().id, drafts)
    one = project.commands.list(limit=1)[0][0]
    assert len(project.commands.undo(one.id)) == count
    assert project.annotations.list().total == 0
    assert len(project.commands.redo(one.id)) == count
    assert [facts(item) for item in project.annotations.list().items] == [facts(item) for item in made]


def test_an_annotator_undoes_nothing_of_others_and_sees_only_their_own(
    project: Project, image: Image, as_role: Callable[[Role], Project]
) -> None:
    draw(project, image)
    (added,), _ = project.commands.list()
    annotator = as_role(Role.ANNOTATOR)
    with pytest.raises(ForbiddenError):
        annotator.commands.undo(added.id)
    with pytest.raises(ForbiddenError):
        annotator.commands.list()
    assert annotator.commands.list(user=annotator.member.user.id) == ([], 0)
    assert project.annotations.list(AnnotationFilter()).total == 1


def test_with_an_image_go_the_commands_that_hold_its_drawings(project: Project, image: Image) -> None:
    made = draw(project, image)
    project.annotations.delete(made.id)
    project.images.delete(image.id)
    assert history(project) == []
