"""Learning to segment: the plan, the steps, and predicting with what was learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import JsonValue

from imaging.cli import Report
from imaging.contracts import NetworkRequest
from imaging.domain.base import ImageKey
from imaging.domain.job import Task
from imaging.errors import InvalidInputError
from imaging.project.project import Project
from pipelines.dataset import Dataset, Part, Sample, open_sample
from pipelines.evaluate import Overlap, summarise_segmentation
from pipelines.learning import Learned, Trainer, fresh_network, half_precision
from pipelines.networks import describe_network, quiet_monai
from pipelines.plan import Plan, check_patch, median_spacing, plan_patch
from pipelines.prepared_answer import segment_prepared
from pipelines.preprocess import PreparedImages, PreparedLabels
from pipelines.preprocessing import PreprocessingRecipe
from pipelines.recipe import SegmentationRecipe
from pipelines.sampling import Draw, PatchSource, Survey, Volume, prefetch, survey_image
from pipelines.sweeping import working_folder
from pipelines.turned import usual_orientation
from pipelines.voxels import PERCENTILES, Classes, ImageVoxels, Intensity, LabelVoxels, Values
from pipelines.windows import Forward, Windows, predict_classes

if TYPE_CHECKING:
    import torch

FEWEST_VOXELS = 8
WHOLE_CT = (-1024.0, 3071.0)
"""HU; where CT shows none of the terms, nothing says which part of the range matters."""


@dataclass(frozen=True)
class Budget:
    """What a kind of device is good for: small networks with many steps win on a CPU."""

    voxels: int
    batch: int
    steps: int
    learning_rate: float
    filters: tuple[int, ...]
    threads: int


CPU = Budget(voxels=33_000, batch=2, steps=800, learning_rate=5e-3, filters=(8, 16, 32, 64), threads=0)
CUDA = Budget(voxels=96**3, batch=2, steps=1500, learning_rate=1e-3, filters=(32, 64, 128, 256, 320), threads=6)


def learn_segmentation(
    project: Project, dataset: Dataset, recipe: SegmentationRecipe, device: torch.device, report: Report
) -> Learned:
    """Train on the training part and judge on the test part; equal data, settings and seed give equal weights."""
    report(0, "looking at the images")
    budget = _budget_of(device)
    samples = dataset.part(Part.TRAIN)
    axes = _axes(project, samples, recipe)
    truth = [open_sample(project, dataset, sample)[1] for sample in samples]
    with ExitStack() as held:
        turned = held.enter_context(PreparedImages(project, PreprocessingRecipe(), axes=axes))
        opened = [_prepare(turned, sample, labels) for sample, labels in zip(samples, truth, strict=True)]
        surveys = _survey(opened, len(dataset.classes), recipe)
        recipe = _complete(recipe, [image for image, _ in opened], surveys)
        if recipe.preprocessing is not None:
            prepared = held.enter_context(PreparedImages(project, recipe.preprocessing, axes=axes))
            opened = [_prepare(prepared, sample, labels) for sample, labels in zip(samples, truth, strict=True)]
            surveys = _survey(opened, len(dataset.classes), recipe)
        plan = make_plan(dataset, recipe, [image for image, _ in opened], surveys, budget, axes=axes)
        volumes = [
            Volume(image, labels, survey, plan.intensities[image.modality])
            for (image, labels), survey in zip(opened, surveys, strict=True)
        ]
        network, settings = _train(plan, volumes, recipe, device, report)
    metrics: dict[str, JsonValue] = {}
    if dataset.part(Part.TEST):
        metrics = judge(project, dataset, plan, forward_of(network, plan, device), report)
    return Learned(plan, network, metrics, settings)


def _survey(
    opened: Sequence[tuple[ImageVoxels, LabelVoxels]], classes: int, recipe: SegmentationRecipe
) -> list[Survey]:
    surveys = [
        survey_image(image, labels, classes, recipe.seed + number) for number, (image, labels) in enumerate(opened)
    ]
    if sum(len(places) for survey in surveys for places in survey.places) < FEWEST_VOXELS:
        raise InvalidInputError("the training images hold too few voxels of any term")
    return surveys


def _axes(project: Project, samples: Sequence[Sample], recipe: SegmentationRecipe) -> str:
    """Give the sides that z, y and x of every image are to run to."""
    named = recipe.preprocessing and recipe.preprocessing.axes
    return named or usual_orientation([project.images.get(sample.image).attributes for sample in samples])


def _complete(
    recipe: SegmentationRecipe, images: Sequence[ImageVoxels], surveys: Sequence[Survey]
) -> SegmentationRecipe:
    """Say what the preprocessing of a model leaves open, so that nothing of it depends on the image predicted."""
    given = recipe.preprocessing
    if given is None:
        return recipe
    spacing = given.spacing or median_spacing([image.spacing for image in images])
    intensity = _intensities(images, surveys, recipe) | given.intensity
    whole = given.model_copy(update={"spacing": spacing, "intensity": intensity})
    return recipe.model_copy(update={"preprocessing": whole})


def _prepare(prepared: PreparedImages, sample: Sample, labels: LabelVoxels) -> tuple[ImageVoxels, LabelVoxels]:
    found = prepared.open(sample.image)
    return found.voxels, labels if found.grid.moves_nothing else PreparedLabels(labels, found.grid)


def make_plan(
    dataset: Dataset,
    recipe: SegmentationRecipe,
    images: Sequence[ImageVoxels],
    surveys: Sequence[Survey],
    budget: Budget,
    *,
    axes: str,
) -> Plan:
    """Decide spacing, patch, intensities and network from the training images."""
    channels = {image.channels for image in images}
    if len(channels) > 1:
        raise InvalidInputError("colour and grey images cannot be learned together")
    spacing = median_spacing([image.spacing for image in images])
    shapes = [_at_spacing(image, spacing) for image in images]
    patch = check_patch(recipe.patch, shapes) if recipe.patch else plan_patch(shapes, spacing, budget.voxels)
    given = recipe.preprocessing
    request = NetworkRequest(
        task=Task.SEGMENTATION,
        spatial_dims=3,
        in_channels=channels.pop(),
        out_channels=len(dataset.classes) + 1,
        patch=patch,
        spacing=spacing,
        filters=recipe.filters or budget.filters,
    )
    return Plan(
        task=Task.SEGMENTATION,
        name=recipe.name or Task.SEGMENTATION.value,
        classes=dataset.classes,
        network=describe_network(request, recipe.network),
        channels=request.in_channels,
        patch=patch,
        spacing=spacing,
        intensities=_intensities(images, surveys, recipe) if given is None else dict(given.intensity),
        orientation=axes,
        overlap=recipe.overlap,
        preprocessing=given,
    )


def intensity_for(plan: Plan, image: ImageVoxels) -> Intensity:
    """Find how this image is to be normalised; InvalidInputError for a kind of image the model never saw."""
    intensity = plan.intensity_of(image.modality)
    if image.channels != plan.channels:
        raise InvalidInputError("the model was trained on images with another number of channels")
    return intensity


def segment(plan: Plan, image: ImageVoxels, forward: Forward) -> Iterator[Classes]:
    """Predict one image slab by slab along z: classes (z, y, x)."""
    windows = Windows(image, plan.patch, plan.spacing, plan.overlap)
    intensity = intensity_for(plan, image)
    return predict_classes(windows, intensity, forward, classes=len(plan.classes) + 1, batch=plan.batch)


def segment_image(project: Project, plan: Plan, key: ImageKey, forward: Forward) -> Iterator[Classes]:
    """Predict one image of a project as its model was trained: straight from the Zarr, or as it has to be prepared."""
    recipe = plan.preprocessing or PreprocessingRecipe()
    with PreparedImages(project, recipe, axes=plan.orientation) as prepared, working_folder(project) as scratch:
        found = prepared.open(key)
        if found.grid.moves_nothing:
            yield from segment(plan, found.voxels, forward)
        else:
            yield from segment_prepared(plan, found, forward, scratch)


def forward_of(network: torch.nn.Module, plan: Plan, device: torch.device) -> Forward:
    """Give the function that turns windows into logits on the CPU, in half precision on CUDA."""
    import torch

    network = network.to(device).eval()

    def forward(values: Values) -> torch.Tensor:
        with torch.inference_mode(), half_precision(device):
            sent = torch.from_numpy(values).to(device, memory_format=torch.channels_last_3d)
            answer: torch.Tensor = network(sent)
            return answer.float().cpu().contiguous()

    return forward


def judge(project: Project, dataset: Dataset, plan: Plan, forward: Forward, report: Report) -> dict[str, JsonValue]:
    """Predict the subjects that training never saw and count voxels per subject."""
    subjects: dict[str, Overlap] = {}
    test = dataset.part(Part.TEST)
    for number, sample in enumerate(test):
        report(90 + 9 * number // len(test), "judging on unseen subjects")
        overlap = subjects.setdefault(sample.subject, Overlap(len(dataset.classes)))
        _count(project, dataset, sample, plan, forward, overlap)
    return summarise_segmentation(subjects, [known.name for known in dataset.classes])


def _count(project: Project, dataset: Dataset, sample: Sample, plan: Plan, forward: Forward, overlap: Overlap) -> None:
    image, labels = open_sample(project, dataset, sample)
    start = 0
    for predicted in segment_image(project, plan, sample.image, forward):
        box = (start, start + len(predicted), 0, image.shape[1], 0, image.shape[2])
        overlap.add(predicted, labels.read(box), image.stored(box))
        start += len(predicted)


def _intensities(
    images: Sequence[ImageVoxels], surveys: Sequence[Survey], recipe: SegmentationRecipe
) -> dict[str, Intensity]:
    found: dict[str, Intensity] = {}
    for modality in sorted({image.modality for image in images}):
        if modality != "CT":
            found[modality] = PERCENTILES
            continue
        if recipe.window is not None:
            low, high = recipe.window
        else:
            values = np.concatenate([s.values for i, s in zip(images, surveys, strict=True) if i.modality == modality])
            low, high = _window(values) if values.size else WHOLE_CT
        found[modality] = Intensity(kind="fixed", low=low, high=high)
    return found


def _window(values: Values) -> tuple[float, float]:
    """Span what the terms measure in HU, and half as much on either side, so that their borders show."""
    low, high = (float(value) for value in np.percentile(values, [0.5, 99.5]))
    margin = max(100.0, (high - low) / 2)
    return round(max(low - margin, WHOLE_CT[0])), round(min(high + margin, WHOLE_CT[1]))


def _at_spacing(image: ImageVoxels, spacing: tuple[float, float, float]) -> tuple[int, int, int]:
    z, y, x = (
        max(1, round(count * own / wanted))
        for count, own, wanted in zip(image.shape, image.spacing, spacing, strict=True)
    )
    return z, y, x


def _train(
    plan: Plan, volumes: Sequence[Volume], recipe: SegmentationRecipe, device: torch.device, report: Report
) -> tuple[torch.nn.Module, dict[str, JsonValue]]:
    import torch

    budget = _budget_of(device)
    steps, batch = recipe.steps or budget.steps, recipe.batch or budget.batch
    rate = recipe.learning_rate or budget.learning_rate
    flips = recipe.flips if recipe.flips is not None else ("zyx" if len(plan.classes) == 1 else "")
    draw = Draw(
        patch=plan.patch,
        spacing=plan.spacing,
        foreground=recipe.foreground,
        flips=tuple("zyx".index(axis) for axis in flips),
        seed=recipe.seed,
    )
    source = PatchSource(volumes, draw)
    network = fresh_network(plan, device, recipe.seed)
    # Channels last is 1.7 times faster for small 3-D networks on a CPU, measured with torch 2.13.
    network = network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    trainer = Trainer(network, device, steps=steps, rate=rate, loss=_dice_and_cross_entropy())
    batches = prefetch(lambda step: source.batch(step, batch), steps, threads=budget.threads)
    trainer.run(batches, report, start=0, stop=90)
    settings: dict[str, JsonValue] = {
        "steps": steps,
        "batch": batch,
        "patch": list(plan.patch),
        "filters": list(recipe.filters or budget.filters),
        "learning_rate": rate,
        "foreground": recipe.foreground,
        "flips": flips,
        "overlap": plan.overlap,
        "seed": recipe.seed,
        "held_out": recipe.held_out,
    }
    if plan.preprocessing is not None:
        settings["preprocessing"] = plan.preprocessing.model_dump(mode="json", exclude_none=True)
    return network.eval(), settings


def _budget_of(device: torch.device) -> Budget:
    return CUDA if device.type == "cuda" else CPU


def _dice_and_cross_entropy() -> torch.nn.Module:
    with quiet_monai():
        from monai.losses.dice import DiceCELoss

        loss: torch.nn.Module = DiceCELoss(softmax=True, to_onehot_y=True, include_background=False, batch=True)
    return loss
