"""What came with the images themselves: segments and contours of files that say on which series they were drawn."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from imaging.access import INGEST
from imaging.change import Change
from imaging.domain.annotation import AnnotationDraft
from imaging.domain.attachment import Attachment, AttachmentKind
from imaging.domain.base import ImageKey, SegmentationKey, TermKey
from imaging.domain.image import ImageTerm
from imaging.domain.remark import Property, Target, TargetKind
from imaging.errors import StateError
from imaging.project.annotations import insert_drawings
from imaging.project.gate import Gate
from imaging.project.images import Images, require_image
from imaging.project.layers import Layers
from imaging.project.ontology import require_terms
from imaging.project.segmentations import SegmentationDraft, insert_segmentation
from imaging.pyramid.labels import remove_segmentation
from imaging.store import images as image_rows
from imaging.store import remarks


class Attachments:
    """Files of one project that belong to an image without being a part of it."""

    def __init__(self, gate: Gate, images: Images, layers: Layers) -> None:
        self._gate = gate
        self._images = images
        self._layers = layers

    def add(
        self,
        image: ImageKey,
        kind: AttachmentKind,
        digest: str,
        *,
        segments: Sequence[SegmentationDraft] = (),
        drawings: Sequence[AnnotationDraft] = (),
    ) -> Attachment:
        """Put what a file holds into the source layer, all of it or nothing.

        Parameters
        ----------
        digest
            Keyed digest of the file, by which it is known when it comes again.

        Raises
        ------
        StateError
            Another file of this digest belongs to an image already.
        NotFoundError
            The image is gone, or one of the terms.
        """
        self._gate.require(*INGEST)
        layer = self._layers.source()
        keys = [SegmentationKey(self._gate.reserve()) for _ in segments]
        try:
            for key, one in zip(keys, segments, strict=True):
                one.write(key)
            with self._gate.change(*INGEST) as change:
                require_image(change.transaction, self._gate, image)
                if image_rows.known_digests(change.transaction, self._gate.project, [digest]):
                    raise StateError("file", "belongs to an image already")
                for key, one in zip(keys, segments, strict=True):
                    insert_segmentation(change, self._gate, key, (image, layer.id), one)
                drawn = insert_drawings(change, self._gate, layer, drawings, reviewed=False)
                image_rows.insert_attached(change.transaction, self._gate.project, image, digest, kind.value)
                made = Attachment(image=image, kind=kind, segmentations=tuple(keys), annotations=len(drawn))
                change.note("attach", "image", image, made.model_dump(mode="json") | {"digest": digest})
        except BaseException:
            self._remove_voxels(image, keys)
            raise
        return made

    def add_table(
        self,
        first: ImageKey,
        digest: str,
        *,
        terms: Mapping[ImageKey, Collection[TermKey]],
        properties: Mapping[ImageKey, Mapping[str, str]],
        unmatched: int,
    ) -> Attachment:
        """Give terms to whole images in the source layer, and properties, all of it or nothing.

        Terms that were given before stay; a property of the same name is said anew.

        Parameters
        ----------
        first
            The image that the table is told with.
        digest
            Keyed digest of the table. It may come again, with images that were not here before.

        Raises
        ------
        NotFoundError
            An image is gone, or one of the terms.
        """
        self._gate.require(*INGEST)
        layer = self._layers.source()
        made = Attachment(
            image=first,
            kind=AttachmentKind.TABLE,
            image_terms=sum(len(set(given)) for given in terms.values()),
            image_properties=sum(map(len, properties.values())),
            unmatched=unmatched,
        )
        with self._gate.change(*INGEST) as change:
            require_image(change.transaction, self._gate, first)
            for image, given in terms.items():
                require_image(change.transaction, self._gate, image)
                require_terms(change.transaction, self._gate, given)
                before = image_rows.list_image_terms(change.transaction, self._gate.project, key=image)
                there = {known.term for known in before if known.layer == layer.id}
                for term in sorted(set(given) - there):
                    record = ImageTerm(image=image, term=term, layer=layer.id, created=change.at)
                    image_rows.put_image_term(change.transaction, record)
                    change.note("add", "image term", image, {"term": term, "layer": layer.id})
            for image, said in properties.items():
                self._say(change, image, said)
            change.note("attach", "image", first, made.model_dump(mode="json") | {"digest": digest})
        return made

    def _say(self, change: Change, image: ImageKey, said: Mapping[str, str]) -> None:
        require_image(change.transaction, self._gate, image)
        target = Target(kind=TargetKind.IMAGE, id=image)
        before = {one.key: one for one in remarks.list_properties(change.transaction, self._gate.project, target)}
        for name, value in sorted(said.items()):
            known = before.get(name)
            if known is not None and known.value == value:
                continue
            if known is None:
                times = {"created": change.at, "updated": change.at}
                made = Property(
                    id=change.reserve(), target=target, user=self._gate.user, key=name, value=value, **times
                )
                remarks.insert_properties(change.transaction, self._gate.project, [made])
            else:
                facts = {"value": value, "updated": change.at, "version": known.version + 1}
                made = known.model_copy(update=facts)
                remarks.update_property(change.transaction, made)
            # Neither name nor value: the journal keeps what it was told, whatever is erased.
            change.note("add", "image property", made.id, {"image": image})

    def made_by_job(self) -> dict[str, Attachment]:
        """What earlier attempts of the acting job attached, by the digests of the files."""
        self._gate.require(*INGEST)
        found = {}
        for event in self._gate.done_by_job("attach", "image"):
            if isinstance(event.detail, dict):
                facts = dict(event.detail)
                digest = str(facts.pop("digest"))
                found[digest] = Attachment.model_validate(facts)
        return found

    def _remove_voxels(self, image: ImageKey, keys: Sequence[SegmentationKey]) -> None:
        group = self._images.path(image)
        for key in keys:
            # The image itself may be gone by now, and its segmentations with it.
            if group.is_dir():
                remove_segmentation(group, key)
