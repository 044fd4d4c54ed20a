"""Every change in full, and how it is taken back or done again."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from imaging.access import Action
from imaging.change import Change
from imaging.domain.base import AnnotationKey, ImageKey, LayerKey, UserKey
from imaging.domain.command import Command, Deed, Snapshot, Thing
from imaging.domain.remark import Target, TargetKind
from imaging.errors import ForbiddenError, NotFoundError, StateError
from imaging.project.gate import Gate
from imaging.project.layers import WRITERS, require_drawing
from imaging.project.targets import SAYERS, require_annotation, require_author, require_commenter, require_target
from imaging.store import commands as rows
from imaging.store import snapshots
from imaging.store.database import Transaction

_CHANGED = "it was changed since: undo the later change first"
_FEW = 100
"""So many things that one request adds are kept as they were made; of more it is read only when they are undone."""


class Commands:
    """Commands of one project."""

    def list(
        self, *, user: UserKey | None = None, offset: int = 0, limit: int | None = None
    ) -> tuple[list[Command], int]:
        """One page of the commands, newest first, with the count of all; others' for who sees the journal."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            if user != self._gate.user and not self.sees_all():
                raise ForbiddenError("see what others changed")
            return rows.list_commands(transaction, self._gate.project, user=user, offset=offset, limit=limit)

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def sees_all(self) -> bool:
        """Whether the member may see what others changed."""
        self._gate.require(Action.SEE_ANNOTATIONS)
        return self._gate.may(Action.SEE_JOURNAL, Action.REVIEW)

    def latest(self, thing: Thing, key: int) -> int | None:
        """The member's newest command on a thing."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            return rows.find_latest(transaction, self._gate.project, self._gate.user, thing, key)

    def undo(self, key: int) -> builtins.list[Command]:
        """Take a command back, with all that its request did; gives them, the last one first.

        Raises
        ------
        StateError
            It is undone already, or its thing was changed since.
        """
        return self._turn(key, undo=True)

    def redo(self, key: int) -> builtins.list[Command]:
        """Do again what was taken back; see `undo`."""
        return self._turn(key, undo=False)

    def _turn(self, key: int, *, undo: bool) -> builtins.list[Command]:
        with self._gate.change(*SAYERS) as change:
            asked = rows.get_command(change.transaction, self._gate.project, key)
            if asked is None:
                raise NotFoundError("command", key)
            if (asked.undone is None) != undo:
                raise StateError("command", "it is undone already" if undo else "it is not undone")
            batch = rows.list_batch(change.transaction, self._gate.project, asked.batch)
            turned = [one for one in batch if (one.undone is None) == undo]
            return [self._turn_one(change, one, undo=undo) for one in (reversed(turned) if undo else turned)]

    def _turn_one(self, change: Change, command: Command, *, undo: bool) -> Command:
        now = snapshots.take(change.transaction, command.thing, command.key)
        # Of many things that were added at once nobody kept how they were; see `record`.
        after = now if command.deed is Deed.ADD and undo else command.after
        expected, wanted = (after, command.before) if undo else (command.before, command.after)
        if now is wanted is None or not snapshots.same(command.thing, now, expected):
            raise StateError("command", _CHANGED)
        self._require(change.transaction, command, now or wanted)
        snapshots.put(change.transaction, command.thing, command.key, wanted)
        turned = command.model_copy(update={"undone": change.at if undo else None, "after": after})
        rows.mark(change.transaction, command.id, undone=turned.undone, after=after)
        detail: JsonValue = {"command": command.id, "image": command.image, "of": command.deed.value}
        change.note("undo" if undo else "redo", command.thing.value, command.key, detail)
        return turned

    def _require(self, transaction: Transaction, command: Command, snapshot: Snapshot | None) -> None:
        """Refuse unless the member may write where the thing lies, as for any other change of it."""
        (row,) = (snapshot or {})[command.thing.value]
        match command.thing:
            case Thing.ANNOTATION:
                layer, image = (int(str(row[name])) for name in ("layer", "image"))
                require_drawing(transaction, self._gate, LayerKey(layer), ImageKey(image))
            case Thing.IMAGE_REVIEW:
                self._gate.require(Action.REVIEW)
            case Thing.PROPERTY | Thing.DESCRIPTION | Thing.TAG_USE | Thing.ATTACHED_FILE:
                target = _target_of(row)
                require_target(transaction, self._gate, target, writing=True)
                require_author(self._gate, target, UserKey(int(str(row["account"]))))
            case Thing.TRACKED | Thing.ANNOTATION_LINK:
                target = Target(kind=TargetKind.ANNOTATION, id=int(str(row["annotation"])))
                require_target(transaction, self._gate, target, writing=True)
            case Thing.COMMENT:
                require_annotation(transaction, self._gate, AnnotationKey(int(str(row["annotation"]))), writing=False)
                require_commenter(self._gate, UserKey(int(str(row["account"]))))
            case Thing.TRACK | Thing.ANNOTATION_GROUP:
                self._gate.require(*WRITERS)
            case Thing.IMAGE_GROUP | Thing.GROUPED_IMAGE:
                self._gate.require(Action.EDIT_IMAGES)


def _target_of(row: Mapping[str, JsonValue]) -> Target:
    kind = next((kind for kind in (TargetKind.ANNOTATION, TargetKind.IMAGE) if row[kind.value]), TargetKind.PROJECT)
    return Target(kind=kind, id=int(str(row[kind.value])))


@dataclass(frozen=True)
class Touched:
    """A thing that an open change touches, with all of it as it was before; None where it is new."""

    key: int
    image: ImageKey | None
    before: Snapshot | None = None


def touch(change: Change, thing: Thing, key: int, image: ImageKey | None) -> Touched:
    """Read all of a thing that is about to change, for `record`."""
    return Touched(key, image, snapshots.take(change.transaction, thing, key))


def record(
    change: Change, gate: Gate, thing: Thing, touched: Sequence[Touched], *, batch: int | None = None
) -> int | None:
    """Keep what an open change did to some things, so that it can be undone; call it last.

    Parameters
    ----------
    batch
        What an earlier call of the same change gave, where it touches things of several kinds.
    """
    if not touched:
        return batch
    first = change.reserve(len(touched))
    looked = len(touched) <= _FEW
    records = []
    for number, one in enumerate(touched):
        now = snapshots.take(change.transaction, thing, one.key) if looked or one.before is not None else None
        deed = Deed.ADD if one.before is None else Deed.EDIT if now is not None else Deed.DELETE
        records.append(
            Command(
                id=first + number,
                project=gate.project,
                user=gate.user,
                deed=deed,
                thing=thing,
                key=one.key,
                image=one.image,
                before=one.before,
                after=now,
                batch=batch or first,
                created=change.at,
            )
        )
    rows.insert_commands(change.transaction, records)
    return batch or first
