"""Properties, descriptions and tags: of what, by whom, and back again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from imaging.domain.annotation import AnnotationDraft
from imaging.domain.image import Image
from imaging.domain.people import Role
from imaging.domain.remark import Target, TargetKind
from imaging.errors import ForbiddenError, InvalidInputError, NotFoundError, StateError
from imaging.project.project import Project
from imaging.workspace import Workspace

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def annotation(project: Project, image: Image) -> Target:
    drawn = project.annotations.create(AnnotationDraft(image=image.id, wkt="POINT (5 5)"))
    return Target(kind=TargetKind.ANNOTATION, id=drawn.id)


@pytest.fixture
def targets(project: Project, image: Image, annotation: Target) -> list[Target]:
    return [
        Target(kind=TargetKind.PROJECT, id=project.id),
        Target(kind=TargetKind.IMAGE, id=image.id),
        annotation,
    ]


def said_of(project: Project, target: Target) -> list[tuple[str, str]]:
    return [(one.key, one.value) for one in project.properties.list(target)]


def last(project: Project) -> int:
    return project.commands.list(limit=1)[0][0].id


def test_what_is_said_of_one_thing_is_said_of_no_other(project: Project, targets: list[Target]) -> None:
    for number, target in enumerate(targets):
        project.properties.add(target, [("grade", str(number)), ("grade", "again")])
        project.descriptions.add(target, f"text {number}")
    assert [said_of(project, target)[0] for target in targets] == [("grade", "0"), ("grade", "1"), ("grade", "2")]
    assert [project.descriptions.get(target).text for target in targets] == ["text 0", "text 1", "text 2"]
    assert project.properties.find(targets[1], "grade").value == "1"
    with pytest.raises(NotFoundError):
        project.properties.find(targets[1], "none")
    elsewhere = project.properties.list(targets[0])[0]
    for ask in (project.properties.get, project.properties.delete):
        with pytest.raises(NotFoundError):
            ask(targets[1], elsewhere.id)


def test_a_property_is_edited_deleted_and_brought_back(project: Project, annotation: Target) -> None:
    (made,) = project.properties.add(annotation, [("stage", "II")])
    project.properties.edit(annotation, made.id, value="III")
    edit = last(project)
    project.properties.delete(annotation, made.id)
    project.commands.undo(last(project))
    assert said_of(project, annotation) == [("stage", "III")]
    project.commands.undo(edit)
    assert said_of(project, annotation) == [("stage", "II")]


def test_a_thing_has_one_description(project: Project, annotation: Target) -> None:
    with pytest.raises(NotFoundError):
        project.descriptions.edit(annotation, "other")
    project.descriptions.add(annotation, "one")
    with pytest.raises(StateError):
        project.descriptions.add(annotation, "two")
    assert project.descriptions.edit(annotation, "two").text == "two"
    project.descriptions.delete(annotation)
    with pytest.raises(NotFoundError):
        project.descriptions.get(annotation)
    project.commands.undo(last(project))
    assert project.descriptions.get(annotation).text == "two"


def test_a_deleted_annotation_comes_back_with_all_that_was_said_of_it(
    workspace: Workspace, project: Project, annotation: Target
) -> None:
    tag = workspace.tags.add(project.member.user.id, "difficult")
    project.properties.add(annotation, [("stage", "II")])
    project.descriptions.add(annotation, "near the pleura")
    project.tags.add(annotation, tag.id)
    project.annotations.delete(annotation.id)
    assert project.properties.of_images() == []
    project.commands.undo(last(project))
    assert said_of(project, annotation) == [("stage", "II")]
    assert project.descriptions.get(annotation).text == "near the pleura"
    assert [use.name for use in project.tags.list(annotation)] == ["difficult"]


def test_what_was_said_since_stands_when_an_edit_is_undone(project: Project, annotation: Target) -> None:
    project.annotations.edit(annotation.id, wkt="POINT (6 6)")
    edit = last(project)
    project.properties.add(annotation, [("stage", "II")])
    project.commands.undo(edit)
    assert project.annotations.get(annotation.id).wkt == "POINT (5 5)"
    assert said_of(project, annotation) == [("stage", "II")]


def test_several_are_said_together_or_not_at_all(project: Project, annotation: Target) -> None:
    with pytest.raises(InvalidInputError):
        project.properties.add(annotation, [("stage", "II"), ("", "x")])
    assert said_of(project, annotation) == []
    project.properties.add(annotation, [("stage", "II"), ("grade", "3")])
    assert len(project.commands.undo(last(project))) == 2
    assert said_of(project, annotation) == []


@pytest.mark.parametrize(
    ("role", "kinds"),
    [
        (Role.MANAGER, {TargetKind.PROJECT, TargetKind.IMAGE, TargetKind.ANNOTATION}),
        (Role.REVIEWER, {TargetKind.IMAGE, TargetKind.ANNOTATION}),
        # The annotation is another's.
        (Role.ANNOTATOR, {TargetKind.IMAGE}),
        (Role.READER, set()),
        (Role.AUDITOR, set()),
    ],
)
def test_who_may_say_something_of_what(
    targets: list[Target], as_role: Callable[[Role], Project], role: Role, kinds: set[TargetKind]
) -> None:
    theirs = as_role(role)
    allowed = set()
    for target in targets:
        try:
            theirs.properties.add(target, [("key", "value")])
            allowed.add(target.kind)
        except ForbiddenError:
            pass
    assert allowed == kinds


def test_a_tag_is_its_creators_until_something_is_marked_with_it(
    workspace: Workspace, project: Project, annotation: Target, as_role: Callable[[Role], Project]
) -> None:
    mine, other = project.member.user.id, as_role(Role.REVIEWER)
    theirs = other.member.user.id
    tag = workspace.tags.add(mine, "difficult")
    with pytest.raises(StateError):
        workspace.tags.add(mine, " difficult ")
    assert workspace.tags.list(theirs) == []
    with pytest.raises(NotFoundError):
        other.tags.add(annotation, tag.id)
    use = project.tags.add(annotation, tag.id)
    assert project.tags.add(annotation, tag.id) == use
    assert workspace.tags.list(theirs) == [tag]
    with pytest.raises(ForbiddenError):
        workspace.tags.rename(theirs, tag.id, "easy")
    assert workspace.tags.rename(mine, tag.id, "easy").name == "easy"
    assert other.tags.get(use.id).name == "easy"
    other.tags.delete(use.id)
    assert (project.tags.list(annotation), workspace.tags.list(theirs)) == ([], [])
    workspace.tags.delete(mine, tag.id)
    assert workspace.tags.list(mine) == []


def test_with_an_image_goes_what_was_said_of_it(project: Project, targets: list[Target]) -> None:
    _, image, annotation = targets
    for target in (image, annotation):
        project.properties.add(target, [("a", "b")])
        project.descriptions.add(target, "text")
    project.images.delete(image.id)
    assert project.properties.of_images() == []
    for target in (image, annotation):
        with pytest.raises(NotFoundError):
            project.descriptions.get(target)
