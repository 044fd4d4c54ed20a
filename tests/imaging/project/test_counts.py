"""Statistics: each count of annotations is what their listing counts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from imaging.domain.activity import ActivityFilter, ActivityKind
from imaging.domain.annotation import AnnotationDraft, AnnotationFilter
from imaging.domain.counts import Evolution
from imaging.domain.image import Image
from imaging.domain.people import Role
from imaging.errors import ForbiddenError, InvalidInputError, NotFoundError
from imaging.project.project import Project
from imaging.workspace import Workspace

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)

ALL = AnnotationFilter()
DAY = timedelta(days=1)


@pytest.fixture
def drawn(project: Project, image: Image, draft: object, as_role: Callable[[Role], Project]) -> list[Project]:
    """Two members who drew on two images with several terms, of which one is reviewed."""
    other = project.images.register(draft, lambda key: project.images.path(key).mkdir())
    lung, nodule = project.ontology.terms()
    cyst = project.ontology.add("cyst", parent=nodule.id)
    second = as_role(Role.ANNOTATOR)
    for member, key, terms in (
        (project, image.id, (lung.id, cyst.id)),
        (project, image.id, (lung.id,)),
        (project, other.id, (lung.id,)),
        (second, image.id, (nodule.id,)),
        (second, image.id, ()),
    ):
        last = member.annotations.create(AnnotationDraft(image=key, wkt="POINT (1 1)", terms=terms))
    project.reviews.start(image.id)
    project.reviews.accept(last.id, (cyst.id,))
    return [project, second]


@pytest.mark.parametrize("reviewed", [None, True, False])
def test_counts_agree_with_the_listing(project: Project, drawn: list[Project], reviewed: bool | None) -> None:
    def listed(**facts: object) -> int:
        return project.annotations.list(wanted.model_copy(update=facts)).total

    wanted, counts = AnnotationFilter(reviewed=reviewed), project.counts
    images = [image.id for image in project.images.list()]
    members = [member.user.id for member in project.members.list()]
    terms = [term.id for term in project.ontology.terms()]
    by_term = {one.term: one.count for one in counts.by_term(wanted)}
    assert by_term == {key: listed(terms=(key,)) for key in terms}
    by_user = {one.user: one.count for one in counts.by_user(wanted)}
    assert by_user == {key: listed(users=(key,)) for key in members}
    by_both = {(one.user, term.term): term.count for one in counts.by_user_and_term(wanted) for term in one.terms}
    assert by_both == {(user, term): listed(users=(user,), terms=(term,)) for user in members for term in terms}
    placed, total = counts.by_term_and_image(wanted)
    expected = {(one, term): listed(images=(one,), terms=(term,)) for one in images for term in terms}
    assert {(one.image, one.term): one.count for one in placed} == {key: n for key, n in expected.items() if n}
    assert total == len(placed)
    on_images = {one.term: one.count for one in counts.by_term(wanted, images=True)}
    assert on_images == {term: sum(expected[one, term] > 0 for one in images) for term in terms}
    drawn_on = {one.user: one.count for one in counts.by_user(wanted, images=True)}
    assert drawn_on == {user: sum(listed(images=(one,), users=(user,)) > 0 for one in images) for user in members}
    assert counts.growth(wanted, Evolution())[-1].count == listed()
    assert sum(by_user.values()) == listed()


def test_terms_above_others_are_left_out_where_asked(project: Project, drawn: list[Project]) -> None:
    assert [one.name for one in project.counts.by_term(ALL, leaves=True)] == ["lung", "cyst"]


def test_who_left_is_counted_with_what_they_drew(project: Project, drawn: list[Project]) -> None:
    left = drawn[1].member.user
    project.members.remove(left.id)
    assert {one.username: one.count for one in project.counts.by_user(ALL)}[left.username] > 0


def test_pairs_of_term_and_image_come_by_page(project: Project, drawn: list[Project]) -> None:
    whole, total = project.counts.by_term_and_image(ALL)
    part, same = project.counts.by_term_and_image(ALL.model_copy(update={"offset": 1, "limit": 2}))
    assert part == whole[1:3]
    assert same == total


def test_growth_is_told_in_whole_periods(project: Project, drawn: list[Project]) -> None:
    begun = project.record.created
    total = project.annotations.list(ALL).total
    for days in (1, 3):
        span = Evolution(start=begun - 7 * DAY, end=begun + 2 * DAY, days=days)
        told = project.counts.growth(ALL, span)
        assert [one.start for one in told] == [begun - 7 * DAY + n * days * DAY for n in range(9 // days + 1)]
        assert [one.count for one in told] == [0 if one.end <= begun else total for one in told]
        alone = project.counts.growth(ALL, span.model_copy(update={"accumulate": False}))
        assert sum(one.count for one in alone) == total
    lung = project.ontology.find("lung").id
    counted = project.counts.growth(AnnotationFilter(terms=(lung,)), Evolution())[-1].count
    assert counted == project.annotations.list(AnnotationFilter(terms=(lung,))).total


def test_spans_that_cannot_be_are_refused(workspace: Workspace, project: Project, image: Image) -> None:
    begun = project.record.created
    for span in (Evolution(end=begun - DAY), Evolution(start=begun - 9_000 * DAY)):
        with pytest.raises(InvalidInputError):
            project.counts.growth(ALL, span)
    other = workspace.create_project(project.member.user.id, "other").ontology.add("lung")
    with pytest.raises(NotFoundError):
        project.counts.growth(AnnotationFilter(terms=(other.id,)), Evolution())


def test_activity_grows_for_its_member_and_for_all_who_see_the_journal(
    project: Project, image: Image, as_role: Callable[[Role], Project]
) -> None:
    reader = as_role(Role.READER)
    drawn = project.annotations.create(AnnotationDraft(image=image.id, wkt="POINT (1 1)"))
    for one in (project, reader):
        one.activity.consult(image.id)
        one.activity.connect()
        one.activity.act(drawn.id, "select" if one is reader else "update")
    for kind in ActivityKind:
        for one, expected in ((project, 2), (reader, 1)):
            told = one.counts.activity(kind, ActivityFilter(), Evolution())
            assert told[-1].count == expected == one.activity.count(kind, ActivityFilter())
    select = project.counts.activity(ActivityKind.ACTION, ActivityFilter(action="select"), Evolution())
    assert select[-1].count == 1


def test_operators_count_the_workspace_and_nobody_else(
    workspace: Workspace, project: Project, drawn: list[Project], as_role: Callable[[Role], Project]
) -> None:
    totals = workspace.counts.totals(by=project.member.user.id)
    assert (totals.users, totals.projects, totals.images) == (len(workspace.accounts.list()), 1, 2)
    assert (totals.annotations, totals.reviewed) == (5, 1)
    assert (totals.terms, totals.ontologies) == (3, 1)
    with pytest.raises(ForbiddenError):
        workspace.counts.totals(by=as_role(Role.MANAGER).member.user.id)
