"""Whose drawings annotators change: everybody's, only their own, or nobody's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from imaging.domain.annotation import AnnotationDraft
from imaging.domain.base import UserKey
from imaging.domain.image import Image
from imaging.domain.people import Role
from imaging.domain.project import EditingMode
from imaging.errors import ForbiddenError
from imaging.project.project import Project
from imaging.workspace import Workspace

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)

Members = Callable[[UserKey], Project]


@pytest.fixture
def again(workspace: Workspace, project: Project) -> Members:
    """A project in somebody's hands as it is now."""
    return lambda user: workspace.open(project.record.id, user)


def test_in_a_classic_project_annotators_change_each_others_drawings_and_nothing_else(
    project: Project, image: Image, as_role: Callable[[Role], Project], again: Members
) -> None:
    drawn = project.annotations.create(AnnotationDraft(image=image.id, wkt="POINT (1 1)"))
    imported = project.annotations.import_many(
        project.layers.named("old").id, [AnnotationDraft(image=image.id, wkt="POINT (1 1)")]
    )[0]
    annotator, reader = as_role(Role.ANNOTATOR), as_role(Role.READER)
    with pytest.raises(ForbiddenError):
        annotator.annotations.edit(drawn.id, wkt="POINT (2 2)")
    project.edit(editing=EditingMode.CLASSIC)
    annotator, reader = again(annotator.member.user.id), again(reader.member.user.id)
    assert annotator.annotations.edit(drawn.id, wkt="POINT (2 2)").wkt == "POINT (2 2)"
    for member, key in ((annotator, imported.id), (reader, drawn.id)):
        with pytest.raises(ForbiddenError):
            member.annotations.edit(key, wkt="POINT (3 3)")


def test_in_a_read_only_project_managers_alone_annotate(
    project: Project, image: Image, as_role: Callable[[Role], Project], again: Members
) -> None:
    members = [as_role(role).member.user.id for role in (Role.ANNOTATOR, Role.REVIEWER, Role.DATA_SCIENTIST)]
    own = again(members[0]).annotations.create(AnnotationDraft(image=image.id, wkt="POINT (1 1)"))
    project.edit(editing=EditingMode.READ_ONLY)
    for member in map(again, members):
        for change in (
            lambda member=member: member.annotations.create(AnnotationDraft(image=image.id, wkt="POINT (1 1)")),
            lambda member=member: member.annotations.delete(own.id),
            lambda member=member: member.reviews.start(image.id),
            lambda member=member: member.layers.named("x"),
            lambda member=member: member.images.add_term(image.id, project.ontology.terms()[0].id),
        ):
            with pytest.raises(ForbiddenError):
                change()
        assert member.annotations.get(own.id) == own
    with pytest.raises(ForbiddenError, match="while the project is read-only"):
        again(members[0]).annotations.delete(own.id)
    manager = again(project.member.user.id)
    manager.annotations.delete(own.id)
    manager.edit(editing=EditingMode.RESTRICTED)
    assert again(members[0]).annotations.create(AnnotationDraft(image=image.id, wkt="POINT (1 1)"))


def test_an_uploader_still_sends_to_a_read_only_project(
    project: Project, as_role: Callable[[Role], Project], again: Members
) -> None:
    uploader = as_role(Role.UPLOADER).member.user.id
    project.edit(editing=EditingMode.READ_ONLY)
    assert again(uploader).uploads.create("test")
