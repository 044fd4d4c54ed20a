"""The segmentations of a project: rows here, voxels in the image's `labels`."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from imaging.access import Action
from imaging.change import Change
from imaging.domain.base import ImageKey, LayerKey, SegmentationKey
from imaging.domain.ontology import Term
from imaging.domain.segmentation import Segmentation, TermVoxels
from imaging.errors import InvalidInputError, NotFoundError, StaleRevisionError
from imaging.project.gate import Gate
from imaging.project.images import Images, require_image
from imaging.project.layers import WRITERS, require_layer, require_reviewing, require_writing
from imaging.project.ontology import require_terms
from imaging.pyramid.labels import remove_segmentation, segmentation_path
from imaging.store import segmentations as rows
from imaging.store.database import Transaction
from imaging.taxonomy import check_name

_LONGEST_NAME = 80


def name_segmentation(terms: Iterable[Term]) -> str:
    """Name a segmentation by the terms that it speaks of."""
    return ", ".join(term.name for term in terms)[:_LONGEST_NAME]


@dataclass(frozen=True, eq=False)
class SegmentationDraft:
    """A segmentation to be; each value of `terms` must be the term's own.

    `write` publishes its voxels under the id that it is given.
    """

    name: str
    terms: tuple[TermVoxels, ...]
    write: Callable[[SegmentationKey], None]


class Segmentations:
    """Segmentations of one project."""

    def __init__(self, gate: Gate, images: Images) -> None:
        self._gate = gate
        self._images = images

    def list(self, image: ImageKey | None = None) -> list[Segmentation]:
        """All segmentations, or those of one image, oldest first."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            if image is not None:
                require_image(transaction, self._gate, image)
            return rows.list_segmentations(transaction, self._gate.project, image=image)

    def get(self, key: SegmentationKey) -> Segmentation:
        """Find by id."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            found = rows.get_segmentation(transaction, self._gate.project, key)
        if found is None:
            raise NotFoundError("segmentation", key)
        return found

    def create(
        self,
        image: ImageKey,
        layer: LayerKey,
        name: str,
        terms: Sequence[TermVoxels],
        write: Callable[[SegmentationKey], None],
        *,
        reviewed: bool = False,
    ) -> Segmentation:
        """Publish a segmentation's voxels under a new id, then let it appear.

        Parameters
        ----------
        terms
            Voxels per term; each value must be the term's own.
        write
            Publishes the voxels under the id that it is given; they are removed again when the row cannot be written.
        """
        (record,) = self.create_together(
            image, layer, [SegmentationDraft(name, tuple(terms), write)], reviewed=reviewed
        )
        return record

    def create_together(
        self, image: ImageKey, layer: LayerKey, drafts: Sequence[SegmentationDraft], *, reviewed: bool = False
    ) -> builtins.list[Segmentation]:
        """Let the parts of one statement appear in one act, all or none: `created` of all of them is the same."""
        if reviewed:
            require_reviewing(self._gate)
        with self._gate.read(*WRITERS) as transaction:
            for draft in drafts:
                self._check(transaction, image, layer, draft.terms)
                check_name("segmentation", draft.name)
        keys = [SegmentationKey(self._gate.reserve()) for _ in drafts]
        made: builtins.list[Segmentation] = []
        try:
            for key, draft in zip(keys, drafts, strict=True):
                draft.write(key)
            with self._gate.change(*WRITERS) as change:
                for key, draft in zip(keys, drafts, strict=True):
                    self._check(change.transaction, image, layer, draft.terms)
                    made.append(insert_segmentation(change, self._gate, key, (image, layer), draft, reviewed=reviewed))
                    change.note("add", "segmentation", key, {"image": image, "layer": layer})
        except BaseException:
            for key in keys:
                self._remove_voxels(image, key)
            raise
        return made

    def replace(
        self,
        key: SegmentationKey,
        terms: Sequence[TermVoxels],
        write: Callable[[SegmentationKey], None],
        *,
        revision: int | None = None,
        reviewed: bool | None = None,
    ) -> Segmentation:
        """Publish new voxels of a segmentation as its next revision; with `revision`, only if nobody was quicker.

        Parameters
        ----------
        write
            Puts the voxels in place while the database is locked: they are written aside before.
        """
        if reviewed:
            require_reviewing(self._gate)
        with self._gate.change(*WRITERS) as change:
            before = self._held(change.transaction, key)
            if revision is not None and revision != before.revision:
                raise StaleRevisionError("segmentation", sent=revision, current=before.revision)
            self._check(change.transaction, before.image, before.layer, terms)
            facts: dict[str, object] = {"terms": tuple(terms), "revision": before.revision + 1, "updated": change.at}
            if reviewed is not None:
                facts["reviewed"] = reviewed
            record = before.model_copy(update=facts)
            rows.update_segmentation(change.transaction, record)
            change.note("edit", "segmentation", key, {"revision": record.revision})
            # Last, so that a refusal above leaves the voxels; the row stays locked while they are replaced.
            write(key)
        return record

    def delete(self, key: SegmentationKey) -> None:
        """Remove a segmentation and its voxels."""
        with self._gate.change(*WRITERS) as change:
            before = self._held(change.transaction, key)
            require_writing(self._gate, require_layer(change.transaction, self._gate, before.layer))
            rows.delete_segmentation(change.transaction, key)
            change.note("delete", "segmentation", key, {"image": before.image})
        self._remove_voxels(before.image, key)

    def path(self, key: SegmentationKey) -> Path:
        """Where the segmentation's group lies."""
        return segmentation_path(self._images.path(self.get(key).image), key)

    def _remove_voxels(self, image: ImageKey, key: SegmentationKey) -> None:
        group = self._images.path(image)
        # The image itself may be gone by now, and its segmentations with it.
        if group.is_dir():
            remove_segmentation(group, key)

    def _held(self, transaction: Transaction, key: SegmentationKey) -> Segmentation:
        found = rows.get_segmentation(transaction, self._gate.project, key, lock=True)
        if found is None:
            raise NotFoundError("segmentation", key)
        return found

    def _check(self, transaction: Transaction, image: ImageKey, layer: LayerKey, terms: Sequence[TermVoxels]) -> None:
        require_image(transaction, self._gate, image)
        require_writing(self._gate, require_layer(transaction, self._gate, layer))
        _check_terms(transaction, self._gate, terms)


def insert_segmentation(
    change: Change,
    gate: Gate,
    key: SegmentationKey,
    place: tuple[ImageKey, LayerKey],
    draft: SegmentationDraft,
    *,
    reviewed: bool = False,
) -> Segmentation:
    """Let a segmentation appear inside an open change, whose caller has the right to it and notes it.

    Parameters
    ----------
    key
        Under which its voxels are published already.
    """
    _check_terms(change.transaction, gate, draft.terms)
    image, layer = place
    record = Segmentation(
        id=key,
        project=gate.project,
        image=image,
        layer=layer,
        name=check_name("segmentation", draft.name),
        terms=draft.terms,
        reviewed=reviewed,
        created=change.at,
        updated=change.at,
    )
    rows.insert_segmentation(change.transaction, record)
    return record


def _check_terms(transaction: Transaction, gate: Gate, terms: Sequence[TermVoxels]) -> None:
    values = require_terms(transaction, gate, [item.term for item in terms])
    if len(values) != len(terms) or any(values[item.term] != item.value for item in terms):
        raise InvalidInputError("each term of a segmentation comes once, with its own voxel value")
