"""`imaging journal`: read the journal and check that its chain is unbroken."""

from __future__ import annotations

import click

from imaging.cli import ID, Invocation, workspace_options
from imaging.domain.event import Event
from imaging.errors import ForbiddenError, VerificationError


@click.group("journal")
def command() -> None:
    """Who did what to which thing, when."""


@command.command("verify")
@click.argument("project", required=False)
@workspace_options
def verify(invocation: Invocation, project: str | None) -> None:
    """Verify the chain of a project, or every chain; exit code 4 names the first bad event."""
    workspace = invocation.workspace()
    if project is None and not invocation.user(workspace).operator:
        raise ForbiddenError("verify every journal")
    opened = None if project is None else invocation.project(workspace, project)
    try:
        events = workspace.journal.verify_all() if opened is None else opened.journal.verify()
    except VerificationError as error:
        if invocation.json:
            invocation.show({"ok": False, "first_bad": error.where}, "")
        raise
    invocation.show({"events": events, "ok": True}, f"{events} events, all as they were written")


@command.command("show")
@click.argument("project")
@click.option("--after", type=click.IntRange(0, 2**53 - 1), default=0, help="Start behind this event.")
@click.option("--limit", type=ID, help="Show so many events at most.")
@workspace_options
def show(invocation: Invocation, project: str, after: int, limit: int | None) -> None:
    """Show the events of a project."""
    events = invocation.project(invocation.workspace(), project).journal.list(after=after, limit=limit)
    invocation.show([event.model_dump(mode="json") for event in events], "\n".join(_line(event) for event in events))


def _line(event: Event) -> str:
    at = event.at.isoformat(sep=" ", timespec="seconds")
    actor = "-" if event.actor is None else str(event.actor)
    key = "" if event.key is None else f" {event.key}"
    return f"{event.number:>6}  {at}  user {actor:<6} {event.action} {event.kind}{key}"
