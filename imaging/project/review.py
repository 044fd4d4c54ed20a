"""Review of what was drawn: accepted as copies in a layer of its own, which are then corrected or rejected."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import shapely

from imaging.access import Action
from imaging.change import Change
from imaging.domain.annotation import Annotation, AnnotationFilter, Box, Layer
from imaging.domain.base import AnnotationKey, ImageKey, LayerKey, TermKey, UserKey
from imaging.domain.command import Thing
from imaging.domain.image import Image
from imaging.domain.review import ImageReview
from imaging.errors import ForbiddenError, NotFoundError, StateError
from imaging.project.commands import Touched, record, touch
from imaging.project.gate import Gate
from imaging.project.images import require_image
from imaging.project.layers import Layers, require_under_review
from imaging.project.ontology import require_terms
from imaging.project.targets import require_annotation
from imaging.store import annotations as annotation_rows
from imaging.store import reviews as rows


class Reviews:
    """Reviews of the images of one project.

    One member reviews an image at a time. What is accepted is copied, so that it stays as it was accepted whatever
    becomes of its parent; a correction changes the copy alone.
    """

    def __init__(self, gate: Gate, layers: Layers) -> None:
        self._gate = gate
        self._layers = layers

    def start(self, image: ImageKey) -> Image:
        """Take an image under one's own review; one that is under it already stays."""
        with self._gate.change(Action.REVIEW) as change:
            require_image(change.transaction, self._gate, image)
            known = rows.get_review(change.transaction, image)
            if known is not None:
                require_under_review(change.transaction, self._gate, image)
                change.leave()
            else:
                made = ImageReview(image=image, reviewer=self._gate.user, started=change.at)
                rows.insert_review(change.transaction, made)
                change.note("start", "review", image)
                record(change, self._gate, Thing.IMAGE_REVIEW, [Touched(image, image)])
            return require_image(change.transaction, self._gate, image)

    def validate(self, image: ImageKey) -> Image:
        """End one's own review: the image counts as reviewed, and what was accepted is changed no more."""
        with self._gate.change(Action.REVIEW) as change:
            require_image(change.transaction, self._gate, image)
            known = require_under_review(change.transaction, self._gate, image)
            self._write(change, known.model_copy(update={"stopped": change.at}), "validate")
            return require_image(change.transaction, self._gate, image)

    def cancel(self, image: ImageKey) -> Image:
        """Take back that an image counts as reviewed, or else that its review began.

        Raises
        ------
        StateError
            There is no review, or something is accepted in it.
        ForbiddenError
            Another member reviews the image; who edits images may cancel for them.
        """
        with self._gate.change(Action.REVIEW) as change:
            held = require_image(change.transaction, self._gate, image)
            known = rows.get_review(change.transaction, image)
            if known is None:
                raise StateError("image", "nobody reviews it")
            if known.reviewer != self._gate.user and not self._gate.may(Action.EDIT_IMAGES):
                raise ForbiddenError("cancel another member's review")
            if known.stopped is not None:
                self._write(change, known.model_copy(update={"stopped": None}), "reopen")
            elif held.reviewed_annotations:
                raise StateError("image", "something is accepted in its review; reject that first")
            else:
                touched = touch(change, Thing.IMAGE_REVIEW, image, image)
                rows.delete_review(change.transaction, image)
                change.note("cancel", "review", image)
                record(change, self._gate, Thing.IMAGE_REVIEW, [touched])
            return require_image(change.transaction, self._gate, image)

    def _write(self, change: Change, review: ImageReview, action: str) -> None:
        touched = touch(change, Thing.IMAGE_REVIEW, review.image, review.image)
        rows.update_review(change.transaction, review)
        change.note(action, "review", review.image)
        record(change, self._gate, Thing.IMAGE_REVIEW, [touched])

    def accept(self, key: AnnotationKey, terms: Iterable[TermKey] | None = None) -> Annotation:
        """Copy an annotation into the layer of the review, with its own terms unless others are named."""
        layer = self._layers.review()
        with self._gate.change(Action.REVIEW) as change:
            parent = require_annotation(change.transaction, self._gate, key, writing=False)
            require_under_review(change.transaction, self._gate, parent.image)
            if parent.layer == layer.id:
                raise StateError("annotation", "it is a reviewed copy itself")
            if rows.copies_of(change.transaction, layer.id, [key]):
                raise StateError("annotation", "it is accepted already")
            if terms is not None:
                parent = parent.model_copy(update={"terms": tuple(dict.fromkeys(terms))})
                require_terms(change.transaction, self._gate, parent.terms)
            (copy,) = self._copy(change, layer, [parent])
        return copy

    def reject(self, key: AnnotationKey) -> Annotation:
        """Remove the reviewed copy that is named, or that was made of what is named; gives what it was."""
        layer = self._layers.review()
        with self._gate.change(Action.REVIEW) as change:
            copies = rows.copies_of(change.transaction, layer.id, [key])
            copy = require_annotation(
                change.transaction, self._gate, AnnotationKey(copies.get(key, key)), writing=False
            )
            if copy.layer != layer.id:
                raise NotFoundError("reviewed annotation", key)
            require_under_review(change.transaction, self._gate, copy.image)
            self._remove(change, [copy])
        return copy

    def accept_all(
        self, image: ImageKey, *, users: Collection[UserKey] = (), layers: Collection[LayerKey] = ()
    ) -> list[Annotation]:
        """Accept what some members drew on an image, or what some layers hold, but for what is accepted already."""
        layer = self._layers.review()
        with self._gate.change(Action.REVIEW) as change:
            require_image(change.transaction, self._gate, image)
            require_under_review(change.transaction, self._gate, image)
            wanted = AnnotationFilter(images=(image,), users=tuple(users), layers=tuple(layers), unaccepted=True)
            found = annotation_rows.list_annotations(change.transaction, self._gate.project, wanted)
            parents = [one for one in found if one.layer != layer.id]
            if not parents:
                change.leave()
                return []
            return self._copy(change, layer, parents)

    def reject_all(
        self, image: ImageKey, *, users: Collection[UserKey] = (), layers: Collection[LayerKey] = ()
    ) -> list[Annotation]:
        """Remove the reviewed copies of what some members drew on an image, or of what some layers hold."""
        layer = self._layers.review()
        with self._gate.change(Action.REVIEW) as change:
            require_image(change.transaction, self._gate, image)
            require_under_review(change.transaction, self._gate, image)
            wanted = AnnotationFilter(images=(image,), users=tuple(users), layers=(layer.id,))
            copies = annotation_rows.list_annotations(change.transaction, self._gate.project, wanted)
            if layers:
                of_layers = AnnotationFilter(images=(image,), layers=tuple(layers))
                held = annotation_rows.list_annotations(change.transaction, self._gate.project, of_layers)
                parents = {one.id for one in held}
                copies = [copy for copy in copies if copy.parent in parents]
            if not copies:
                change.leave()
                return []
            self._remove(change, copies)
        return copies

    def _copy(self, change: Change, layer: Layer, parents: Sequence[Annotation]) -> list[Annotation]:
        first = change.reserve(len(parents))
        facts = {"layer": layer.id, "reviewed": True, "reviewer": self._gate.user, "accepted": False, "comments": 0}
        times = {"created": change.at, "updated": change.at, "version": 0}
        copies = [
            parent.model_copy(update={"id": AnnotationKey(first + place), "parent": parent.id, **facts, **times})
            for place, parent in enumerate(parents)
        ]
        annotation_rows.insert_annotations(change.transaction, [(copy, _box(copy.wkt)) for copy in copies])
        for copy in copies:
            change.note("accept", "annotation", copy.parent, {"image": copy.image, "copy": copy.id})
        record(change, self._gate, Thing.ANNOTATION, [Touched(copy.id, copy.image) for copy in copies])
        return copies

    def _remove(self, change: Change, copies: Sequence[Annotation]) -> None:
        touched = [touch(change, Thing.ANNOTATION, copy.id, copy.image) for copy in copies]
        for copy in copies:
            annotation_rows.delete_annotation(change.transaction, copy.id)
            change.note("reject", "annotation", copy.parent, {"image": copy.image, "copy": copy.id})
        record(change, self._gate, Thing.ANNOTATION, touched)


def _box(wkt: str) -> Box:
    x0, y0, x1, y1 = shapely.from_wkt(wkt).bounds
    return Box(x0=x0, y0=y0, x1=x1, y1=y1)
