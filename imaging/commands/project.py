"""`imaging project`: projects, their profiles and their members."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from imaging.access import Action
from imaging.cli import Commands, Invocation, workspace_options
from imaging.dicom.profile import Profile
from imaging.domain.epoch import RotationPolicy
from imaging.domain.people import Member, Role
from imaging.domain.project import EditingMode, IrregularPolicy
from imaging.ontology_file import read_terms
from imaging.project.project import Project


class _ProjectCommands(Commands):
    points = "imaging.commands.project"


@click.group("project", cls=_ProjectCommands)
def command() -> None:
    """Projects, their profiles and their members."""


@command.command("create")
@click.argument("name")
@click.option(
    "--ontology",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML or JSON list of terms: name, and color, parent, comment, concept where wanted.",
)
@workspace_options
def create(invocation: Invocation, name: str, ontology: Path | None) -> None:
    """Create a project; you become its manager and controller."""
    workspace = invocation.workspace()
    terms = () if ontology is None else read_terms(ontology)
    project = workspace.create_project(invocation.user(workspace).id, name, terms=terms)
    record = project.record
    invocation.show({"id": record.id, "name": record.name}, f"{record.id}  {record.name}")


@command.command("list")
@workspace_options
def list_projects(invocation: Invocation) -> None:
    """List the projects that you are a member of."""
    workspace = invocation.workspace()
    records = workspace.projects_of(invocation.user(workspace).id)
    rows = [{"id": record.id, "name": record.name, "images": record.images} for record in records]
    invocation.show(rows, "\n".join(f"{row['id']:>6}  {row['images']:>6} images  {row['name']}" for row in rows))


@command.command("profile")
@click.argument("project")
@click.option("--set", "chosen", metavar="NAME|FILE", help="research, basic, longitudinal, or a TOML file of options.")
@workspace_options
def profile(invocation: Invocation, project: str, chosen: str | None) -> None:
    """Show how a project pseudonymises what arrives, or set it; images that are there stay as they are."""
    opened = invocation.project(invocation.workspace(), project)
    if chosen is not None:
        opened.profile.set(Profile.read(chosen))
    now = opened.profile.get()
    options = now.model_dump(mode="json")
    others = _count_others(opened, now)
    lines = [f"{name:<20} {value}" for name, value in ({**options, "hash": now.hash}).items()]
    if others:
        command = f"imaging project repseudonymise {shlex.quote(opened.record.name)}"
        lines.append(f"{others} images are under another profile; where this one is stricter: {command}")
    name, version = options.pop("name"), options.pop("version")
    document = {"name": name, "version": version, "options": options, "hash": now.hash, "others": others}
    invocation.show(document, "\n".join(lines))


@command.command("policy")
@click.argument("project")
@click.option(
    "--irregular",
    type=click.Choice([policy.value for policy in IrregularPolicy]),
    help="Volumes whose planes are tilted, uneven or missing: hold them, or keep each as one image that says so.",
)
@click.option(
    "--editing",
    type=click.Choice([mode.value for mode in EditingMode]),
    help="Whose drawings annotators change: everybody's (classic), their own (restricted), or nobody's (read_only).",
)
@workspace_options
def policy(invocation: Invocation, project: str, irregular: str | None, editing: str | None) -> None:
    """Show what becomes of volumes that form no regular grid and who changes whose drawings, or set it."""
    opened = invocation.project(invocation.workspace(), project)
    record = opened.facts()
    if irregular is not None or editing is not None:
        record = opened.edit(
            irregular=None if irregular is None else IrregularPolicy(irregular),
            editing=None if editing is None else EditingMode(editing),
        )
    facts = {"irregular": record.irregular.value, "editing": record.editing.value}
    lines = [f"{name:<10} {value}" for name, value in facts.items()]
    invocation.show({"id": record.id, "name": record.name, **facts}, "\n".join(lines))


@command.command("rotate-key")
@click.argument("project")
@click.option(
    "--policy",
    required=True,
    type=click.Choice([policy.value for policy in RotationPolicy]),
    help="link: who is here keeps pseudonym, dates and UIDs. break: everybody gets new ones, and nothing joins them.",
)
@workspace_options
def rotate_key(invocation: Invocation, project: str, policy: str) -> None:
    """Make a new key for the pseudonyms to come; it cannot be undone. Earlier keys stay, sealed."""
    opened = invocation.project(invocation.workspace(), project)
    epoch = opened.secrets.rotate(RotationPolicy(policy))
    document = {"id": opened.record.id, "name": opened.record.name, "epoch": epoch, "policy": policy}
    invocation.show(document, f"{opened.record.name} has key {epoch} ({policy})")


@command.group("member")
def member() -> None:
    """Members and their roles."""


@member.command("add")
@click.argument("project")
@click.argument("user")
@click.argument("role", type=click.Choice([role.value for role in Role]))
@workspace_options
def add(invocation: Invocation, project: str, user: str, role: str) -> None:
    """Give a user a role in a project, beside those held."""
    workspace = invocation.workspace()
    opened = invocation.project(workspace, project)
    made = opened.members.add(workspace.accounts.find(user).id, [Role(role)])
    roles = _roles(made)
    document = {"id": opened.record.id, "name": opened.record.name, "user": made.user.username, "roles": roles}
    invocation.show(document, f"{made.user.username} is {', '.join(roles)} in {opened.record.name}")


@member.command("list")
@click.argument("project")
@workspace_options
def list_members(invocation: Invocation, project: str) -> None:
    """List the members of a project."""
    workspace = invocation.workspace()
    members = invocation.project(workspace, project).members.list()
    rows: list[dict[str, Any]] = [
        {"id": held.user.id, "user": held.user.username, "roles": _roles(held)} for held in members
    ]
    invocation.show(rows, "\n".join(f"{row['user']}  {', '.join(row['roles'])}" for row in rows))


@member.command("remove")
@click.argument("project")
@click.argument("user")
@workspace_options
def remove(invocation: Invocation, project: str, user: str) -> None:
    """End a membership; what the member made stays."""
    workspace = invocation.workspace()
    opened = invocation.project(workspace, project)
    opened.members.remove(workspace.accounts.find(user).id)
    document = {"id": opened.record.id, "name": opened.record.name, "user": user}
    invocation.show(document, f"{user} is no longer in {opened.record.name}")


def _count_others(project: Project, now: Profile) -> int | None:
    """Count the images under another profile; None for a member who sees no images."""
    if not project.may(Action.SEE_IMAGES):
        return None
    hashes = [image.attributes.profile_hash for image in project.images.list()]
    return sum(one not in ("", now.hash) for one in hashes)


def _roles(member: Member) -> list[str]:
    return sorted(role.value for role in member.roles)
