"""The journal: any event edited, removed, added or moved is found and named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, update

from imaging import journal
from imaging.domain.base import ProjectKey, UserKey
from imaging.domain.event import Entry, Event
from imaging.domain.people import Role
from imaging.errors import ForbiddenError, VerificationError
from imaging.project.project import Project
from imaging.store import schema
from imaging.store.database import Database
from imaging.workspace import Workspace

START = datetime(2026, 1, 1, tzinfo=UTC)
details = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def chain_of(contents: list[object]) -> list[Event]:
    events: list[Event] = []
    for number, detail in enumerate(contents, 1):
        entry = Entry(
            at=START + timedelta(microseconds=number), actor=UserKey(1), action="add", kind="image", detail=detail
        )
        previous = events[-1].digest if events else journal.GENESIS
        events.append(journal.link(entry, project=ProjectKey(7), number=number, previous=previous))
    return events


def head_of(events: list[Event]) -> tuple[int, str]:
    return (len(events), events[-1].digest) if events else (0, journal.GENESIS)


chains = st.lists(details, min_size=2, max_size=8).map(chain_of)


@given(st.lists(details, max_size=8).map(chain_of))
def test_an_untouched_chain_verifies(events: list[Event]) -> None:
    assert journal.verify(events, head_of(events), scope="test") == len(events)


@given(chains, st.data())
def test_an_edited_event_is_named(events: list[Event], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(events) - 1))
    change = data.draw(
        st.sampled_from(
            [
                {"actor": UserKey(2)},
                {"actor": None},
                {"action": "delete"},
                {"kind": "annotation"},
                {"key": 5},
                {"job": 5},
                {"project": ProjectKey(8)},
                {"at": START},
                {"detail": ["another"]},
                {"previous": "f" * 64},
                {"digest": "f" * 64},
            ]
        )
    )
    edited = [*events[:place], events[place].model_copy(update=change), *events[place + 1 :]]
    with pytest.raises(VerificationError, match=f"event {place + 1}$"):
        journal.verify(edited, head_of(events), scope="test")


@given(chains, st.data())
def test_a_removed_event_is_named(events: list[Event], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(events) - 1))
    with pytest.raises(VerificationError, match=f"event {place + 1}$"):
        journal.verify(events[:place] + events[place + 1 :], head_of(events), scope="test")


@given(chains, st.data())
def test_reordered_events_are_named(events: list[Event], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(events))).filter(lambda order: list(order) != sorted(order)))
    first = next(place for place, moved in enumerate(order) if place != moved)
    with pytest.raises(VerificationError, match=f"event {first + 1}$"):
        journal.verify([events[place] for place in order], head_of(events), scope="test")


@given(chains)
def test_an_added_event_is_named(events: list[Event]) -> None:
    with pytest.raises(VerificationError, match=f"event {len(events)}$"):
        journal.verify(events, head_of(events[:-1]), scope="test")


@given(chains)
def test_a_missing_head_is_found(events: list[Event]) -> None:
    with pytest.raises(VerificationError):
        journal.verify(events, None, scope="test")


def test_events_hold_no_number_that_is_no_json() -> None:
    with pytest.raises(ValueError, match="JSON"):
        chain_of([float("nan")])


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
class TestInTheDatabase:
    @pytest.fixture
    def database(self, workspace: Workspace):
        made = Database(workspace.settings.database_url)
        yield made
        made.close()

    def test_every_chain_verifies_after_ordinary_work(self, workspace: Workspace, project: Project) -> None:
        assert workspace.journal.verify(project.record.id) == project.journal.verify() == 3
        assert workspace.journal.verify_all() > 4

    def test_an_event_edited_in_place_is_named(
        self, workspace: Workspace, project: Project, database: Database
    ) -> None:
        event = schema.event
        with database.write() as transaction:
            place = (event.c.scope == project.record.id) & (event.c.number == 2)
            transaction.execute(update(event).where(place).values(actor=999))
        with pytest.raises(VerificationError, match="event 2"):
            project.journal.verify()
        with pytest.raises(VerificationError, match="event 2"):
            workspace.journal.verify_all()

    def test_a_detail_that_is_no_json_any_more_is_named(self, project: Project, database: Database) -> None:
        event = schema.event
        with database.write() as transaction:
            place = (event.c.scope == project.record.id) & (event.c.number == 1)
            transaction.execute(update(event).where(place).values(detail="{"))
        with pytest.raises(VerificationError, match="event 1"):
            project.journal.verify()

    def test_a_cut_off_end_is_named(self, project: Project, database: Database) -> None:
        event = schema.event
        with database.write() as transaction:
            transaction.execute(delete(event).where(event.c.scope == project.record.id, event.c.number == 3))
        with pytest.raises(VerificationError, match="event 3"):
            project.journal.verify()

    def test_a_chain_removed_whole_is_found(self, workspace: Workspace, project: Project, database: Database) -> None:
        with database.write() as transaction:
            transaction.execute(delete(schema.event).where(schema.event.c.scope == project.record.id))
            transaction.execute(delete(schema.chain).where(schema.chain.c.scope == project.record.id))
        with pytest.raises(VerificationError):
            workspace.journal.verify_all()

    def test_a_refused_change_leaves_no_event(self, project: Project) -> None:
        before = project.journal.verify()
        with pytest.raises(Exception, match="taken"):
            project.ontology.add("lung")
        assert project.journal.verify() == before

    def test_events_speak_of_ids_only(self, workspace: Workspace, project: Project) -> None:
        user, _ = workspace.accounts.add("phantom.reader", firstname="Phantom", lastname="Alpha")
        project.members.add(user.id, [Role.READER])
        last = project.journal.list(after=3)[0]
        assert (last.action, last.kind, last.key) == ("set roles", "member", user.id)
        assert "hantom" not in last.model_dump_json()

    def test_only_who_may_see_the_journal_reads_it(self, workspace: Workspace, project: Project) -> None:
        user, _ = workspace.accounts.add("annotator")
        project.members.add(user.id, [Role.ANNOTATOR])
        theirs = workspace.open(project.record.id, user.id)
        with pytest.raises(ForbiddenError):
            theirs.journal.list()
        with pytest.raises(ForbiddenError):
            theirs.journal.verify()
