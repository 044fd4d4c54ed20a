"""What members say of a project, its images and annotations: properties, descriptions and tags."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Sequence

from imaging.access import Action
from imaging.change import Change
from imaging.domain.base import ImageKey
from imaging.domain.command import Thing
from imaging.domain.remark import Description, Property, TagUse, Target
from imaging.errors import NotFoundError, StateError
from imaging.project.commands import Touched, record, touch
from imaging.project.gate import Gate
from imaging.project.targets import SAYERS, SEERS, require_author, require_target
from imaging.store import remarks as rows
from imaging.taxonomy import check_name, check_text

_LONGEST_VALUE = 65_536
_LONGEST_TEXT = 1_000_000


class Properties:
    """Keys and values of things in one project."""

    def list(self, target: Target, *, key: str | None = None) -> list[Property]:
        """What is said of a thing, oldest first, or under one key."""
        with self._gate.read(*SEERS) as transaction:
            require_target(transaction, self._gate, target, writing=False)
            return rows.list_properties(transaction, self._gate.project, target, key=key)

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def of_images(self, keys: Collection[ImageKey] | None = None) -> builtins.list[Property]:
        """What is said of some images, or of every one of the project, by image and key."""
        with self._gate.read(Action.SEE_IMAGES) as transaction:
            return rows.list_properties_of_images(transaction, self._gate.project, keys)

    def get(self, target: Target, key: int) -> Property:
        """Find by id, of the thing that it is said of."""
        with self._gate.read(*SEERS) as transaction:
            require_target(transaction, self._gate, target, writing=False)
            found = rows.get_property(transaction, self._gate.project, key)
        if found is None or found.target != target:
            raise NotFoundError("property", key)
        return found

    def find(self, target: Target, key: str) -> Property:
        """Find the first that a thing has under one key."""
        found = self.list(target, key=key)
        if not found:
            raise NotFoundError("property")
        return found[0]

    def add(self, target: Target, said: Sequence[tuple[str, str]]) -> builtins.list[Property]:
        """Say something of a thing, all or nothing of what is sent together."""
        with self._gate.change(*SAYERS) as change:
            image = require_target(change.transaction, self._gate, target, writing=True)
            first = change.reserve(max(len(said), 1))
            made = [
                Property(
                    id=first + number,
                    target=target,
                    user=self._gate.user,
                    key=check_name("property", key),
                    value=check_text(value, _LONGEST_VALUE),
                    created=change.at,
                    updated=change.at,
                )
                for number, (key, value) in enumerate(said)
            ]
            rows.insert_properties(change.transaction, self._gate.project, made)
            _note(change, "add", "property", target, first)
            record(change, self._gate, Thing.PROPERTY, [Touched(one.id, image) for one in made])
        return made

    def edit(self, target: Target, key: int, *, name: str | None = None, value: str | None = None) -> Property:
        """Say something else."""
        with self._gate.change(*SAYERS) as change:
            image = require_target(change.transaction, self._gate, target, writing=True)
            before = self._held(change, target, key)
            require_author(self._gate, before.target, before.user)
            touched = touch(change, Thing.PROPERTY, key, image)
            after = before.model_copy(
                update={
                    "key": before.key if name is None else check_name("property", name),
                    "value": before.value if value is None else check_text(value, _LONGEST_VALUE),
                    "updated": change.at,
                    "version": before.version + 1,
                }
            )
            rows.update_property(change.transaction, after)
            _note(change, "edit", "property", target, key)
            record(change, self._gate, Thing.PROPERTY, [touched])
        return after

    def delete(self, target: Target, key: int) -> Property:
        """Take back what was said, and give what it was."""
        with self._gate.change(*SAYERS) as change:
            image = require_target(change.transaction, self._gate, target, writing=True)
            before = self._held(change, target, key)
            require_author(self._gate, before.target, before.user)
            touched = touch(change, Thing.PROPERTY, key, image)
            rows.delete_property(change.transaction, key)
            _note(change, "delete", "property", target, key)
            record(change, self._gate, Thing.PROPERTY, [touched])
        return before

    def _held(self, change: Change, target: Target, key: int) -> Property:
        found = rows.get_property(change.transaction, self._gate.project, key)
        if found is None or found.target != target:
            raise NotFoundError("property", key)
        return found


class Descriptions:
    """Texts on things in one project, one of each."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def get(self, target: Target) -> Description:
        """Give the text on a thing; NotFoundError where there is none."""
        with self._gate.read(*SEERS) as transaction:
            require_target(transaction, self._gate, target, writing=False)
            found = rows.get_description(transaction, self._gate.project, target)
        if found is None:
            raise NotFoundError("description")
        return found

    def add(self, target: Target, text: str) -> Description:
        """Describe a thing that has no description yet."""
        return self._write(target, text, new=True)

    def edit(self, target: Target, text: str) -> Description:
        """Describe a thing otherwise."""
        return self._write(target, text, new=False)

    def delete(self, target: Target) -> Description:
        """Take a description away, and give what it was."""
        with self._gate.change(*SAYERS) as change:
            image = require_target(change.transaction, self._gate, target, writing=True)
            before = rows.get_description(change.transaction, self._gate.project, target)
            if before is None:
                raise NotFoundError("description")
            require_author(self._gate, before.target, before.user)
            touched = touch(change, Thing.DESCRIPTION, before.id, image)
            rows.delete_description(change.transaction, before.id)
            _note(change, "delete", "description", target, before.id)
            record(change, self._gate, Thing.DESCRIPTION, [touched])
        return before

    def _write(self, target: Target, text: str, *, new: bool) -> Description:
        checked = check_text(text, _LONGEST_TEXT)
        with self._gate.change(*SAYERS) as change:
            image = require_target(change.transaction, self._gate, target, writing=True)
            before = rows.get_description(change.transaction, self._gate.project, target)
            if before is None and not new:
                raise NotFoundError("description")
            if before is not None and new:
                raise StateError("description", "there is one already")
            if before is None:
                key = change.reserve()
                touched = Touched(key, image)
                times = {"created": change.at, "updated": change.at}
                made = Description(id=key, target=target, user=self._gate.user, text=checked, **times)
            else:
                require_author(self._gate, before.target, before.user)
                touched = touch(change, Thing.DESCRIPTION, before.id, image)
                facts = {"text": checked, "updated": change.at, "version": before.version + 1}
                made = before.model_copy(update=facts)
            rows.put_description(change.transaction, self._gate.project, made)
            _note(change, "add" if new else "edit", "description", target, made.id)
            record(change, self._gate, Thing.DESCRIPTION, [touched])
        return made


class TagUses:
    """Tags that mark things in one project."""

    def list(self, target: Target) -> list[TagUse]:
        """What a thing is marked with, oldest first."""
        with self._gate.read(*SEERS) as transaction:
            require_target(transaction, self._gate, target, writing=False)
            return rows.list_tag_uses(transaction, self._gate.project, target)

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def get(self, key: int) -> TagUse:
        """Find by id."""
        with self._gate.read(*SEERS) as transaction:
            found = rows.get_tag_use(transaction, self._gate.project, key)
            if found is None:
                raise NotFoundError("tag", key)
            require_target(transaction, self._gate, found.target, writing=False)
        return found

    def add(self, target: Target, tag: int) -> TagUse:
        """Mark a thing with a tag that the member sees; one that it has already stays as it is."""
        with self._gate.change(*SAYERS) as change:
            image = require_target(change.transaction, self._gate, target, writing=True)
            held = rows.list_tag_uses(change.transaction, self._gate.project, target)
            for use in held:
                if use.tag == tag:
                    change.leave()
                    return use
            found = rows.get_tag(change.transaction, self._gate.user, tag)
            if found is None:
                raise NotFoundError("tag", tag)
            key = change.reserve()
            made = TagUse(id=key, tag=tag, name=found.name, target=target, user=self._gate.user, created=change.at)
            rows.insert_tag_use(change.transaction, self._gate.project, made)
            _note(change, "add", "tag use", target, key)
            record(change, self._gate, Thing.TAG_USE, [Touched(key, image)])
        return made

    def delete(self, key: int) -> TagUse:
        """Take a mark away, and give what it was."""
        with self._gate.change(*SAYERS) as change:
            before = rows.get_tag_use(change.transaction, self._gate.project, key)
            if before is None:
                raise NotFoundError("tag", key)
            image = require_target(change.transaction, self._gate, before.target, writing=True)
            require_author(self._gate, before.target, before.user)
            touched = touch(change, Thing.TAG_USE, key, image)
            rows.delete_tag_use(change.transaction, key)
            _note(change, "delete", "tag use", before.target, key)
            record(change, self._gate, Thing.TAG_USE, [touched])
        return before


def check_said(said: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Give keys and values as they are kept, or refuse those that no property has."""
    return [(check_name("property", key), check_text(value, _LONGEST_VALUE)) for key, value in said]


def _note(change: Change, action: str, kind: str, target: Target, key: int) -> None:
    # Neither key nor value: the journal keeps what it was told, whatever is erased.
    change.note(action, kind, key, {target.kind.value: target.id})
