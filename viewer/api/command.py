"""What was changed, and taking it back. Cytomine undoes by GET; a browser needs the header of our own page for it."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from imaging.domain.command import Command
from viewer.api.shapes.command import CommandShape, TurnedShape
from viewer.api.shapes.envelope import Collection
from viewer.deps import Entry, Id, Page, Paging, WritingEntry

router = APIRouter(prefix="/api", tags=["command"])

_ALL = Paging(0, None)


@router.get("/command/undo.json")
@router.post("/command/undo.json", name="undo_last_by_post")
def undo_last(door: WritingEntry) -> Collection[TurnedShape]:
    """Take back what the caller did last, in whatever project."""
    _, turned = door.workspace.undo_last(door.user.id)
    return _show(turned, undo=True)


@router.get("/command/redo.json")
@router.post("/command/redo.json", name="redo_next_by_post")
def redo_next(door: WritingEntry) -> Collection[TurnedShape]:
    """Do again what the caller took back last, unless they did something since."""
    _, turned = door.workspace.redo_next(door.user.id)
    return _show(turned, undo=False)


@router.get("/command/{command}/undo.json")
@router.post("/command/{command}/undo.json", name="undo_by_post")
def undo(command: Id, door: WritingEntry) -> Collection[TurnedShape]:
    """Take one command back, with all that its request did."""
    return _show(door.locate("command", command).commands.undo(command), undo=True)


@router.get("/command/{command}/redo.json")
@router.post("/command/{command}/redo.json", name="redo_by_post")
def redo(command: Id, door: WritingEntry) -> Collection[TurnedShape]:
    """Do again what was taken back."""
    return _show(door.locate("command", command).commands.redo(command), undo=False)


@router.get("/project/{project}/commandhistory.json")
def list_commands(project: Id, door: Entry, page: Page) -> Collection[CommandShape]:
    """List the commands in a project, newest first: everybody's for who may see the journal, else one's own."""
    opened = door.project(project)
    user = None if opened.commands.sees_all() else door.user.id
    found, total = opened.commands.list(user=user, offset=page.offset, limit=page.limit)
    return Collection[CommandShape].page([CommandShape.of(one) for one in found], total, page)


def _show(turned: Sequence[Command], *, undo: bool) -> Collection[TurnedShape]:
    shapes = [TurnedShape.of(one, undo=undo) for one in turned]
    return Collection[TurnedShape].page(shapes, len(shapes), _ALL)
