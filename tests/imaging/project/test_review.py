"""Reviews: who may start, accept, correct, reject and validate, and what stays."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from imaging.domain.annotation import Annotation, AnnotationDraft, AnnotationFilter
from imaging.domain.base import UserKey
from imaging.domain.image import Image
from imaging.domain.people import Role
from imaging.errors import ForbiddenError, InvalidInputError, NotFoundError, StateError
from imaging.project.project import Project

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
SQUARE = "POLYGON ((1 1, 5 1, 5 5, 1 5, 1 1))"


@pytest.fixture
def annotator(as_role: Callable[[Role], Project]) -> Project:
    return as_role(Role.ANNOTATOR)


@pytest.fixture
def reviewer(as_role: Callable[[Role], Project]) -> Project:
    return as_role(Role.REVIEWER)


def draw(project: Project, image: Image, wkt: str = SQUARE) -> Annotation:
    return project.annotations.create(AnnotationDraft(image=image.id, wkt=wkt, terms=(project.ontology.terms()[0].id,)))


def reviewed(project: Project) -> list[Annotation]:
    return list(project.annotations.list(AnnotationFilter(reviewed=True)).items)


def last(project: Project) -> int:
    return project.commands.list(user=project.member.user.id, limit=1)[0][0].id


def test_what_is_accepted_stays_as_it_was_whatever_becomes_of_its_parent(
    annotator: Project, reviewer: Project, image: Image
) -> None:
    drawn = draw(annotator, image)
    reviewer.reviews.start(image.id)
    copy = reviewer.reviews.accept(drawn.id)
    assert (copy.parent, copy.reviewer, copy.user) == (drawn.id, reviewer.member.user.id, annotator.member.user.id)
    assert (copy.wkt, copy.terms, copy.area_mm2, copy.reviewed) == (drawn.wkt, drawn.terms, drawn.area_mm2, True)
    assert annotator.annotations.get(drawn.id).accepted
    annotator.annotations.edit(drawn.id, wkt="POINT (1 1)")
    annotator.annotations.delete(drawn.id)
    assert [one.wkt for one in reviewed(reviewer)] == [copy.wkt]
    assert reviewer.annotations.get(copy.id).parent == drawn.id
    box = AnnotationFilter(images=(image.id,), intersects_wkt="POINT (2 2)")
    assert [one.id for one in reviewer.annotations.list(box).items] == [copy.id]


def test_a_correction_keeps_the_parent_and_leaves_it_alone(annotator: Project, reviewer: Project, image: Image) -> None:
    drawn = draw(annotator, image)
    reviewer.reviews.start(image.id)
    other = reviewer.ontology.terms()[1].id
    copy = reviewer.reviews.accept(drawn.id, [other, other])
    assert copy.terms == (other,)
    corrected = reviewer.annotations.edit(copy.id, wkt="POLYGON ((1 1, 3 1, 3 3, 1 1))")
    assert (corrected.parent, corrected.reviewer, corrected.reviewed) == (drawn.id, reviewer.member.user.id, True)
    assert annotator.annotations.get(drawn.id).wkt == drawn.wkt
    with pytest.raises(ForbiddenError):
        annotator.annotations.edit(copy.id, wkt=SQUARE)


def test_nothing_is_accepted_without_a_review_nor_twice_nor_by_somebody_else(
    annotator: Project, reviewer: Project, image: Image, as_role: Callable[[Role], Project]
) -> None:
    drawn, other = draw(annotator, image), as_role(Role.REVIEWER)
    with pytest.raises(StateError):
        reviewer.reviews.accept(drawn.id)
    with pytest.raises(ForbiddenError):
        annotator.reviews.start(image.id)
    started = reviewer.reviews.start(image.id)
    assert reviewer.reviews.start(image.id) == started
    for refused in (other.reviews.start, other.reviews.validate, other.reviews.accept_all):
        with pytest.raises(StateError):
            refused(image.id)
    with pytest.raises(ForbiddenError):
        other.reviews.cancel(image.id)
    copy = reviewer.reviews.accept(drawn.id)
    for again in (drawn.id, copy.id):
        with pytest.raises(StateError):
            reviewer.reviews.accept(again)
    with pytest.raises(NotFoundError):
        reviewer.reviews.accept(draw(annotator, image).id, [10**9])
    assert len(reviewed(reviewer)) == 1


def test_a_rejected_copy_goes_and_comes_back_by_undo(annotator: Project, reviewer: Project, image: Image) -> None:
    drawn = draw(annotator, image)
    reviewer.reviews.start(image.id)
    copy = reviewer.reviews.accept(drawn.id)
    reviewer.reviews.reject(drawn.id)
    assert reviewed(reviewer) == []
    with pytest.raises(NotFoundError):
        reviewer.reviews.reject(drawn.id)
    reviewer.commands.undo(last(reviewer))
    assert [(one.id, one.parent) for one in reviewed(reviewer)] == [(copy.id, drawn.id)]
    reviewer.reviews.reject(copy.id)
    assert reviewed(reviewer) == []
    assert annotator.annotations.get(drawn.id).accepted is False


def test_a_layer_is_accepted_and_rejected_as_a_whole(
    annotator: Project, reviewer: Project, image: Image, project: Project
) -> None:
    mine = [draw(annotator, image), draw(annotator, image, "POINT (3 3)")]
    theirs = draw(project, image)
    reviewer.reviews.start(image.id)
    reviewer.reviews.accept(mine[0].id)
    copies = reviewer.reviews.accept_all(image.id, users=[annotator.member.user.id])
    assert [copy.parent for copy in copies] == [mine[1].id]
    assert [copy.parent for copy in reviewer.reviews.accept_all(image.id)] == [theirs.id]
    assert reviewer.reviews.accept_all(image.id) == []
    assert reviewer.images.get(image.id).reviewed_annotations == 3
    waiting = AnnotationFilter(unaccepted=True)
    assert reviewer.annotations.list(waiting).total == 0
    gone = reviewer.reviews.reject_all(image.id, layers=[annotator.layers.mine().id])
    assert [copy.parent for copy in gone] == [one.id for one in mine]
    reviewer.commands.undo(last(reviewer))
    assert len(reviewed(reviewer)) == 3
    assert len(reviewer.reviews.reject_all(image.id, users=[project.member.user.id])) == 1
    assert reviewer.reviews.reject_all(image.id, users=[UserKey(10**9)]) == []
    by_reviewer = AnnotationFilter(reviewers=(reviewer.member.user.id,))
    assert reviewer.annotations.list(by_reviewer).total == 2


def test_a_validated_review_is_changed_by_nobody_until_it_is_taken_back(
    annotator: Project, reviewer: Project, image: Image, project: Project
) -> None:
    drawn = draw(annotator, image)
    reviewer.reviews.start(image.id)
    copy = reviewer.reviews.accept(drawn.id)
    accepting = last(reviewer)
    assert reviewer.reviews.validate(image.id).review_stopped is not None
    for change in (
        lambda: reviewer.annotations.edit(copy.id, wkt=SQUARE),
        lambda: reviewer.annotations.delete(copy.id),
        lambda: reviewer.reviews.reject(copy.id),
        lambda: reviewer.reviews.reject_all(image.id),
        lambda: reviewer.commands.undo(accepting),
        lambda: reviewer.reviews.start(image.id),
    ):
        with pytest.raises(StateError):
            change()
    annotator.annotations.edit(drawn.id, wkt="POINT (1 1)")
    reopened = project.reviews.cancel(image.id)
    assert (reopened.review_stopped, reopened.reviewer) == (None, reviewer.member.user.id)
    with pytest.raises(StateError):
        reviewer.reviews.cancel(image.id)
    reviewer.reviews.reject(copy.id)
    assert reviewer.reviews.cancel(image.id).review_started is None
    with pytest.raises(StateError):
        reviewer.reviews.cancel(image.id)


def test_starting_a_review_is_undone_and_a_review_goes_with_its_image(reviewer: Project, image: Image) -> None:
    reviewer.reviews.start(image.id)
    reviewer.commands.undo(last(reviewer))
    assert reviewer.images.get(image.id).reviewer is None
    reviewer.commands.redo(last(reviewer))
    assert reviewer.images.get(image.id).reviewer == reviewer.member.user.id


def test_an_image_goes_with_its_review(project: Project, image: Image) -> None:
    drawn = draw(project, image)
    project.reviews.start(image.id)
    project.reviews.accept(drawn.id)
    project.images.delete(image.id)
    with pytest.raises(NotFoundError):
        project.reviews.start(image.id)
    assert project.annotations.list().total == 0


def test_a_copy_needs_terms_of_the_project(project: Project, image: Image) -> None:
    drawn = draw(project, image)
    project.reviews.start(image.id)
    assert project.reviews.accept(drawn.id, []).terms == ()
    with pytest.raises((InvalidInputError, NotFoundError)):
        project.annotations.add_term(drawn.id, project.ontology.terms()[-1].id + 10**6)
