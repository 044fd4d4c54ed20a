"""What is true of the images of a project: the segmentations and drawings that a model may learn from."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from imaging.domain.annotation import Annotation, AnnotationFilter, LayerKind
from imaging.domain.base import ImageKey, LayerKey, SegmentationKey, TermKey
from imaging.domain.image import Axis, Image
from imaging.domain.segmentation import Segmentation
from imaging.project.project import Project
from imaging.pyramid.beside import read_manifest
from imaging.pyramid.manifest import load_manifest, manifest_path
from imaging.pyramid.objects import OBJECTS
from pipelines.omission import Omission


@dataclass(frozen=True)
class Counting:
    """A segmentation and those of its terms that no newer one of its image speaks of."""

    segmentation: Segmentation
    terms: tuple[TermKey, ...]

    def occurring(self) -> set[TermKey]:
        """The terms that count and have voxels."""
        return {found.term for found in self.segmentation.terms if found.voxels and found.term in self.terms}


@dataclass(frozen=True)
class Truth:
    """What is said of each image, oldest first; `reviewed` says whether all of it was reviewed."""

    segmentations: Mapping[ImageKey, Sequence[Counting]]
    drawings: Mapping[ImageKey, Sequence[Annotation]]
    reviewed: bool

    def speaks_of(self, image: ImageKey) -> bool:
        """Whether anything is said of this image, be it that there is nothing on it."""
        return image in self.segmentations or image in self.drawings

    def terms(self) -> set[TermKey]:
        """The terms that occur."""
        used = {term for found in self.segmentations.values() for one in found for term in one.occurring()}
        return used | {term for found in self.drawings.values() for drawing in found for term in drawing.terms}


def find_truth(project: Project, omitted: Counter[Omission]) -> Truth:
    """Choose reviewed work where there is any, else all that members made; count what is left out."""
    truthful = truthful_layers(project)
    segmentations = project.segmentations.list()
    drawings = _usable_drawings(project, omitted)
    reviewed = any(found.reviewed for found in segmentations) or any(found.reviewed for found in drawings)
    said = [found for found in segmentations if found.reviewed or (not reviewed and found.layer in truthful)]
    drawn = [found for found in drawings if found.reviewed or (not reviewed and found.layer in truthful)]
    predicted = [
        sum(found.layer not in truthful and not found.reviewed for found in kind) for kind in (segmentations, drawings)
    ]
    omitted[Omission.UNREVIEWED_PREDICTION] += sum(predicted)
    omitted[Omission.UNREVIEWED_SEGMENTATION] += len(segmentations) - len(said) - predicted[0]
    omitted[Omission.UNREVIEWED_DRAWING] += len(drawings) - len(drawn) - predicted[1]
    by_image: dict[ImageKey, list[Segmentation]] = defaultdict(list)
    for found in said:
        # A reviewed one says that nothing is there; one that nobody reviewed may only have been begun.
        if found.reviewed or any(term.voxels for term in found.terms):
            by_image[found.image].append(found)
        else:
            omitted[Omission.EMPTY_SEGMENTATION] += 1
    counting = {image: _keep_newest(project, found, omitted) for image, found in by_image.items()}
    return Truth(counting, _group_drawings(drawn, by_image, omitted), reviewed)


def learnable_images(project: Project, omitted: Counter[Omission]) -> list[Image]:
    """List what can be learned from.

    Where planes form no regular grid, a distance in voxels is none in mm; of several time points, nothing says of which
    one something is true.
    """
    images = project.images.list()
    regular = [image for image in images if image.attributes.regular]
    omitted[Omission.IRREGULAR_IMAGE] += len(images) - len(regular)
    still = [image for image in regular if image.extent("t") == 1]
    omitted[Omission.SEVERAL_TIMES] += len(regular) - len(still)
    return still


def truthful_layers(project: Project) -> set[LayerKey]:
    """Layers that people stand behind; what a model said is no truth until somebody reviews it."""
    return {layer.id for layer in project.layers.list() if layer.kind is not LayerKind.MODEL}


def voxels_sha256(project: Project, image: ImageKey, segmentation: SegmentationKey | None = None) -> str:
    """Digest the finest level alone: equal shards give equal digests, whatever stands in the metadata."""
    path = project.images.path(image)
    manifest = read_manifest(path) if segmentation is None else load_manifest(manifest_path(path, segmentation))
    # Where the voxels lie says nothing about them.
    finest = (file for file in manifest.files if file.path.startswith("0/") and not file.path.endswith(f"/{OBJECTS}"))
    chunks = [f"{file.path}:{file.sha256}" for file in finest]
    return hashlib.sha256("\n".join(chunks).encode()).hexdigest()


def _keep_newest(project: Project, found: Sequence[Segmentation], omitted: Counter[Omission]) -> list[Counting]:
    """Take each term of one image from what changed last: nothing says whether it corrects the others or differs.

    Segmentations of one act are parts of one statement and count together. One that names no term says that nothing
    is there, and replaces all that is older.
    """
    acts: dict[tuple[LayerKey, datetime], list[Segmentation]] = defaultdict(list)
    for one in found:
        acts[one.layer, one.created].append(one)
    newest, *older = sorted(acts.values(), key=lambda act: max((one.updated, one.id) for one in act), reverse=True)
    kept = [Counting(one, tuple(term.term for term in one.terms)) for one in reversed(newest)]
    newer = [*newest]
    for act in older:
        spoken = {term.term for one in newer for term in one.terms}
        closed = not all(one.terms for one in newer)
        for one in reversed(act):
            left = tuple(term.term for term in one.terms if not closed and term.term not in spoken)
            kept += [Counting(one, left)] if left else []
            if len(left) < len(one.terms) or not left:
                omitted[Omission.REPLACED_SEGMENTATION] += not _repeats(project, one, newer)
        newer += act
    return kept[::-1]


def _repeats(project: Project, segmentation: Segmentation, others: Sequence[Segmentation]) -> bool:
    """Whether one of the others has the same voxels: whoever takes that one instead loses nothing."""
    digests = (voxels_sha256(project, one.image, one.id) for one in others)
    return voxels_sha256(project, segmentation.image, segmentation.id) in digests


def _usable_drawings(project: Project, omitted: Counter[Omission]) -> list[Annotation]:
    usable = []
    for found in project.annotations.list(AnnotationFilter()).items:
        # Voxels are read of the first time point, so a drawing on another one says nothing about them.
        if found.axis is not Axis.Z or found.t != 0:
            omitted[Omission.DRAWING_ELSEWHERE] += 1
        elif not found.terms or found.area_px <= 0:
            omitted[Omission.DRAWING_OF_NOTHING] += 1
        else:
            usable.append(found)
    return usable


def _group_drawings(
    drawings: Sequence[Annotation], segmented: Mapping[ImageKey, object], omitted: Counter[Omission]
) -> dict[ImageKey, list[Annotation]]:
    drawn: dict[ImageKey, list[Annotation]] = defaultdict(list)
    for drawing in drawings:
        # Where somebody made a segmentation, a drawing is a remark on it and no second truth.
        if drawing.image in segmented:
            omitted[Omission.DRAWING_BESIDE] += 1
        else:
            drawn[drawing.image].append(drawing)
    return dict(drawn)
