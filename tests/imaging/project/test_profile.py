"""The profile of a project: kept, journalled by its hash, changed by who edits the project."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from imaging.access import Action, allowed
from imaging.dicom.profile import BUILT_IN, Profile
from imaging.domain.people import Role
from imaging.errors import ForbiddenError
from imaging.project.project import Project

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
RESEARCH, BASIC = Profile.built_in("research"), Profile.built_in("basic")


def test_a_new_project_has_the_research_profile(project: Project) -> None:
    assert project.profile.get() == RESEARCH


def test_a_profile_that_is_set_is_the_projects_and_stands_in_the_journal_by_its_hash(project: Project) -> None:
    ours = Profile(name="ours", dates="removed", age_cap_years=80)
    project.profile.set(ours)
    assert project.profile.get() == ours
    (event,) = [event for event in project.journal.list() if event.kind == "profile"]
    assert (event.action, event.detail) == ("set", {"old": RESEARCH.hash, "new": ours.hash, "name": "ours"})


def test_setting_the_same_profile_again_is_no_change(project: Project) -> None:
    events = len(project.journal.list())
    project.profile.set(RESEARCH)
    assert len(project.journal.list()) == events


def test_another_project_keeps_its_own(workspace, project: Project) -> None:
    other = workspace.create_project(project.member.user.id, "other")
    project.profile.set(BASIC)
    assert other.profile.get() == RESEARCH


@pytest.mark.parametrize("role", list(Role))
def test_only_who_edits_the_project_sets_its_profile(as_role: Callable[[Role], Project], role: Role) -> None:
    theirs = as_role(role)
    assert theirs.profile.get() == RESEARCH
    if allowed([role], Action.EDIT_PROJECT):
        theirs.profile.set(BASIC)
        assert theirs.profile.get() == BASIC
    else:
        with pytest.raises(ForbiddenError):
            theirs.profile.set(BASIC)


def test_what_a_hash_stands_for_is_kept_once(project: Project) -> None:
    ours = Profile(name="ours", device=True)
    assert set(project.profile.recorded()) == {Profile.built_in(name).hash for name in BUILT_IN}
    for _ in range(2):
        project.profile.record(ours)
    assert project.profile.recorded()[ours.hash] == ours
    assert [event.action for event in project.journal.list() if event.kind == "profile"] == ["use"]
