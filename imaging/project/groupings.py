"""Tracks, image groups and annotation groups of a project."""

from __future__ import annotations

import builtins
from collections import defaultdict
from collections.abc import Sequence

from imaging.access import Action
from imaging.domain.base import AnnotationKey, ImageKey
from imaging.domain.command import Thing
from imaging.domain.grouping import AnnotationGroup, AnnotationLink, GroupedImage, ImageGroup, Track, Tracked
from imaging.errors import InvalidInputError, NotFoundError, StateError
from imaging.project.commands import Touched, record, touch
from imaging.project.gate import Gate
from imaging.project.images import require_image
from imaging.project.layers import WRITERS
from imaging.project.targets import require_annotation
from imaging.store import groupings as rows
from imaging.store.database import Transaction
from imaging.taxonomy import check_color, check_name

SAME_OBJECT = "SAME_OBJECT"
_COLOR = "#5dade2"


class Tracks:
    """Objects that are followed over the planes or times of an image."""

    def list(self, image: ImageKey | None = None) -> list[Track]:
        """All tracks, or those of one image, oldest first."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            if image is not None:
                require_image(transaction, self._gate, image)
            return rows.list_tracks(transaction, self._gate.project, image=image)

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def get(self, key: int) -> Track:
        """Find by id."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            return self._held(transaction, key)

    def create(self, image: ImageKey, name: str, color: str | None = None) -> Track:
        """Begin a track; StateError where the image has one of this name."""
        with self._gate.change(*WRITERS) as change:
            require_image(change.transaction, self._gate, image)
            checked = self._check_name(change.transaction, image, name)
            made = Track(
                id=change.reserve(),
                project=self._gate.project,
                image=image,
                name=checked,
                color=check_color(color or _COLOR),
                created=change.at,
                updated=change.at,
            )
            rows.insert_one(change.transaction, made)
            change.note("add", "track", made.id, {"image": image})
            record(change, self._gate, Thing.TRACK, [Touched(made.id, image)])
        return made

    def edit(self, key: int, *, name: str | None = None, color: str | None = None) -> Track:
        """Give another name or color."""
        with self._gate.change(*WRITERS) as change:
            before = self._held(change.transaction, key)
            touched = touch(change, Thing.TRACK, key, before.image)
            renamed = name is not None and name != before.name
            facts: dict[str, object] = {"updated": change.at, "version": before.version + 1}
            if renamed and name is not None:
                facts["name"] = self._check_name(change.transaction, before.image, name)
            if color is not None:
                facts["color"] = check_color(color)
            after = before.model_copy(update=facts)
            rows.update_one(change.transaction, after)
            change.note("edit", "track", key, {"image": before.image})
            record(change, self._gate, Thing.TRACK, [touched])
        return after

    def delete(self, key: int) -> Track:
        """End a track; its annotations stay."""
        with self._gate.change(*WRITERS) as change:
            before = self._held(change.transaction, key)
            touched = touch(change, Thing.TRACK, key, before.image)
            rows.delete_one(change.transaction, Track, key)
            change.note("delete", "track", key, {"image": before.image})
            record(change, self._gate, Thing.TRACK, [touched])
        return before

    def tracked(self, annotation: AnnotationKey, track: int) -> Tracked:
        """Confirm that an annotation shows the object of a track."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            self._held(transaction, track)
            return _pair(transaction, annotation, track)

    def of_annotation(self, annotation: AnnotationKey) -> builtins.list[Tracked]:
        """The tracks of one annotation."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            require_annotation(transaction, self._gate, annotation, writing=False)
            return rows.list_tracked(transaction, annotation_key=annotation)

    def of_annotations(self, keys: Sequence[AnnotationKey]) -> dict[AnnotationKey, builtins.list[Tracked]]:
        """The tracks of those of some annotations that have any, as a listing shows them."""
        found = defaultdict[AnnotationKey, builtins.list[Tracked]](builtins.list)
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            for one in rows.list_tracked_of(transaction, self._gate.project, keys):
                found[one.annotation].append(one)
        return dict(found)

    def follow(self, annotation: AnnotationKey, track: int) -> Tracked:
        """Say that an annotation shows the object of a track of its image; what is said already stays as it is."""
        with self._gate.change(*WRITERS) as change:
            drawn = require_annotation(change.transaction, self._gate, annotation, writing=True)
            if self._held(change.transaction, track).image != drawn.image:
                raise InvalidInputError("the track is one of another image")
            known = rows.list_tracked(change.transaction, annotation_key=annotation, track_key=track)
            if known:
                change.leave()
                return known[0]
            made = Tracked(id=change.reserve(), track=track, annotation=annotation, created=change.at)
            rows.insert_one(change.transaction, made)
            change.note("add", "annotation track", made.id, {"annotation": annotation, "track": track})
            record(change, self._gate, Thing.TRACKED, [Touched(made.id, drawn.image)])
        return made

    def unfollow(self, annotation: AnnotationKey, track: int) -> Tracked:
        """Take that back."""
        with self._gate.change(*WRITERS) as change:
            drawn = require_annotation(change.transaction, self._gate, annotation, writing=True)
            before = _pair(change.transaction, annotation, track)
            touched = touch(change, Thing.TRACKED, before.id, drawn.image)
            rows.delete_one(change.transaction, Tracked, before.id)
            change.note("delete", "annotation track", before.id, {"annotation": annotation, "track": track})
            record(change, self._gate, Thing.TRACKED, [touched])
        return before

    def _held(self, transaction: Transaction, key: int) -> Track:
        found = rows.get_track(transaction, self._gate.project, key)
        if found is None:
            raise NotFoundError("track", key)
        return found

    def _check_name(self, transaction: Transaction, image: ImageKey, name: str) -> str:
        checked = check_name("track", name)
        if any(one.name == checked for one in rows.list_tracks(transaction, self._gate.project, image=image)):
            raise StateError("track", "the image has one of this name")
        return checked


class ImageGroups:
    """Images of one project that are looked at together."""

    def list(self) -> list[ImageGroup]:
        """All groups, oldest first."""
        with self._gate.read(Action.SEE_IMAGES) as transaction:
            return rows.list_image_groups(transaction, self._gate.project)

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def get(self, key: int) -> ImageGroup:
        """Find by id."""
        with self._gate.read(Action.SEE_IMAGES) as transaction:
            return _image_group(transaction, self._gate, key)

    def create(self, name: str) -> ImageGroup:
        """Make an empty group; StateError where there is one of this name."""
        with self._gate.change(Action.EDIT_IMAGES) as change:
            checked = self._check_name(change.transaction, name)
            times = {"created": change.at, "updated": change.at}
            made = ImageGroup(id=change.reserve(), project=self._gate.project, name=checked, **times)
            rows.insert_one(change.transaction, made)
            change.note("add", "image group", made.id)
            record(change, self._gate, Thing.IMAGE_GROUP, [Touched(made.id, None)])
        return made

    def rename(self, key: int, name: str) -> ImageGroup:
        """Give another name."""
        with self._gate.change(Action.EDIT_IMAGES) as change:
            before = _image_group(change.transaction, self._gate, key)
            if check_name("image group", name) == before.name:
                change.leave()
                return before
            touched = touch(change, Thing.IMAGE_GROUP, key, None)
            checked = self._check_name(change.transaction, name)
            after = before.model_copy(update={"name": checked, "updated": change.at, "version": before.version + 1})
            rows.update_one(change.transaction, after)
            change.note("edit", "image group", key, {"fields": ["name"]})
            record(change, self._gate, Thing.IMAGE_GROUP, [touched])
        return after

    def delete(self, key: int) -> ImageGroup:
        """Dissolve a group; its images stay. StateError while annotations are grouped across it."""
        with self._gate.change(Action.EDIT_IMAGES) as change:
            before = _image_group(change.transaction, self._gate, key)
            if rows.list_annotation_groups(change.transaction, self._gate.project, image_group_key=key):
                raise StateError("image group", "annotations are grouped across its images")
            touched = touch(change, Thing.IMAGE_GROUP, key, None)
            rows.delete_one(change.transaction, ImageGroup, key)
            change.note("delete", "image group", key)
            record(change, self._gate, Thing.IMAGE_GROUP, [touched])
        return before

    def images(self, *, group: int | None = None, image: ImageKey | None = None) -> builtins.list[GroupedImage]:
        """Which images are in which groups, of one group, one image, or both."""
        with self._gate.read(Action.SEE_IMAGES) as transaction:
            if group is not None:
                _image_group(transaction, self._gate, group)
            if image is not None:
                require_image(transaction, self._gate, image)
            return rows.list_grouped_images(transaction, self._gate.project, group=group, image=image)

    def find(self, group: int, image: ImageKey) -> GroupedImage:
        """Confirm that an image is in a group."""
        found = self.images(group=group, image=image)
        if not found:
            raise NotFoundError("image of the group")
        return found[0]

    def put(self, group: int, image: ImageKey) -> GroupedImage:
        """Put an image into a group; one that is there stays as it is."""
        with self._gate.change(Action.EDIT_IMAGES) as change:
            _image_group(change.transaction, self._gate, group)
            require_image(change.transaction, self._gate, image)
            known = rows.list_grouped_images(change.transaction, self._gate.project, group=group, image=image)
            if known:
                change.leave()
                return known[0]
            made = GroupedImage(id=change.reserve(), group=group, image=image, created=change.at)
            rows.insert_one(change.transaction, made)
            change.note("add", "image group image", made.id, {"group": group, "image": image})
            record(change, self._gate, Thing.GROUPED_IMAGE, [Touched(made.id, image)])
        return made

    def take_out(self, group: int, image: ImageKey) -> GroupedImage:
        """Take an image out of a group."""
        with self._gate.change(Action.EDIT_IMAGES) as change:
            known = rows.list_grouped_images(change.transaction, self._gate.project, group=group, image=image)
            if not known:
                raise NotFoundError("image of the group")
            touched = touch(change, Thing.GROUPED_IMAGE, known[0].id, image)
            rows.delete_one(change.transaction, GroupedImage, known[0].id)
            change.note("delete", "image group image", known[0].id, {"group": group, "image": image})
            record(change, self._gate, Thing.GROUPED_IMAGE, [touched])
        return known[0]

    def _check_name(self, transaction: Transaction, name: str) -> str:
        checked = check_name("image group", name)
        if any(one.name == checked for one in rows.list_image_groups(transaction, self._gate.project)):
            raise StateError("image group", "there is one of this name")
        return checked


class AnnotationGroups:
    """Annotations that show the same object."""

    def list(self, image_group: int | None = None) -> list[AnnotationGroup]:
        """All groups, or those across one image group, oldest first."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            return rows.list_annotation_groups(transaction, self._gate.project, image_group_key=image_group)

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def get(self, key: int) -> AnnotationGroup:
        """Find by id."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            return self._held(transaction, key)

    def create(self, image_group: int | None = None, kind: str = SAME_OBJECT) -> AnnotationGroup:
        """Make an empty group."""
        if kind != SAME_OBJECT:
            raise InvalidInputError(f"the type of an annotation group is {SAME_OBJECT}")
        with self._gate.change(*WRITERS) as change:
            if image_group is not None:
                _image_group(change.transaction, self._gate, image_group)
            times = {"created": change.at, "updated": change.at}
            key = change.reserve()
            made = AnnotationGroup(id=key, project=self._gate.project, image_group=image_group, kind=kind, **times)
            rows.insert_one(change.transaction, made)
            change.note("add", "annotation group", key)
            record(change, self._gate, Thing.ANNOTATION_GROUP, [Touched(key, None)])
        return made

    def delete(self, key: int) -> AnnotationGroup:
        """Dissolve a group; its annotations stay."""
        with self._gate.change(*WRITERS) as change:
            before = self._held(change.transaction, key)
            touched = touch(change, Thing.ANNOTATION_GROUP, key, None)
            rows.delete_one(change.transaction, AnnotationGroup, key)
            change.note("delete", "annotation group", key)
            record(change, self._gate, Thing.ANNOTATION_GROUP, [touched])
        return before

    def merge(self, key: int, other: int) -> AnnotationGroup:
        """Bring the annotations of another group into one, and dissolve the other."""
        if key == other:
            raise InvalidInputError("a group is merged with another one")
        with self._gate.change(*WRITERS) as change:
            kept = self._held(change.transaction, key)
            self._held(change.transaction, other)
            links = rows.list_links(change.transaction, group=other)
            touched = [touch(change, Thing.ANNOTATION_LINK, link.id, link.image) for link in links]
            gone = touch(change, Thing.ANNOTATION_GROUP, other, None)
            rows.move_links(change.transaction, other, key)
            rows.delete_one(change.transaction, AnnotationGroup, other)
            change.note("merge", "annotation group", key, {"other": other})
            batch = record(change, self._gate, Thing.ANNOTATION_LINK, touched)
            record(change, self._gate, Thing.ANNOTATION_GROUP, [gone], batch=batch)
        return kept

    def links(
        self, *, group: int | None = None, annotation: AnnotationKey | None = None
    ) -> builtins.list[AnnotationLink]:
        """Which annotations are in a group, or which group one is in."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            if group is not None:
                self._held(transaction, group)
            if annotation is not None:
                require_annotation(transaction, self._gate, annotation, writing=False)
            if group is None and annotation is None:
                raise InvalidInputError("name a group or an annotation")
            return rows.list_links(transaction, group=group, annotation_key=annotation)

    def find(self, group: int, annotation: AnnotationKey) -> AnnotationLink:
        """Confirm that an annotation is in a group."""
        found = self.links(group=group, annotation=annotation)
        if not found:
            raise NotFoundError("annotation of the group")
        return found[0]

    def link(self, group: int, annotation: AnnotationKey) -> AnnotationLink:
        """Put an annotation into a group; StateError while it is in another."""
        with self._gate.change(*WRITERS) as change:
            self._held(change.transaction, group)
            drawn = require_annotation(change.transaction, self._gate, annotation, writing=True)
            known = rows.list_links(change.transaction, annotation_key=annotation)
            if known and known[0].group != group:
                raise StateError("annotation", "it is in another group")
            if known:
                change.leave()
                return known[0]
            key = change.reserve()
            made = AnnotationLink(id=key, group=group, annotation=annotation, image=drawn.image, created=change.at)
            rows.insert_one(change.transaction, made)
            change.note("add", "annotation link", key, {"group": group, "annotation": annotation})
            record(change, self._gate, Thing.ANNOTATION_LINK, [Touched(key, drawn.image)])
        return made

    def unlink(self, group: int, annotation: AnnotationKey) -> AnnotationLink:
        """Take an annotation out of a group."""
        with self._gate.change(*WRITERS) as change:
            require_annotation(change.transaction, self._gate, annotation, writing=True)
            known = rows.list_links(change.transaction, group=group, annotation_key=annotation)
            if not known:
                raise NotFoundError("annotation of the group")
            touched = touch(change, Thing.ANNOTATION_LINK, known[0].id, known[0].image)
            rows.delete_one(change.transaction, AnnotationLink, known[0].id)
            change.note("delete", "annotation link", known[0].id, {"group": group, "annotation": annotation})
            record(change, self._gate, Thing.ANNOTATION_LINK, [touched])
        return known[0]

    def _held(self, transaction: Transaction, key: int) -> AnnotationGroup:
        found = rows.get_annotation_group(transaction, self._gate.project, key)
        if found is None:
            raise NotFoundError("annotation group", key)
        return found


def _image_group(transaction: Transaction, gate: Gate, key: int) -> ImageGroup:
    found = rows.get_image_group(transaction, gate.project, key)
    if found is None:
        raise NotFoundError("image group", key)
    return found


def _pair(transaction: Transaction, annotation: AnnotationKey, track: int) -> Tracked:
    found = rows.list_tracked(transaction, annotation_key=annotation, track_key=track)
    if not found:
        raise NotFoundError("annotation of the track")
    return found[0]
