"""Run a registered model over images; what it says becomes one more layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from imaging.access import Action
from imaging.cli import Report
from imaging.domain.annotation import Layer
from imaging.domain.base import ImageKey, Record, TermKey
from imaging.domain.job import PredictWork, Task
from imaging.domain.model import Model
from imaging.domain.segmentation import Segmentation, TermVoxels
from imaging.errors import InvalidInputError, StateError
from imaging.project.project import Project
from imaging.pyramid.labels import Labels, count_voxels, stage_segmentation
from imaging.pyramid.read import Pyramid
from pipelines.classification import probabilities, read_image
from pipelines.networks import choose_device
from pipelines.plan import Plan
from pipelines.registry import open_model
from pipelines.segmentation import forward_of, intensity_for, segment_image
from pipelines.sweeping import publishing, sweep_abandoned, working_folder
from pipelines.voxels import ImageVoxels, Size, require_one_time
from pipelines.windows import Forward

if TYPE_CHECKING:
    import torch


class PredictResult(Record):
    """What a prediction made: for each image a segmentation with its voxels per term, or a term with probability."""

    model: int
    layer: int
    outputs: tuple[dict[str, JsonValue], ...]


def predict(project: Project, work: PredictWork, report: Report) -> PredictResult:
    """Predict every image into the model's layer, replacing what this model said of it before."""
    project.require(Action.TRAIN)
    project.require_object_store()
    device = choose_device(work.device)
    model, plan, network = open_model(project, work.model)
    known = {term.id: term.value for term in project.ontology.terms()}
    if any(known.get(one.term) != one.value for one in plan.classes):
        raise StateError("model", "its terms are no longer those of the project")
    images = [project.images.get(key) for key in work.images]
    if not all(image.attributes.regular for image in images):
        raise InvalidInputError("the planes of an image form no regular grid: `imaging resample` makes one whose do")
    for image in images:
        require_one_time(image)
    layer = project.layers.of_model(model.id)
    sweep_abandoned(project)
    say = _classify if plan.task is Task.CLASSIFICATION else _segment
    outputs = say(project, _Saying(model, plan, network, device, layer), work.images, report)
    report(100, "predicted")
    return PredictResult(model=model.id, layer=layer.id, outputs=tuple(outputs))


@dataclass(frozen=True)
class _Saying:
    """A model about to speak, and the layer that it speaks into."""

    model: Model
    plan: Plan
    network: torch.nn.Module
    device: torch.device
    layer: Layer


def _segment(
    project: Project, saying: _Saying, images: tuple[ImageKey, ...], report: Report
) -> list[dict[str, JsonValue]]:
    opened = [ImageVoxels(Pyramid.open(project.images.path(key))) for key in images]
    for image in opened:
        intensity_for(saying.plan, image)
    forward = forward_of(saying.network, saying.plan, saying.device)
    outputs = []
    for number, (key, image) in enumerate(zip(images, opened, strict=True)):
        step = f"image {number + 1} of {len(images)}"

        def advance(share: float, done: int = number, message: str = step) -> None:
            report(int(99 * (done + share) / len(images)), message)

        with working_folder(project) as scratch:
            labels = _predict_labels(project, saying.plan, (key, image.shape), forward, scratch, advance)
            with publishing(project):
                segmentation = _publish(project, saying, key, labels)
            del labels
        outputs.append(_describe(saying.plan, segmentation))
    return outputs


def _predict_labels(
    project: Project,
    plan: Plan,
    image: tuple[ImageKey, Size],
    forward: Forward,
    scratch: Path,
    advance: Callable[[float], None],
) -> Labels:
    """Predict into a file, because the registry wants to know the counts before the voxels are published."""
    key, shape = image
    labels: Labels = np.lib.format.open_memmap(scratch / "labels.npy", mode="w+", dtype=np.uint16, shape=shape)
    values = np.asarray(plan.values, np.uint16)
    start = 0
    advance(0.0)
    for classes in segment_image(project, plan, key, forward):
        labels[start : start + len(classes)] = values[classes]
        start += len(classes)
        advance(start / shape[0])
    return labels


def _publish(project: Project, saying: _Saying, key: ImageKey, labels: Labels) -> Segmentation:
    chosen = {one.term for one in saying.plan.classes}
    records = [term for term in project.ontology.terms() if term.id in chosen]
    counted = Counter[TermKey]()
    for plane in labels:
        counted.update({found.term: found.voxels for found in count_voxels(plane, records)})
    terms = [TermVoxels(term=term.id, value=term.value, voxels=counted[term.id]) for term in records]
    earlier = [found for found in project.segmentations.list(key) if found.layer == saying.layer.id]
    path, values = project.images.path(key), np.asarray(labels)
    with stage_segmentation(path, values, records, store=project.object_store) as put:
        if earlier:
            return project.segmentations.replace(earlier[-1].id, terms, put, reviewed=False)
        name = f"{saying.model.name} {saying.model.version}"
        return project.segmentations.create(key, saying.layer.id, name, terms, put)


def _describe(plan: Plan, segmentation: Segmentation) -> dict[str, JsonValue]:
    names = {known.term: known.name for known in plan.classes}
    terms: list[JsonValue] = [
        {"term": found.term, "name": names[found.term], "value": found.value, "voxels": found.voxels}
        for found in segmentation.terms
    ]
    return {"image": segmentation.image, "segmentation": segmentation.id, "terms": terms}


def _classify(
    project: Project, saying: _Saying, images: tuple[ImageKey, ...], report: Report
) -> list[dict[str, JsonValue]]:
    outputs = []
    for begin in range(0, len(images), saying.plan.batch):
        keys = images[begin : begin + saying.plan.batch]
        report(99 * begin // len(images), f"image {begin + 1} of {len(images)}")
        values = [read_image(project, saying.plan, key) for key in keys]
        found = probabilities(saying.network, saying.plan, saying.device, values)
        outputs += [_give_term(project, saying, key, row) for key, row in zip(keys, found, strict=True)]
    return outputs


def _give_term(project: Project, saying: _Saying, key: ImageKey, row: NDArray[np.float64]) -> dict[str, JsonValue]:
    best = saying.plan.classes[int(row.argmax())]
    layer = saying.layer.id
    for given in project.images.terms(key):
        if given.layer == layer and given.term != best.term:
            project.images.remove_term(key, given.term, layer=layer)
    project.images.add_term(key, best.term, layer=layer, probability=min(float(row.max()), 1.0))
    named: dict[str, JsonValue] = {
        known.name: round(float(value), 4) for known, value in zip(saying.plan.classes, row, strict=True)
    }
    return {"image": key, "term": best.term, "name": best.name, "probabilities": named}
