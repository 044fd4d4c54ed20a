"""Which images a model learns from: frozen, hashed, and split so that no subject is in two parts."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum

import numpy as np
from pydantic import Field

from imaging.domain.annotation import Annotation
from imaging.domain.base import AnnotationKey, ImageKey, Record, SegmentationKey, TermKey
from imaging.domain.image import Image
from imaging.domain.job import Split, Task
from imaging.errors import InvalidInputError
from imaging.geometry import wkt_to_mask
from imaging.project.project import Project
from imaging.pyramid.labels import SegmentationReader
from imaging.pyramid.read import Pyramid
from pipelines.omission import Omission, tell_omissions
from pipelines.truth import Counting, find_truth, learnable_images, truthful_layers, voxels_sha256
from pipelines.voxels import Classes, ImageVoxels, LabelVoxels

log = logging.getLogger(__name__)

FEWEST_SUBJECTS = 3


class Part(Enum):
    """What a sample is used for."""

    TRAIN = "train"
    TEST = "test"


class ClassOf(Record):
    """One class to learn: a term, its name and its voxel value; classes count from 1, 0 is background."""

    term: TermKey
    name: str
    value: int


class Statement(Record):
    """A segmentation and those of its terms that count; where they overlap, a later one of a sample covers it."""

    segmentation: SegmentationKey
    terms: tuple[TermKey, ...]


class Sample(Record):
    """One image with what is said of it.

    `pixels_sha256` is of the stored voxels, `truth_sha256` of the segmentations, drawings or terms used.
    `empty` says that somebody looked for the terms of a segmentation and that the image has none of them.
    """

    image: ImageKey
    subject: str
    part: Part = Part.TRAIN
    pixels_sha256: str
    truth_sha256: str
    segmentations: tuple[Statement, ...] = ()
    annotations: tuple[AnnotationKey, ...] = ()
    term: TermKey | None = None
    empty: bool = False
    modality: str = ""


class Dataset(Record):
    """A frozen list of samples; `reviewed` says whether all of it was reviewed.

    `left_out` counts what the project holds and the list does not, by the values of `Omission`; `unnamed` counts the
    images from files that name no person, each of which is a subject of its own.
    """

    task: Task
    classes: tuple[ClassOf, ...]
    samples: tuple[Sample, ...]
    reviewed: bool
    split: Split
    left_out: dict[str, int] = Field(default_factory=dict)
    unnamed: int = 0

    @property
    def sha256(self) -> str:
        """Digest of everything that decides what is learned and judged."""
        decisive = self.model_dump(mode="json", exclude={"left_out", "unnamed"})
        text = json.dumps(decisive, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def part(self, part: Part) -> list[Sample]:
        """The samples of one part."""
        return [sample for sample in self.samples if sample.part is part]

    def subjects(self, part: Part) -> list[str]:
        """The subjects of one part, each once."""
        return sorted({sample.subject for sample in self.part(part)})


def freeze_dataset(project: Project, task: Task) -> Dataset:
    """List what the project holds for a task: reviewed work where there is any, else all that members made."""
    build = _freeze_segmentation if task is Task.SEGMENTATION else _freeze_classification
    dataset = build(project)
    if not dataset.samples:
        left_out = f"; left out: {tell_omissions(dataset.left_out)}" if dataset.left_out else ""
        raise InvalidInputError(f"the project has nothing to learn a {task.value} from{left_out}")
    if not dataset.reviewed:
        log.warning("nothing is reviewed yet, so training uses all annotations of members and imports")
    if dataset.left_out:
        log.warning("left out of the dataset: %s", tell_omissions(dataset.left_out))
    return dataset.model_copy(update={"unnamed": _count_unnamed(project, dataset)})


def split_dataset(dataset: Dataset, split: Split, *, held_out: float, seed: int) -> Dataset:
    """Hold out whole subjects; those that share a picture, or the voxels of a truth, stay together."""
    if split is Split.NONE:
        return dataset.model_copy(update={"split": split})
    if dataset.unnamed:
        log.warning("images from files that name no person: %d, each counts as one person", dataset.unnamed)
    groups = _linked_subjects(dataset.samples)
    if len(groups) < FEWEST_SUBJECTS:
        linked = len(groups) < len({sample.subject for sample in dataset.samples})
        raise InvalidInputError(
            f"a split by subject needs {FEWEST_SUBJECTS} subjects or more, and there is something to learn from of "
            f"{len(groups)}{', those with the same image or segmentation counted as one' if linked else ''}; "
            "--split none trains without judging"
        )
    test = _choose_test(groups, dataset.samples, held_out=held_out, seed=seed)
    samples = tuple(
        sample.model_copy(update={"part": Part.TEST if sample.subject in test else Part.TRAIN})
        for sample in dataset.samples
    )
    return dataset.model_copy(update={"samples": samples, "split": split})


def open_sample(project: Project, dataset: Dataset, sample: Sample) -> tuple[ImageVoxels, LabelVoxels]:
    """Open the voxels of one sample and what is true of them."""
    path = project.images.path(sample.image)
    voxels = ImageVoxels(Pyramid.open(path))
    numbers = {known.term: number for number, known in enumerate(dataset.classes, start=1)}
    readers = [
        (
            SegmentationReader.open(path, said.segmentation),
            {known.value: numbers[known.term] for known in dataset.classes if known.term in said.terms},
        )
        for said in sample.segmentations
    ]
    drawn = [project.annotations.get(key) for key in sample.annotations]
    return voxels, LabelVoxels(voxels.shape, readers, rasterise(drawn, numbers, voxels.shape))


def rasterise(
    annotations: Iterable[Annotation], numbers: Mapping[TermKey, int], shape: tuple[int, int, int]
) -> dict[int, Classes]:
    """Fill polygons drawn on z planes: a voxel belongs to one if its centre does.

    Returns
    -------
    z -> (y, x), uint8 classes; only planes on which something is drawn
    """
    planes: dict[int, Classes] = {}
    for annotation in annotations:
        for term in annotation.terms:
            if term in numbers:
                plane = planes.setdefault(annotation.index, np.zeros(shape[1:], np.uint8))
                plane[wkt_to_mask(annotation.wkt, (shape[1], shape[2]))] = numbers[term]
    return planes


def _freeze_segmentation(project: Project) -> Dataset:
    omitted = Counter[Omission]()
    truth = find_truth(project, omitted)
    samples = tuple(
        _segmentation_sample(project, image, truth.segmentations.get(image.id, ()), truth.drawings.get(image.id, ()))
        for image in _spoken_of(learnable_images(project, omitted), truth.speaks_of, omitted)
    )
    dataset = _assemble(project, Task.SEGMENTATION, samples, truth.terms(), reviewed=truth.reviewed)
    if samples and all(sample.empty for sample in samples):
        raise InvalidInputError(
            f"no image with a {'reviewed ' if truth.reviewed else ''}segmentation holds a voxel of any term"
        )
    return _with_omissions(dataset, omitted)


def _spoken_of(
    images: Iterable[Image], speaks_of: Callable[[ImageKey], bool], omitted: Counter[Omission]
) -> Iterator[Image]:
    for image in images:
        if speaks_of(image.id):
            yield image
        else:
            omitted[Omission.SILENT_IMAGE] += 1


def _segmentation_sample(
    project: Project, image: Image, segmentations: Sequence[Counting], drawings: Sequence[Annotation]
) -> Sample:
    statements = tuple(Statement(segmentation=found.segmentation.id, terms=found.terms) for found in segmentations)
    said = [f"{voxels_sha256(project, image.id, found.segmentation)}:{sorted(found.terms)}" for found in statements]
    said += [f"{drawing.index}:{drawing.wkt}:{sorted(drawing.terms)}" for drawing in drawings]
    return Sample(
        image=image.id,
        subject=image.subject,
        pixels_sha256=voxels_sha256(project, image.id),
        truth_sha256=hashlib.sha256("\n".join(said).encode()).hexdigest(),
        segmentations=statements,
        annotations=tuple(drawing.id for drawing in drawings),
        empty=not drawings and not any(found.occurring() for found in segmentations),
        modality=image.attributes.modality,
    )


def _freeze_classification(project: Project) -> Dataset:
    omitted = Counter[Omission]()
    truthful = truthful_layers(project)
    given_terms = list(project.images.terms())
    reviewed = any(given.reviewed for given in given_terms)
    said: dict[ImageKey, set[TermKey]] = defaultdict(set)
    for given in given_terms:
        if given.reviewed or (not reviewed and given.layer in truthful):
            said[given.image].add(given.term)
        else:
            own = given.layer in truthful
            omitted[Omission.UNREVIEWED_TERM if own else Omission.UNREVIEWED_PREDICTION] += 1
    samples = []
    for image in _spoken_of(learnable_images(project, omitted), said.__contains__, omitted):
        if len(said[image.id]) > 1:
            omitted[Omission.AMBIGUOUS_IMAGE] += 1
        else:
            (term,) = said[image.id]
            samples.append(_classification_sample(project, image, term))
    used = {sample.term for sample in samples if sample.term is not None}
    if samples and len(used) < 2:
        raise InvalidInputError("a classification needs images of at least two terms")
    return _with_omissions(_assemble(project, Task.CLASSIFICATION, tuple(samples), used, reviewed=reviewed), omitted)


def _classification_sample(project: Project, image: Image, term: TermKey) -> Sample:
    return Sample(
        image=image.id,
        subject=image.subject,
        pixels_sha256=voxels_sha256(project, image.id),
        truth_sha256=hashlib.sha256(str(term).encode()).hexdigest(),
        term=term,
        modality=image.attributes.modality,
    )


def _assemble(
    project: Project, task: Task, samples: tuple[Sample, ...], used: set[TermKey], *, reviewed: bool
) -> Dataset:
    terms = sorted((term for term in project.ontology.terms() if term.id in used), key=lambda term: term.value)
    classes = tuple(ClassOf(term=term.id, name=term.name, value=term.value) for term in terms)
    return Dataset(task=task, classes=classes, samples=samples, reviewed=reviewed, split=Split.NONE)


def _with_omissions(dataset: Dataset, omitted: Counter[Omission]) -> Dataset:
    # In the order of the reasons, whatever was met first.
    left_out = {reason.value: omitted[reason] for reason in Omission if omitted[reason]}
    return dataset.model_copy(update={"left_out": left_out})


def _count_unnamed(project: Project, dataset: Dataset) -> int:
    # What comes in as DICOM, and what is made of it, is of a study or series; nothing else says whose it is.
    unnamed = {image.id for image in project.images.list() if not image.study and not image.series}
    return sum(sample.image in unnamed for sample in dataset.samples)


def _linked_subjects(samples: Sequence[Sample]) -> list[frozenset[str]]:
    """Group subjects that share identical pixels, so that a copy cannot leak from one part into the other.

    So do those that share the same segmentation or drawings: no two people are alike to the voxel, but two files of
    one person that lie on one grid may have been given the same mask.
    """
    owner: dict[str, str] = {}
    leader = {sample.subject: sample.subject for sample in samples}

    def find(subject: str) -> str:
        while leader[subject] != subject:
            subject = leader[subject]
        return subject

    for sample in samples:
        shared = [sample.pixels_sha256]
        # A term of whole images is the same of many people, and so is a mask of nothing.
        shared += [sample.truth_sha256] if sample.term is None and not sample.empty else []
        for digest in shared:
            leader[find(sample.subject)] = find(owner.setdefault(digest, sample.subject))
    groups: dict[str, set[str]] = defaultdict(set)
    for subject in leader:
        groups[find(subject)].add(subject)
    return sorted((frozenset(group) for group in groups.values()), key=min)


def _choose_test(
    groups: Sequence[frozenset[str]], samples: Sequence[Sample], *, held_out: float, seed: int
) -> set[str]:
    """Draw groups at random, the same share of every term where samples carry one, and of those without voxels."""
    term_of: dict[str, int] = {sample.subject: sample.term or 0 for sample in reversed(samples)}
    full = {sample.subject for sample in samples if not sample.empty}
    strata: dict[int, list[frozenset[str]]] = defaultdict(list)
    for group in groups:
        # No term has the id -1.
        strata[-1 if full.isdisjoint(group) else term_of[min(group)]].append(group)
    rng = np.random.default_rng([seed, 11])
    test: set[str] = set()
    for term in sorted(strata):
        members = strata[term]
        # Halves round up: a quarter of ten subjects is three, enough for an interval.
        wanted = min(max(1, int(held_out * len(members) + 0.5)), len(members) - 1)
        for index in rng.permutation(len(members))[:wanted]:
            test |= members[index]
    if not test:
        raise InvalidInputError(
            "no term has two subjects, so none can be held out; --split none trains without judging"
        )
    return test
