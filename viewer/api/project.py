"""Projects and their members."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from imaging.access import Action, allowed
from imaging.domain.base import OntologyKey, UserKey
from imaging.domain.people import Member, Role
from imaging.errors import NotFoundError, StateError
from imaging.project.project import Project
from viewer.api.shapes.envelope import Collection, call_back
from viewer.api.shapes.people import MembershipSent, UserChanged, UserShape
from viewer.api.shapes.project import ProjectChanged, ProjectEdited, ProjectSent, ProjectShape
from viewer.deps import Door, Entry, Id, Page
from viewer.people import find_known

router = APIRouter(prefix="/api", tags=["project"])


@router.get("/project.json")
def list_projects(door: Entry, page: Page) -> Collection[ProjectShape]:
    """List the caller's projects."""
    return Collection[ProjectShape].cut(_shapes(door), page)


@router.get("/user/{user}/project.json")
def list_user_projects(user: Id, door: Entry, page: Page) -> Collection[ProjectShape]:
    """List one's own projects, or those that one shares with somebody."""
    known = find_known(door, user)
    mine = _shapes(door)
    if known.id != door.user.id:
        mine = [shape for shape in mine if known.id in _members(door, shape.id)]
    return Collection[ProjectShape].cut(mine, page)


@router.get("/ontology/{ontology}/project.json")
def list_ontology_projects(ontology: Id, door: Entry, page: Page) -> Collection[ProjectShape]:
    """List the caller's projects that use an ontology."""
    door.workspace.ontologies.get(door.user.id, OntologyKey(ontology))
    shapes = [shape for shape in _shapes(door) if shape.ontology == ontology]
    return Collection[ProjectShape].cut(shapes, page)


@router.get("/project/{project}.json")
def show_project(project: Id, door: Entry) -> ProjectShape:
    """Show a project with the caller's roles in it."""
    return _shape(door.project(project))


@router.post("/project.json")
def add_project(sent: ProjectSent, door: Entry) -> ProjectChanged:
    """Make a project; its maker is manager and controller."""
    ontology = None if sent.ontology is None else OntologyKey(sent.ontology)
    made = door.workspace.create_project(door.user.id, sent.name, ontology=ontology)
    return _changed("Add", made)


@router.put("/project/{project}.json")
def edit_project(project: Id, sent: ProjectEdited, door: Entry) -> ProjectChanged:
    """Rename a project, or change what pixels a browser gets or whose drawings annotators change."""
    before = door.project(project)
    name = None if sent.name == before.record.name else sent.name
    before.edit(name=name, pixel_access=sent.pixel_access, editing=sent.editing(before.record.editing))
    return _changed("Edit", door.project(project))


@router.delete("/project/{project}.json")
def delete_project(project: Id, door: Entry) -> ProjectChanged:
    """Refuse: what a project holds is erased by its controller, and that leaves a certificate."""
    door.project(project)
    raise StateError("project", "is not deleted here; its controller erases what it holds with imaging erase")


@router.get("/project/{project}/user.json")
def list_members(project: Id, door: Entry, page: Page) -> Collection[UserShape]:
    """List the members of a project with their roles."""
    members = door.project(project).members.list()
    return Collection[UserShape].cut([UserShape.of_member(member) for member in members], page)


@router.get("/project/{project}/admin.json")
def list_managers(project: Id, door: Entry, page: Page) -> Collection[UserShape]:
    """List the managers of a project."""
    managers = [member for member in door.project(project).members.list() if _manages(member)]
    return Collection[UserShape].cut([UserShape.of_member(member) for member in managers], page)


@router.post("/project/{project}/user/{user}.json")
def add_member(
    project: Id, user: Id, door: Entry, sent: Annotated[MembershipSent | None, Body()] = None
) -> UserChanged:
    """Add a member; roles are added to those held."""
    roles = (sent or MembershipSent()).roles
    return _member_changed("Add", door.project(project).members.add(UserKey(user), roles))


@router.put("/project/{project}/user/{user}.json")
def set_member_roles(project: Id, user: Id, sent: MembershipSent, door: Entry) -> UserChanged:
    """Replace the roles of a member."""
    return _member_changed("Edit", door.project(project).members.set_roles(UserKey(user), sent.roles))


@router.delete("/project/{project}/user/{user}.json")
def remove_member(project: Id, user: Id, door: Entry) -> UserChanged:
    """End a membership; what the member made stays."""
    members = door.project(project).members
    member = _find_member(members.list(), user)
    members.remove(UserKey(user))
    return _member_changed("Delete", member)


@router.post("/project/{project}/user/{user}/admin.json")
def add_manager(project: Id, user: Id, door: Entry) -> UserChanged:
    """Make somebody a manager."""
    return _member_changed("Add", door.project(project).members.add(UserKey(user), {Role.MANAGER}))


@router.delete("/project/{project}/user/{user}/admin.json")
def remove_manager(project: Id, user: Id, door: Entry) -> UserChanged:
    """Take the manager's role away; who holds no other role becomes an annotator."""
    members = door.project(project).members
    left = _find_member(members.list(), user).roles - {Role.MANAGER}
    return _member_changed("Edit", members.set_roles(UserKey(user), left or {Role.ANNOTATOR}))


def _shapes(door: Door) -> list[ProjectShape]:
    names = {ontology.id: ontology.name for ontology in door.workspace.ontologies.list(door.user.id)}
    records = door.workspace.projects_of(door.user.id)
    return [ProjectShape.of(record, ontology_name=names.get(record.ontology)) for record in records]


def _shape(project: Project) -> ProjectShape:
    roles = tuple(sorted(role.value for role in project.member.roles))
    return ProjectShape.of(project.facts(), ontology_name=project.ontology.record().name, roles=roles)


def _changed(change: str, project: Project) -> ProjectChanged:
    callback = call_back(change, "Project", project.record.id)
    return ProjectChanged(message=f"Project: {change}", callback=callback, project=_shape(project))


def _members(door: Door, project: int) -> set[UserKey]:
    return {member.user.id for member in door.project(project).members.list()}


def _manages(member: Member) -> bool:
    return allowed(member.roles, Action.MANAGE_MEMBERS)


def _find_member(members: list[Member], user: int) -> Member:
    for member in members:
        if member.user.id == user:
            return member
    raise NotFoundError("member", user)


def _member_changed(change: str, member: Member) -> UserChanged:
    callback = call_back(change, "User", member.user.id)
    return UserChanged(message=f"Member: {change}", callback=callback, user=UserShape.of_member(member))
