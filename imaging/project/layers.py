"""The layers of a project; each is made when first needed."""

from __future__ import annotations

import builtins
from dataclasses import dataclass

from imaging.access import INGEST, Action
from imaging.domain.annotation import Layer, LayerKind
from imaging.domain.base import ImageKey, LayerKey, ModelKey, UserKey
from imaging.domain.project import EditingMode
from imaging.domain.review import ImageReview
from imaging.errors import ForbiddenError, NotFoundError, StateError
from imaging.project.gate import Gate
from imaging.store import layers as rows
from imaging.store import models as model_rows
from imaging.store import reviews
from imaging.store.database import Transaction
from imaging.taxonomy import check_name

SOURCE, REVIEW = "source", "review"
WRITERS = (Action.ANNOTATE, Action.REVIEW, Action.IMPORT_ANNOTATIONS, Action.TRAIN)
"""What lets a member change layers at all; `require_writing` says which of them."""


@dataclass(frozen=True)
class LayerCount:
    """A layer and how much it holds."""

    layer: Layer
    annotations: int
    segmentations: int


class Layers:
    """Layers of one project."""

    def list(self, image: ImageKey | None = None) -> list[Layer]:
        """All layers, or those with something on one image."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            return rows.list_layers(transaction, self._gate.project, image=image)

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def counts(self, image: ImageKey | None = None) -> builtins.list[LayerCount]:
        """As `list`, with how many annotations and segmentations each holds (on the image, where one is named)."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            layers = rows.list_layers(transaction, self._gate.project, image=image)
            counts = rows.count_contents(transaction, self._gate.project, image=image)
        return [LayerCount(layer, *counts.get(layer.id, (0, 0))) for layer in layers]

    def get(self, key: LayerKey) -> Layer:
        """Find by id."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            layer = rows.get_layer(transaction, self._gate.project, key)
        if layer is None:
            raise NotFoundError("layer", key)
        return layer

    def mine(self) -> Layer:
        """The acting member's own layer."""
        user = self._gate.member.user
        return self._ensure(f"member:{user.id}", LayerKind.MEMBER, user.username, Action.ANNOTATE, user=user.id)

    def source(self) -> Layer:
        """What came with the images themselves."""
        return self._ensure("source:", LayerKind.SOURCE, SOURCE, Action.IMPORT_ANNOTATIONS, *INGEST)

    def review(self) -> Layer:
        """What was accepted and corrected."""
        return self._ensure("review:", LayerKind.REVIEW, REVIEW, Action.REVIEW)

    def named(self, name: str) -> Layer:
        """The import layer of this name."""
        trimmed = check_name("layer", name)
        if trimmed == SOURCE:
            return self.source()
        return self._ensure(f"source:{trimmed}", LayerKind.SOURCE, trimmed, Action.IMPORT_ANNOTATIONS)

    def of_model(self, model: ModelKey) -> Layer:
        """The layer that a model predicts into."""
        with self._gate.read(Action.TRAIN) as transaction:
            found = model_rows.get_model(transaction, self._gate.project, model)
        if found is None:
            raise NotFoundError("model", model)
        name = f"{found.name} {found.version}"
        return self._ensure(f"model:{model}", LayerKind.MODEL, name, Action.TRAIN, model=model)

    def _ensure(
        self,
        owner: str,
        kind: LayerKind,
        name: str,
        *actions: Action,
        user: UserKey | None = None,
        model: ModelKey | None = None,
    ) -> Layer:
        with self._gate.read(*actions) as transaction:
            layer = rows.find_layer(transaction, self._gate.project, owner)
        if layer is not None:
            return layer
        with self._gate.change(*actions) as change:
            # The chain is locked now, so this look decides; another process may have been quicker than the first.
            layer = rows.find_layer(change.transaction, self._gate.project, owner)
            if layer is None:
                key = LayerKey(change.reserve())
                layer = Layer(id=key, project=self._gate.project, kind=kind, name=name, user=user, model=model)
                rows.insert_layer(change.transaction, layer, owner)
                change.note("add", "layer", key, {"kind": kind.value})
            else:
                change.leave()
        return layer


def require_layer(transaction: Transaction, gate: Gate, key: LayerKey) -> Layer:
    """Load a layer of this project or raise NotFoundError."""
    layer = rows.get_layer(transaction, gate.project, key)
    if layer is None:
        raise NotFoundError("layer", key)
    return layer


def require_reviewing(gate: Gate) -> None:
    """Refuse unless the member may call content reviewed: a reviewer, or who imports what was reviewed elsewhere."""
    gate.require(Action.REVIEW, Action.IMPORT_ANNOTATIONS)


def require_writing(gate: Gate, layer: Layer) -> None:
    """Refuse unless the member may change what this layer holds."""
    match layer.kind:
        case LayerKind.MEMBER:
            shared = gate.record.editing is EditingMode.CLASSIC
            wanted = Action.ANNOTATE if shared or layer.user == gate.user else Action.REVIEW
        case LayerKind.MODEL:
            wanted = Action.TRAIN
        case LayerKind.SOURCE:
            wanted = Action.IMPORT_ANNOTATIONS
        case LayerKind.REVIEW:
            wanted = Action.REVIEW
    if not gate.may(wanted, Action.REVIEW):
        raise ForbiddenError(wanted.value)


def require_drawing(transaction: Transaction, gate: Gate, key: LayerKey, image: ImageKey) -> Layer:
    """Load a layer whose content on an image the member may change; what was accepted, during the review alone."""
    layer = require_layer(transaction, gate, key)
    require_writing(gate, layer)
    if layer.kind is LayerKind.REVIEW:
        require_under_review(transaction, gate, image)
    return layer


def require_under_review(transaction: Transaction, gate: Gate, image: ImageKey) -> ImageReview:
    """Refuse unless the member reviews an image just now."""
    found = reviews.get_review(transaction, image)
    if found is None:
        raise StateError("image", "nobody reviews it; start its review first")
    if found.stopped is not None:
        raise StateError("image", "its review is validated; take that back first")
    if found.reviewer != gate.user:
        raise StateError("image", "another member reviews it")
    return found
