"""Tracks, image groups and annotation groups: what may go together, and back again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from imaging.domain.annotation import Annotation, AnnotationDraft
from imaging.domain.image import Image, ImageDraft
from imaging.domain.people import Role
from imaging.errors import ForbiddenError, InvalidInputError, NotFoundError, StateError
from imaging.project.project import Project

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def other(project: Project, draft: ImageDraft, image: Image) -> Image:
    return project.images.register(draft, lambda key: project.images.path(key).mkdir())


def draw(project: Project, image: Image, index: int = 0) -> Annotation:
    return project.annotations.create(AnnotationDraft(image=image.id, wkt="POINT (5 5)", index=index))


def undo(project: Project) -> None:
    newest = next(one for one in project.commands.list()[0] if one.undone is None)
    project.commands.undo(newest.id)


def test_a_track_follows_an_object_over_planes(project: Project, image: Image, other: Image) -> None:
    track = project.tracks.create(image.id, "nodule 1", "#FF0000")
    assert (track.color, project.tracks.list(image.id), project.tracks.list(other.id)) == ("#ff0000", [track], [])
    with pytest.raises(StateError):
        project.tracks.create(image.id, " nodule 1 ")
    first, second = draw(project, image), draw(project, image, 1)
    pair = project.tracks.follow(first.id, track.id)
    assert project.tracks.follow(first.id, track.id) == pair
    project.tracks.follow(second.id, track.id)
    assert project.tracks.tracked(first.id, track.id) == pair
    with pytest.raises(InvalidInputError):
        project.tracks.follow(draw(project, other).id, track.id)
    project.tracks.unfollow(second.id, track.id)
    with pytest.raises(NotFoundError):
        project.tracks.tracked(second.id, track.id)


def test_a_track_that_is_deleted_comes_back_with_its_annotations(project: Project, image: Image) -> None:
    track, drawn = project.tracks.create(image.id, "nodule 1"), draw(project, image)
    project.tracks.follow(drawn.id, track.id)
    project.tracks.edit(track.id, name="nodule 2")
    project.tracks.delete(track.id)
    assert project.tracks.of_annotation(drawn.id) == []
    undo(project)
    assert project.tracks.get(track.id).name == "nodule 2"
    assert [one.track for one in project.tracks.of_annotation(drawn.id)] == [track.id]
    undo(project)
    assert project.tracks.get(track.id).name == "nodule 1"


def test_images_are_grouped_and_told_with_their_count(project: Project, image: Image, other: Image) -> None:
    group = project.image_groups.create("before and after")
    with pytest.raises(StateError):
        project.image_groups.create("before and after")
    for one in (image, other, image):
        project.image_groups.put(group.id, one.id)
    assert project.image_groups.get(group.id).images == 2
    assert [one.group for one in project.image_groups.images(image=other.id)] == [group.id]
    project.image_groups.take_out(group.id, other.id)
    with pytest.raises(NotFoundError):
        project.image_groups.find(group.id, other.id)
    undo(project)
    assert project.image_groups.find(group.id, other.id).image == other.id
    project.image_groups.delete(group.id)
    undo(project)
    assert (project.image_groups.get(group.id).name, project.image_groups.get(group.id).images) == (group.name, 2)


def test_an_image_group_stays_while_annotations_are_grouped_across_it(project: Project) -> None:
    group = project.image_groups.create("dates")
    across = project.annotation_groups.create(group.id)
    with pytest.raises(StateError):
        project.image_groups.delete(group.id)
    project.annotation_groups.delete(across.id)
    project.image_groups.delete(group.id)


def test_annotations_of_one_object_are_linked_once(project: Project, image: Image, other: Image) -> None:
    first, second = (project.annotation_groups.create() for _ in range(2))
    here, there = draw(project, image), draw(project, other)
    link = project.annotation_groups.link(first.id, here.id)
    assert project.annotation_groups.link(first.id, here.id) == link
    with pytest.raises(StateError):
        project.annotation_groups.link(second.id, here.id)
    project.annotation_groups.link(second.id, there.id)
    project.annotation_groups.merge(first.id, second.id)
    assert {one.annotation for one in project.annotation_groups.links(group=first.id)} == {here.id, there.id}
    with pytest.raises(NotFoundError):
        project.annotation_groups.get(second.id)
    undo(project)
    assert [one.annotation for one in project.annotation_groups.links(group=second.id)] == [there.id]
    assert [one.annotation for one in project.annotation_groups.links(group=first.id)] == [here.id]


def test_a_deleted_annotation_comes_back_into_its_track_and_group(project: Project, image: Image) -> None:
    drawn, track = draw(project, image), project.tracks.create(image.id, "nodule")
    group = project.annotation_groups.create()
    project.tracks.follow(drawn.id, track.id)
    project.annotation_groups.link(group.id, drawn.id)
    project.annotations.delete(drawn.id)
    assert project.annotation_groups.links(group=group.id) == []
    undo(project)
    assert project.tracks.tracked(drawn.id, track.id).track == track.id
    assert project.annotation_groups.find(group.id, drawn.id).group == group.id


def test_an_annotator_groups_their_own_drawings_and_no_images(
    project: Project, image: Image, as_role: Callable[[Role], Project]
) -> None:
    drawn, group = draw(project, image), project.annotation_groups.create()
    annotator = as_role(Role.ANNOTATOR)
    with pytest.raises(ForbiddenError):
        annotator.annotation_groups.link(group.id, drawn.id)
    with pytest.raises(ForbiddenError):
        annotator.image_groups.create("mine")
    own = draw(annotator, image)
    annotator.annotation_groups.link(group.id, own.id)
    track = annotator.tracks.create(image.id, "nodule")
    annotator.tracks.follow(own.id, track.id)


def test_what_is_of_another_project_is_absent(project: Project, image: Image) -> None:
    absent = 999_999
    for ask in (
        lambda: project.tracks.get(absent),
        lambda: project.tracks.create(absent, "x"),
        lambda: project.image_groups.put(absent, image.id),
        lambda: project.annotation_groups.create(absent),
        lambda: project.annotation_groups.link(absent, absent),
    ):
        with pytest.raises(NotFoundError):
            ask()
    with pytest.raises(InvalidInputError):
        project.tracks.create(image.id, "x", "red")
    with pytest.raises(InvalidInputError):
        project.annotation_groups.create(kind="OTHER")
