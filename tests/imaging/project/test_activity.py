"""What members look at and do, and who may see it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from imaging.domain.activity import ActivityFilter, ActivityKind, Look
from imaging.domain.annotation import AnnotationDraft
from imaging.domain.base import UserKey
from imaging.domain.image import Axis, Image
from imaging.domain.people import Role
from imaging.errors import ForbiddenError, InvalidInputError, NotFoundError
from imaging.project.project import Project
from imaging.store.activity import activity
from imaging.store.positions import position
from imaging.workspace import Workspace

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)

LOOK = Look(index=5, wkt="POLYGON ((0 0, 40 0, 40 20, 0 20, 0 0))", zoom=2, rotation=0.5)
ALL = ActivityFilter()


@pytest.fixture
def reader(as_role: Callable[[Role], Project]) -> Project:
    return as_role(Role.READER)


def shift(project: Project, table: object, key: int, **back: float) -> None:
    """Move a row into the past."""
    with project._gate.database.write() as transaction:
        at = transaction.execute(select(table.c.created).where(table.c.id == key)).scalar_one()
        transaction.execute(update(table).where(table.c.id == key).values(created=at - timedelta(**back)))


def test_positions_are_paged_newest_first_and_summed_up(project: Project, image: Image) -> None:
    first = project.positions.add(image.id, LOOK)
    other = project.positions.add(image.id, LOOK.model_copy(update={"axis": Axis.X, "index": 3, "zoom": 4}))
    last = project.positions.add(image.id, LOOK, broadcast=True)
    assert project.positions.page(image.id, ALL) == ([last, other, first], 3)
    assert project.positions.page(image.id, ActivityFilter(offset=1, limit=1)) == ([other], 3)
    assert project.positions.page(image.id, ActivityFilter(place=(0, 5, 0))) == ([last, first], 2)
    assert project.positions.page(image.id, ActivityFilter(after=last.created)) == ([last], 1)
    assert project.positions.page(image.id, ActivityFilter(before=other.created)) == ([first], 1)
    alike, total = project.positions.frequencies(image.id, ActivityFilter(limit=1))
    assert [(one.look, one.count) for one in alike] == [(LOOK, 2)]
    assert total == 2


@pytest.mark.parametrize("plane", [{"index": 10}, {"axis": Axis.X, "index": 80}, {"index": -1}, {"t": 1}, {"c": 1}])
def test_a_position_lies_on_a_plane_of_its_image(project: Project, image: Image, plane: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        project.positions.add(image.id, LOOK.model_copy(update=plane))
    assert project.positions.page(image.id, ALL) == ([], 0)


def test_members_see_their_own_and_the_journals_readers_all(
    project: Project, image: Image, reader: Project, as_role: Callable[[Role], Project]
) -> None:
    mine, theirs = project.positions.add(image.id, LOOK), reader.positions.add(image.id, LOOK)
    me, them = project.member.user.id, reader.member.user.id
    drawn = project.annotations.create(AnnotationDraft(image=image.id, wkt="POINT (1 1)"))
    done = [one.activity.act(drawn.id, "select") for one in (project, reader)]
    for one in (project, reader):
        one.activity.connect()
        one.activity.consult(image.id)
    auditor = as_role(Role.AUDITOR)
    for observer in (project, auditor):
        assert observer.positions.page(image.id, ALL) == ([theirs, mine], 2)
        assert observer.activity.actions(image.id, ALL) == (done, 2)
        assert observer.activity.connections(them, ALL)[1] == 1
        assert observer.activity.count(ActivityKind.CONSULTATION, ALL) == 2
        told = {member.user.id: last.connections for member, last in observer.activity.last()}
        assert told == {me: 1, them: 1, auditor.member.user.id: 0}
    assert reader.positions.page(image.id, ALL) == ([theirs], 1)
    assert reader.activity.actions(image.id, ALL) == (done[1:], 1)
    assert reader.activity.count(ActivityKind.CONSULTATION, ALL) == 1
    assert [member.user.id for member, _ in reader.activity.last()] == [them]
    for ask in (
        lambda: reader.positions.page(image.id, ActivityFilter(user=me)),
        lambda: reader.activity.actions(image.id, ActivityFilter(user=me)),
        lambda: reader.activity.connections(me, ALL),
        lambda: reader.activity.consultations(me, ALL),
    ):
        with pytest.raises(ForbiddenError):
            ask()


def test_others_are_followed_while_they_broadcast(project: Project, image: Image, reader: Project) -> None:
    me, them = project.member.user.id, reader.member.user.id
    project.positions.add(image.id, LOOK)
    assert reader.positions.last(image.id, me, ALL) is None
    assert reader.positions.present(image.id) == []
    shared = project.positions.add(image.id, LOOK, broadcast=True)
    assert reader.positions.last(image.id, me, ALL) == shared
    assert [stay.user for stay in reader.positions.present(image.id)] == [me]
    own = reader.positions.add(image.id, LOOK)
    assert [stay.user for stay in reader.positions.present()] == [them, me]
    assert [stay.user for stay in reader.positions.present(broadcast=True)] == [me]
    shift(project, position, shared.id, minutes=1)
    assert reader.positions.last(image.id, me, ALL) is None
    assert project.positions.last(image.id, me, ALL, broadcast=True).id == shared.id
    assert project.positions.last(image.id, them, ALL) == own


def test_who_never_was_here_is_absent_and_who_left_is_told_of_to_the_journals_readers(
    workspace: Workspace, project: Project, image: Image, reader: Project, as_role: Callable[[Role], Project]
) -> None:
    stranger, _ = workspace.accounts.add("stranger")
    for one, key in ((project, stranger.id), (reader, stranger.id), (project, UserKey(999_999))):
        with pytest.raises(NotFoundError):
            one.positions.page(image.id, ActivityFilter(user=key))
        with pytest.raises(NotFoundError):
            one.activity.connections(key, ALL)
        with pytest.raises(NotFoundError):
            one.positions.last(image.id, key, ALL)
    reader.activity.connect()
    left = reader.member.user.id
    project.members.remove(left)
    assert project.activity.connections(left, ALL)[1] == 1
    with pytest.raises(NotFoundError):
        as_role(Role.READER).activity.connections(left, ALL)


def test_a_connection_tells_what_followed_until_the_next(project: Project, image: Image) -> None:
    me = project.member.user.id
    first = project.activity.connect(system="Linux", browser="Firefox", browser_version="140")
    opened = project.activity.consult(image.id, "view")
    assert opened.connection == first.id
    project.annotations.create(AnnotationDraft(image=image.id, wkt="POINT (1 1)"))
    shift(project, activity, first.id, seconds=30)
    shift(project, activity, opened.id, seconds=10)
    project.positions.add(image.id, LOOK)
    again = project.activity.connect()
    project.activity.consult(image.id, "view")
    project.activity.consult(image.id, "view")
    found, total = project.activity.connections(me, ALL)
    assert total == 2
    assert [(one.id, one.images, one.annotations) for one in found] == [(again.id, 1, 0), (first.id, 1, 1)]
    assert 10_000 <= found[1].milliseconds < 15_000
    assert (found[1].system, found[1].browser, found[1].browser_version) == ("Linux", "Firefox", "140")
    assert [one.id for one in project.activity.connections(me, ActivityFilter(offset=1))[0]] == [first.id]
    looks, total = project.activity.consultations(me, ALL)
    assert total == 3
    assert [(one.image_name, one.mode, one.annotations) for one in looks][2] == ("phantom", "view", 1)
    assert 10_000 <= looks[2].milliseconds < 15_000
    distinct, total = project.activity.consultations(me, ALL, last=True)
    assert [one.id for one in distinct] == [looks[0].id]
    assert total == 1


def test_time_away_is_not_counted(project: Project, image: Image) -> None:
    opened = project.activity.consult(image.id)
    shift(project, activity, opened.id, minutes=5)
    project.positions.add(image.id, LOOK)
    (seen,), _ = project.activity.consultations(project.member.user.id, ALL)
    assert seen.milliseconds == 0


def test_an_action_outlives_its_annotation_and_goes_with_the_image(project: Project, image: Image) -> None:
    drawn = project.annotations.create(AnnotationDraft(image=image.id, wkt="POINT (1 1)", index=2))
    done = project.activity.act(drawn.id, "select")
    assert (done.slice, done.creator) == (image.slice_base + 2, project.member.user.id)
    project.positions.add(image.id, LOOK)
    project.activity.consult(image.id)
    project.activity.connect()
    project.annotations.delete(drawn.id)
    assert project.activity.actions(image.id, ActivityFilter(slice=done.slice)) == ([done], 1)
    assert project.activity.actions(image.id, ActivityFilter(slice=image.slice_base)) == ([], 0)
    project.images.delete(image.id)
    with project._gate.database.read() as transaction:
        assert transaction.execute(position.select()).all() == []
        assert [row.kind for row in transaction.execute(activity.select())] == ["connection"]


def test_what_is_old_is_forgotten(project: Project, image: Image) -> None:
    seen, opened = project.positions.add(image.id, LOOK), project.activity.consult(image.id)
    shift(project, position, seen.id, days=91)
    shift(project, activity, opened.id, days=731)
    kept = project.positions.add(image.id, LOOK)
    project.activity.connect()
    assert project.positions.page(image.id, ALL) == ([kept], 1)
    assert project.activity.count(ActivityKind.CONSULTATION, ALL) == 0


def test_activity_is_no_change_of_the_project(project: Project, image: Image) -> None:
    before = len(project.journal.list()), project.commands.list()[1]
    project.positions.add(image.id, LOOK)
    project.activity.connect()
    project.activity.consult(image.id)
    assert (len(project.journal.list()), project.commands.list()[1]) == before
