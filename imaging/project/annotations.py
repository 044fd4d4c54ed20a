"""The annotations of a project."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import shapely
from shapely.geometry.base import BaseGeometry

from imaging.access import Action
from imaging.change import Change
from imaging.domain.annotation import Annotation, AnnotationDraft, AnnotationFilter, AnnotationPage, Box, Layer
from imaging.domain.base import AnnotationKey, ImageKey, LayerKey, TermKey
from imaging.domain.command import Thing
from imaging.domain.image import Image
from imaging.errors import InvalidInputError, NotFoundError, StaleRevisionError, StateError
from imaging.project.commands import Touched, record, touch
from imaging.project.drawing import Drawing, draw, parse, plane_of
from imaging.project.gate import Gate
from imaging.project.images import require_image
from imaging.project.layers import (
    WRITERS,
    Layers,
    require_drawing,
    require_layer,
    require_reviewing,
    require_writing,
)
from imaging.project.ontology import require_terms
from imaging.store import annotations as rows
from imaging.store.database import Transaction, batches

_SOME = 500
"""So many annotations are read at once where all are wanted."""
_FAR = 1e12
"""Farther than any plane reaches, in pixels."""


class Annotations:
    """Annotations of one project."""

    def __init__(self, gate: Gate, layers: Layers) -> None:
        self._gate = gate
        self._layers = layers

    def list(self, wanted: AnnotationFilter | None = None) -> AnnotationPage:
        """One page of the annotations that match, oldest first, with the count of all that do."""
        wanted = AnnotationFilter() if wanted is None else wanted
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            if (wanted.box, wanted.intersects_wkt, wanted.near) != (None, None, None):
                return _list_meeting(transaction, self._gate, wanted)
            total = rows.count_annotations(transaction, self._gate.project, wanted)
            items = rows.list_annotations(transaction, self._gate.project, wanted)
        return AnnotationPage(items=tuple(items), total=total)

    def each(self, wanted: AnnotationFilter) -> Iterator[tuple[Annotation, ...]]:
        """Give all that match from the offset on, oldest first, some at a time: what is added meanwhile is among them.

        However many there are, no more than these are in memory.
        """
        self._gate.require(Action.SEE_ANNOTATIONS)
        meeting = (wanted.box, wanted.intersects_wkt, wanted.near) != (None, None, None)
        if meeting:
            with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
                keys = _find_meeting(transaction, self._gate, wanted)[wanted.offset :]
            for batch in batches(keys):
                with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
                    yield tuple(rows.fetch_annotations(transaction, batch))
            return
        asked = wanted.model_copy(update={"limit": _SOME})
        while True:
            with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
                found = rows.list_annotations(transaction, self._gate.project, asked)
            if found:
                yield tuple(found)
            if len(found) < _SOME:
                return
            asked = asked.model_copy(update={"offset": 0, "beyond": found[-1].id})

    def get(self, key: AnnotationKey) -> Annotation:
        """Find by id."""
        with self._gate.read(Action.SEE_ANNOTATIONS) as transaction:
            found = rows.get_annotation(transaction, self._gate.project, key)
        if found is None:
            raise NotFoundError("annotation", key)
        return found

    def create(self, draft: AnnotationDraft, *, token: str | None = None) -> Annotation:
        """Draw in the member's own layer.

        Parameters
        ----------
        token
            The caller's own name for this drawing. A caller who never heard an answer asks again with the same one, and
            what was made then is brought to what is sent now instead of being doubled.
        """
        layer = self._layers.mine()
        with self._gate.change(Action.ANNOTATE) as change:
            made = None if token is None else rows.find_by_token(change.transaction, layer.id, token)
            if made is not None:
                return self._repeat(change, made, draft)
            (made_now,) = insert_drawings(change, self._gate, layer, [draft], reviewed=False)
            if token is not None:
                rows.set_token(change.transaction, made_now.id, token)
            change.note("add", "annotation", made_now.id, {"image": made_now.image})
            record(change, self._gate, Thing.ANNOTATION, [Touched(made_now.id, made_now.image)])
        return made_now

    def _repeat(self, change: Change, key: AnnotationKey, draft: AnnotationDraft) -> Annotation:
        before = self._held(change.transaction, key, None)
        if (before.image, before.axis, before.index, before.t) != (draft.image, draft.axis, draft.index, draft.t):
            raise StateError("annotation", "this token names a drawing on another plane")
        image = require_image(change.transaction, self._gate, before.image)
        drawing = draw(draft.wkt, plane_of(image, before.axis))
        require_terms(change.transaction, self._gate, draft.terms)
        if _is(before, drawing, draft.terms):
            change.leave()
            return before
        return self._update(change, before, draft.terms, drawing)

    def import_many(
        self, layer: LayerKey, drafts: Sequence[AnnotationDraft], *, reviewed: bool = False
    ) -> tuple[Annotation, ...]:
        """Add many drawings to a layer, all or none."""
        if reviewed:
            require_reviewing(self._gate)
        with self._gate.change(*WRITERS) as change:
            records = insert_drawings(
                change, self._gate, self._writable(change.transaction, layer), drafts, reviewed=reviewed
            )
            change.note("import", "annotation", None, {"layer": layer, "count": len(records)})
            record(change, self._gate, Thing.ANNOTATION, [Touched(made.id, made.image) for made in records])
        return records

    def edit(
        self,
        key: AnnotationKey,
        *,
        wkt: str | None = None,
        terms: Iterable[TermKey] | None = None,
        version: int | None = None,
    ) -> Annotation:
        """Change drawing or terms; with `version`, only if nobody saved a newer one.

        What is as wanted already stays as it is, whatever version was sent: so a caller who never heard an answer may
        ask again.

        Raises
        ------
        StaleRevisionError
            The annotation is at another version than the one sent, and not as wanted.
        """
        with self._gate.change(*WRITERS) as change:
            before = self._held(change.transaction, key, None)
            drawing = None
            if wkt is not None:
                image = require_image(change.transaction, self._gate, before.image)
                drawing = draw(wkt, plane_of(image, before.axis))
            held = before.terms if terms is None else tuple(dict.fromkeys(terms))
            require_terms(change.transaction, self._gate, held)
            if version is not None and version != before.version:
                if not _is(before, drawing, held):
                    raise StaleRevisionError("annotation", sent=version, current=before.version)
                change.leave()
                return before
            return self._update(change, before, held, drawing)

    def delete(self, key: AnnotationKey, version: int | None = None) -> None:
        """Remove an annotation; with `version`, only if nobody saved a newer one."""
        with self._gate.change(*WRITERS) as change:
            before = self._held(change.transaction, key, version)
            touched = touch(change, Thing.ANNOTATION, key, before.image)
            rows.delete_annotation(change.transaction, key)
            change.note("delete", "annotation", key, {"image": before.image, "version": before.version})
            record(change, self._gate, Thing.ANNOTATION, [touched])

    def add_term(self, key: AnnotationKey, term: TermKey) -> Annotation:
        """Give a term; the version stays, so that whoever holds the drawing may still save it."""
        with self._gate.change(*WRITERS) as change:
            before = self._held(change.transaction, key, None)
            require_terms(change.transaction, self._gate, (term,))
            return self._set_terms(change, before, tuple(dict.fromkeys((*before.terms, term))))

    def remove_term(self, key: AnnotationKey, term: TermKey) -> Annotation:
        """Take a term away; the version stays."""
        with self._gate.change(*WRITERS) as change:
            before = self._held(change.transaction, key, None)
            if term not in before.terms:
                raise NotFoundError("term", term)
            return self._set_terms(change, before, tuple(held for held in before.terms if held != term))

    def _update(
        self, change: Change, before: Annotation, terms: tuple[TermKey, ...], drawing: Drawing | None
    ) -> Annotation:
        facts: dict[str, object] = {"terms": terms, "version": before.version + 1, "updated": change.at}
        if drawing is not None:
            facts |= drawing.facts
        return self._save(change, before.model_copy(update=facts), None if drawing is None else drawing.box)

    def _set_terms(self, change: Change, before: Annotation, terms: tuple[TermKey, ...]) -> Annotation:
        return self._save(change, before.model_copy(update={"terms": terms, "updated": change.at}), None)

    def _save(self, change: Change, edited: Annotation, box: Box | None) -> Annotation:
        touched = touch(change, Thing.ANNOTATION, edited.id, edited.image)
        rows.update_annotation(change.transaction, edited, box)
        change.note("edit", "annotation", edited.id, {"image": edited.image, "version": edited.version})
        record(change, self._gate, Thing.ANNOTATION, [touched])
        return edited

    def _held(self, transaction: Transaction, key: AnnotationKey, version: int | None) -> Annotation:
        found = rows.get_annotation(transaction, self._gate.project, key, lock=True)
        if found is None:
            raise NotFoundError("annotation", key)
        require_drawing(transaction, self._gate, found.layer, found.image)
        if version is not None and version != found.version:
            raise StaleRevisionError("annotation", sent=version, current=found.version)
        return found

    def _writable(self, transaction: Transaction, key: LayerKey) -> Layer:
        layer = require_layer(transaction, self._gate, key)
        require_writing(self._gate, layer)
        return layer


def insert_drawings(
    change: Change, gate: Gate, layer: Layer, drafts: Sequence[AnnotationDraft], *, reviewed: bool
) -> tuple[Annotation, ...]:
    """Add drawings to a layer inside an open change, whose caller has the right to it and notes it."""
    images: dict[ImageKey, Image] = {}
    drawn: list[tuple[Annotation, Box]] = []
    require_terms(change.transaction, gate, {term for draft in drafts for term in draft.terms})
    first = change.reserve(len(drafts)) if drafts else 0
    for place, draft in enumerate(drafts):
        if draft.image not in images:
            images[draft.image] = require_image(change.transaction, gate, draft.image)
        check_place(images[draft.image], draft)
        drawing = draw(draft.wkt, plane_of(images[draft.image], draft.axis))
        record = _new(draft, drawing, AnnotationKey(first + place), layer, change.at)
        drawn.append((record.model_copy(update={"reviewed": reviewed}), drawing.box))
    rows.insert_annotations(change.transaction, drawn)
    return tuple(record for record, _ in drawn)


def _new(draft: AnnotationDraft, drawing: Drawing, key: AnnotationKey, layer: Layer, at: datetime) -> Annotation:
    placed = {name: getattr(draft, name) for name in ("image", "axis", "index", "t", "c")}
    return Annotation(
        **placed,
        **drawing.facts,
        id=key,
        project=layer.project,
        layer=layer.id,
        user=layer.user,
        terms=tuple(dict.fromkeys(draft.terms)),
        measurements=draft.measurements,
        created=at,
        updated=at,
    )


def check_place(image: Image, draft: AnnotationDraft) -> None:
    """Refuse a drawing on a plane that its image does not have."""
    places = ((draft.axis.value, draft.index, image.extent(draft.axis.value)), ("t", draft.t, image.extent("t")),
              ("c", draft.c, image.slice_order.channels))  # fmt: skip
    for axis, place, extent in places:
        if not 0 <= place < extent:
            raise InvalidInputError(f"the image has no plane {axis} = {place}")


def _list_meeting(transaction: Transaction, gate: Gate, wanted: AnnotationFilter) -> AnnotationPage:
    keys = _find_meeting(transaction, gate, wanted)
    end = None if wanted.limit is None else wanted.offset + wanted.limit
    items = rows.fetch_annotations(transaction, keys[wanted.offset : end])
    return AnnotationPage(items=tuple(items), total=len(keys))


def _find_meeting(transaction: Transaction, gate: Gate, wanted: AnnotationFilter) -> list[AnnotationKey]:
    region, box = _region(wanted)
    base, distance = (None, 0.0) if wanted.near is None else (_parse_region(wanted.near[0]), wanted.near[1])
    if base is not None:
        box = _overlap(box, _box_of(base, distance))
    rectangular = wanted.intersects_wkt is None and base is None
    for one in (region, base):
        shapely.prepare(one)

    def meets(wkt: str) -> bool:
        drawing = shapely.from_wkt(wkt)
        near = base is None or shapely.dwithin(base, drawing, distance)
        return bool(near and (region is None or shapely.intersects(region, drawing)))

    return [
        candidate.key
        for candidate in rows.list_candidates(transaction, gate.project, wanted, box)
        if (rectangular and candidate.inside) or meets(candidate.wkt)
    ]


def _region(wanted: AnnotationFilter) -> tuple[BaseGeometry | None, Box]:
    regions: list[BaseGeometry] = []
    if wanted.box is not None:
        regions.append(shapely.box(wanted.box.x0, wanted.box.y0, wanted.box.x1, wanted.box.y1))
    if wanted.intersects_wkt is not None:
        regions.append(_parse_region(wanted.intersects_wkt))
    if not regions:
        return None, Box(x0=-_FAR, y0=-_FAR, x1=_FAR, y1=_FAR)
    region = shapely.intersection_all(regions) if len(regions) > 1 else regions[0]
    return region, _box_of(region)


def _parse_region(wkt: str) -> BaseGeometry:
    return shapely.make_valid(parse(wkt)[1])


def _box_of(region: BaseGeometry, distance: float = 0.0) -> Box:
    if region.is_empty:
        return Box(x0=0, y0=0, x1=-1, y1=-1)
    x0, y0, x1, y1 = region.bounds
    return Box(x0=x0 - distance, y0=y0 - distance, x1=x1 + distance, y1=y1 + distance)


def _overlap(one: Box, other: Box) -> Box:
    return Box(x0=max(one.x0, other.x0), y0=max(one.y0, other.y0), x1=min(one.x1, other.x1), y1=min(one.y1, other.y1))


def _is(record: Annotation, drawing: Drawing | None, terms: tuple[TermKey, ...]) -> bool:
    """Whether an annotation is as wanted; no drawing leaves the one it has."""
    return record.terms == terms and (drawing is None or drawing.facts["wkt"] == record.wkt)
