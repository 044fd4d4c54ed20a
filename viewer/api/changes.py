"""What every change that can be undone answers."""

from __future__ import annotations

from typing import TypedDict

from pydantic import JsonValue

from imaging.domain.command import Thing
from imaging.project.project import Project
from viewer.api.shapes.command import NOUNS
from viewer.api.shapes.envelope import call_back


class Told(TypedDict):
    """The parts of an answer that say what was done, and by which command it is undone."""

    message: str
    callback: dict[str, JsonValue]
    command: int | None


def tell(project: Project, change: str, thing: Thing, key: int) -> Told:
    """Say what was done to a thing: `change` is Add, Edit or Delete."""
    return Told(
        message=f"{NOUNS[thing]}: {change}",
        callback=call_back(change, NOUNS[thing], key),
        command=project.commands.latest(thing, key),
    )
