"""The images of a project and the terms given to whole images."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from pydantic import JsonValue

from imaging.access import INGEST, Action
from imaging.change import Change
from imaging.domain.base import ImageKey, LayerKey, TermKey
from imaging.domain.image import Image, ImageAttributes, ImageDraft, ImageTerm
from imaging.errors import InvalidInputError, NotFoundError, StateError
from imaging.project.gate import Gate
from imaging.project.layers import WRITERS, Layers, require_layer, require_reviewing, require_writing
from imaging.project.ontology import require_terms
from imaging.pyramid.beside import remove_beside
from imaging.pyramid.manifest import group_path
from imaging.pyramid.objects import find_places, remove_objects
from imaging.pyramid.prepared import remove_prepared
from imaging.pyramid.publish import withdraw
from imaging.store import ids
from imaging.store import images as rows
from imaging.store.attached_folder import remove_attached
from imaging.store.database import Transaction
from imaging.taxonomy import check_name


class Images:
    """Images of one project."""

    def list(self) -> list[Image]:
        """All images, oldest first."""
        with self._gate.read(Action.SEE_IMAGES) as transaction:
            return rows.list_images(transaction, self._gate.project)

    def __init__(self, gate: Gate, layers: Layers) -> None:
        self._gate = gate
        self._layers = layers

    def catalogue(self) -> tuple[Image, ...]:
        """Facts of all images for ingestion: even who may only upload must not publish a series twice."""
        with self._gate.read(*INGEST, Action.SEE_IMAGES) as transaction:
            return tuple(rows.list_images(transaction, self._gate.project))

    def get(self, key: ImageKey) -> Image:
        """Find by id."""
        with self._gate.read(Action.SEE_IMAGES) as transaction:
            return require_image(transaction, self._gate, key)

    def find(self, name_or_id: str) -> Image:
        """Find by id or unique name."""
        with self._gate.read(Action.SEE_IMAGES) as transaction:
            if (key := ids.read_id(name_or_id)) is not None:
                image = rows.get_image(transaction, self._gate.project, ImageKey(key))
                if image is not None:
                    return image
            named = rows.list_images(transaction, self._gate.project, name=name_or_id)
        if len(named) > 1:
            raise InvalidInputError("several images have this name; use the id")
        if not named:
            raise NotFoundError("image", name_or_id)
        return named[0]

    def by_slice(self, slice_id: int) -> tuple[Image, int]:
        """Find the image that a slice id belongs to, and the slice's rank in it."""
        with self._gate.read(Action.SEE_IMAGES) as transaction:
            image = rows.get_image_of_slice(transaction, self._gate.project, slice_id)
        if image is None:
            raise NotFoundError("slice", slice_id)
        return image, slice_id - image.slice_base

    def register(self, draft: ImageDraft, prepare: Callable[[ImageKey], None]) -> Image:
        """Publish an image's files under a new id, then let the image appear.

        Parameters
        ----------
        draft
            What is known about the image.
        prepare
            Puts the files in place under the id that it is given; they are removed again when registering fails.
        """
        self._gate.require(*INGEST)
        key = ImageKey(self._gate.reserve())
        try:
            prepare(key)
            with self._gate.change(*INGEST) as change:
                image = self._draft_image(change, key, draft)
                known = rows.known_digests(change.transaction, self._gate.project, draft.source_digests)
                if known:
                    raise StateError("image", "some of its sources belong to an image already")
                rows.insert_image(change.transaction, image, draft.source_digests)
                change.note("add", "image", key, {"sources": draft.sources, "slices": image.slices})
        except BaseException:
            self._remove_files(key)
            raise
        return image

    def rename(self, key: ImageKey, name: str) -> Image:
        """Give another name."""
        with self._gate.change(Action.EDIT_IMAGES) as change:
            require_image(change.transaction, self._gate, key)
            rows.update_image(change.transaction, key, {"name": check_name("image", name)})
            change.note("edit", "image", key, {"fields": ["name"]})
            return require_image(change.transaction, self._gate, key)

    def restate(
        self, key: ImageKey, attributes: ImageAttributes, description: str, actions: Mapping[str, int]
    ) -> Image:
        """Note that an image's headers were pseudonymised once more, with the facts that follow from them.

        Parameters
        ----------
        actions
            How often each action was taken, for the journal.
        """
        with self._gate.change(Action.EDIT_PROJECT) as change:
            old = require_image(change.transaction, self._gate, key).attributes.profile_hash
            values = {"attributes": attributes.model_dump(mode="json"), "description": description}
            rows.update_image(change.transaction, key, values)
            detail: JsonValue = {"old": old, "new": attributes.profile_hash, "actions": {**actions}}
            change.note("repseudonymise", "image", key, detail)
            return require_image(change.transaction, self._gate, key)

    def restated_by_job(self) -> dict[ImageKey, dict[str, int]]:
        """What earlier attempts of the acting job noted by `restate`: the counts of actions of each image."""
        self._gate.require(Action.EDIT_PROJECT)
        found = dict[ImageKey, dict[str, int]]()
        for event in self._gate.done_by_job("repseudonymise", "image"):
            actions = event.detail.get("actions") if isinstance(event.detail, dict) else None
            if event.key is not None and isinstance(actions, dict):
                counts = {name: count for name, count in actions.items() if isinstance(count, int)}
                found[ImageKey(event.key)] = counts
        return found

    def delete(self, key: ImageKey) -> None:
        """Remove an image with everything drawn on it; its sources may then be ingested anew.

        Raises
        ------
        UnavailableError
            Its voxels lie in an object store that does not remove them; the image stays, and may be deleted again.
        """
        group = group_path(self._gate.folder, key)
        with self._gate.read(Action.EDIT_IMAGES, Action.ERASE) as transaction:
            require_image(transaction, self._gate, key)
        # Before the row goes: whoever is told that an image is gone can rely on it, and where a store does not answer,
        # the image can be deleted once more. And before the database is locked, which must not wait for a network.
        for place in find_places(group):
            remove_objects(place)
        with self._gate.change(Action.EDIT_IMAGES, Action.ERASE) as change:
            require_image(change.transaction, self._gate, key)
            rows.delete_image(change.transaction, key)
            change.note("delete", "image", key)
        self._remove_files(key)

    def path(self, key: ImageKey) -> Path:
        """Where the image's OME-Zarr group lies."""
        self._gate.require(Action.SEE_IMAGES, *INGEST)
        return group_path(self._gate.folder, key)

    def known_digests(self, digests: Collection[str]) -> set[str]:
        """Which source digests belong to an image of this project already."""
        with self._gate.read(*INGEST) as transaction:
            return rows.known_digests(transaction, self._gate.project, digests)

    def of_digests(self, digests: Collection[str]) -> dict[str, ImageKey]:
        """Give those of some source digests that belong to an image of this project, each with its image."""
        with self._gate.read(*INGEST) as transaction:
            return rows.images_of(transaction, self._gate.project, digests)

    def made_by_job(self) -> dict[str, ImageKey]:
        """Source digests, each with its image, of the images that earlier attempts of the acting job made."""
        keys = [event.key for event in self._gate.done_by_job("add", "image") if event.key is not None]
        with self._gate.read(*INGEST) as transaction:
            return rows.digests_of(transaction, keys)

    def terms(self, key: ImageKey | None = None) -> builtins.list[ImageTerm]:
        """Terms given to one image as a whole, or to every image of the project."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            if key is not None:
                require_image(transaction, self._gate, key)
            return rows.list_image_terms(transaction, self._gate.project, key=key)

    def add_term(
        self,
        image: ImageKey,
        term: TermKey,
        *,
        layer: LayerKey | None = None,
        probability: float | None = None,
        reviewed: bool = False,
    ) -> ImageTerm:
        """Give a term to a whole image, in the member's own layer unless another is named."""
        if probability is not None and not 0.0 <= probability <= 1.0:
            raise InvalidInputError("a probability lies between 0 and 1")
        if reviewed:
            require_reviewing(self._gate)
        place = self._layers.mine().id if layer is None else layer
        with self._gate.change(*WRITERS) as change:
            self._require_target(change, image, term, place)
            record = ImageTerm(
                image=image, term=term, layer=place, probability=probability, reviewed=reviewed, created=change.at
            )
            rows.put_image_term(change.transaction, record)
            change.note("add", "image term", image, {"term": term, "layer": place})
        return record

    def remove_term(self, image: ImageKey, term: TermKey, *, layer: LayerKey | None = None) -> None:
        """Take a term from a whole image."""
        place = self._layers.mine().id if layer is None else layer
        with self._gate.change(*WRITERS) as change:
            self._require_target(change, image, term, place)
            if not rows.delete_image_term(change.transaction, image, term, place):
                raise NotFoundError("term", term)
            change.note("delete", "image term", image, {"term": term, "layer": place})

    def _require_target(self, change: Change, image: ImageKey, term: TermKey, layer: LayerKey) -> None:
        require_image(change.transaction, self._gate, image)
        require_terms(change.transaction, self._gate, (term,))
        require_writing(self._gate, require_layer(change.transaction, self._gate, layer))

    def _draft_image(self, change: Change, key: ImageKey, draft: ImageDraft) -> Image:
        values = {name: value for name, value in draft if name != "source_digests"}
        image = Image(
            **values, id=key, project=self._gate.project, slice_base=0, added_by=self._gate.user, created=change.at
        )
        return image.model_copy(update={"slice_base": change.reserve(image.slices)})

    def _remove_files(self, key: ImageKey) -> None:
        group = group_path(self._gate.folder, key)
        withdraw(group)
        remove_beside(group)
        remove_prepared(self._gate.folder, key)
        remove_attached(self._gate.folder, key)


def require_image(transaction: Transaction, gate: Gate, key: ImageKey) -> Image:
    """Load an image of this project or raise NotFoundError."""
    image = rows.get_image(transaction, gate.project, key)
    if image is None:
        raise NotFoundError("image", key)
    return image
