"""Learning to classify whole images: brought to one size, drawn evenly from every term."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from imaging.cli import Report
from imaging.contracts import NetworkRequest
from imaging.domain.base import ImageKey, TermKey
from imaging.domain.job import Task
from imaging.errors import InvalidInputError
from imaging.project.project import Project
from imaging.pyramid.read import Pyramid
from pipelines.dataset import Dataset, Part
from pipelines.evaluate import summarise_classification
from pipelines.learning import Learned, Trainer, fresh_network, half_precision
from pipelines.networks import describe_network
from pipelines.plan import Plan, median_spacing
from pipelines.preprocess import PreparedImages
from pipelines.preprocessing import PreprocessingRecipe
from pipelines.recipe import ClassificationRecipe
from pipelines.sampling import prefetch
from pipelines.sweeping import working_folder
from pipelines.turned import usual_orientation
from pipelines.voxels import PERCENTILES, ImageVoxels, Intensity, Size, Values, known_spacing

if TYPE_CHECKING:
    import torch

PICTURE = 64
VOLUME = (32, 64, 64)
SHIFT = 0.08


@dataclass(frozen=True)
class Budget:
    """What a kind of device is good for."""

    picture: int
    batch: int
    steps: int
    threads: int


CPU = Budget(picture=64, batch=24, steps=300, threads=0)
CUDA = Budget(picture=224, batch=64, steps=1500, threads=6)


def learn_classification(
    project: Project, dataset: Dataset, recipe: ClassificationRecipe, device: torch.device, report: Report
) -> Learned:
    """Train on the training part and judge on the test part."""
    report(0, "looking at the images")
    budget = _budget_of(device)
    plan = make_plan(project, dataset, recipe, budget)
    with working_folder(project) as scratch:
        cache = _cache(project, dataset, plan, scratch, report)
        truth = _truth(dataset)
        train = np.flatnonzero([sample.part is Part.TRAIN for sample in dataset.samples])
        if len(set(truth[train])) < 2:
            raise InvalidInputError("the training images carry fewer than two terms")
        network, settings = _train(plan, (cache, truth, train), recipe, device, report)
        metrics: dict[str, JsonValue] = {}
        test = np.flatnonzero([sample.part is Part.TEST for sample in dataset.samples])
        if len(test):
            report(90, "judging on unseen subjects")
            found = probabilities(network, plan, device, [cache[index] for index in test])
            subjects = [dataset.samples[index].subject for index in test]
            names = [known.name for known in dataset.classes]
            metrics = summarise_classification(subjects, truth[test], found, names)
        # The map must be let go before its folder is.
        del cache
    return Learned(plan, network, metrics, settings)


def make_plan(project: Project, dataset: Dataset, recipe: ClassificationRecipe, budget: Budget) -> Plan:
    """Decide size, intensities and network from the training images."""
    samples = dataset.part(Part.TRAIN)
    images = [project.images.get(sample.image) for sample in samples]
    flat = {image.extent("z") == 1 for image in images}
    channels = {3 if image.attributes.photometric == "RGB" else 1 for image in images}
    if len(flat) > 1 or len(channels) > 1:
        raise InvalidInputError("pictures and volumes, or colour and grey images, cannot be learned together")
    dims = 2 if flat.pop() else 3
    largest = max(1, int(np.median([max(image.extent("y"), image.extent("x")) for image in images])))
    side = min(budget.picture, largest)
    patch = recipe.patch or ((1, side, side) if dims == 2 else VOLUME)
    intensities = {image.attributes.modality: _intensity(image.attributes.modality, image.dtype) for image in images}
    given = recipe.preprocessing
    if dims == 2 and given is not None and (given.orientation or given.spacing):
        raise InvalidInputError("pictures are not oriented or resampled: nothing in their files would say it elsewhere")
    intensities |= given.intensity if given else {}
    request = NetworkRequest(
        task=Task.CLASSIFICATION,
        spatial_dims=dims,
        in_channels=channels.pop(),
        out_channels=len(dataset.classes),
        patch=patch[-dims:],
        filters=recipe.filters,
    )
    return Plan(
        task=Task.CLASSIFICATION,
        name=recipe.name or Task.CLASSIFICATION.value,
        classes=dataset.classes,
        network=describe_network(request, recipe.network),
        channels=request.in_channels,
        patch=patch,
        spacing=median_spacing([known_spacing(image.attributes.spacing_mm) for image in images]),
        intensities=intensities,
        orientation=(given and given.axes) or usual_orientation([image.attributes for image in images]),
        batch=16,
        preprocessing=given and given.model_copy(update={"intensity": intensities}),
    )


def read_image(project: Project, plan: Plan, key: ImageKey) -> Values:
    """Read a whole image as the network is to see it: (c, z, y, x) of the plan's size."""
    image = ImageVoxels(Pyramid.open(project.images.path(key)))
    if image.channels != plan.channels or (image.shape[0] == 1) != (plan.spatial_dims == 2):
        raise InvalidInputError("the model was trained on another kind of image")
    intensity = plan.intensity_of(image.modality)
    # A picture is classified as it is shown, whatever plane of the patient it may be.
    axes = plan.orientation if plan.spatial_dims == 3 else None
    with PreparedImages(project, plan.preprocessing or PreprocessingRecipe(), axes=axes) as prepared:
        voxels = prepared.open(key).voxels
        return _resize(voxels.normalise(voxels.survey(), intensity), plan.patch)


def probabilities(
    network: torch.nn.Module, plan: Plan, device: torch.device, images: Sequence[Values]
) -> NDArray[np.float64]:
    """Predict images of the plan's size: (n, classes), each row adds up to 1."""
    import torch

    network = network.to(device).eval()
    found = []
    for begin in range(0, len(images), plan.batch):
        batch = np.stack(images[begin : begin + plan.batch]).astype(np.float32)
        with torch.inference_mode(), half_precision(device):
            answer = network(torch.from_numpy(_flat(batch, plan)).to(device))
            found.append(torch.softmax(answer.float(), dim=1).double().cpu().numpy())
    return np.concatenate(found)


def _intensity(modality: str, dtype: str) -> Intensity:
    if modality == "CT":
        return Intensity(kind="fixed", low=-1000.0, high=1000.0)
    return Intensity(kind="fixed", low=0.0, high=255.0) if dtype == "uint8" else PERCENTILES


def _resize(values: Values, size: Size) -> Values:
    import torch

    wanted = torch.nn.functional.interpolate(torch.from_numpy(values)[None], size=size, mode="area")
    return np.asarray(wanted[0].numpy(), np.float32)


def _cache(project: Project, dataset: Dataset, plan: Plan, scratch: Path, report: Report) -> NDArray[np.float16]:
    """Bring every image to one size, in a file: a large collection need not fit into memory."""
    shape = (len(dataset.samples), plan.channels, *plan.patch)
    cache = np.lib.format.open_memmap(scratch / "images.npy", mode="w+", dtype=np.float16, shape=shape)
    for index, sample in enumerate(dataset.samples):
        cache[index] = read_image(project, plan, sample.image)
        if index % 50 == 0:
            report(10 * index // len(dataset.samples), "reading the images")
    return cache


def _truth(dataset: Dataset) -> NDArray[np.int64]:
    numbers: dict[TermKey | None, int] = {known.term: index for index, known in enumerate(dataset.classes)}
    return np.asarray([numbers[sample.term] for sample in dataset.samples], np.int64)


def _train(
    plan: Plan,
    data: tuple[NDArray[np.float16], NDArray[np.int64], NDArray[np.intp]],
    recipe: ClassificationRecipe,
    device: torch.device,
    report: Report,
) -> tuple[torch.nn.Module, dict[str, JsonValue]]:
    import torch

    budget = _budget_of(device)
    steps, batch = recipe.steps or budget.steps, recipe.batch or budget.batch
    rate = recipe.learning_rate or 2e-3
    cache, truth, train = data
    by_class = [train[truth[train] == number] for number in range(len(plan.classes))]
    by_class = [members for members in by_class if len(members)]

    def draw(step: int) -> tuple[Values, NDArray[np.uint8]]:
        rng = np.random.default_rng([recipe.seed, 53, step])
        members = [by_class[int(number)] for number in rng.integers(len(by_class), size=batch)]
        chosen = [int(rng.choice(member)) for member in members]
        values = np.stack([_vary(cache[index].astype(np.float32), rng) for index in chosen])
        return _flat(values, plan), truth[chosen].astype(np.uint8)

    network = fresh_network(plan, device, recipe.seed)
    loss = torch.nn.CrossEntropyLoss(label_smoothing=0.05)
    trainer = Trainer(network, device, steps=steps, rate=rate, loss=loss)
    trainer.run(prefetch(draw, steps, threads=budget.threads), report, start=10, stop=90)
    settings: dict[str, JsonValue] = {
        "steps": steps,
        "batch": batch,
        "patch": list(plan.patch),
        "learning_rate": rate,
        "seed": recipe.seed,
        "held_out": recipe.held_out,
    }
    if recipe.filters:
        settings["filters"] = list(recipe.filters)
    if plan.preprocessing is not None:
        settings["preprocessing"] = plan.preprocessing.model_dump(mode="json", exclude_none=True)
    return network.eval(), settings


def _budget_of(device: torch.device) -> Budget:
    return CUDA if device.type == "cuda" else CPU


def _vary(values: Values, rng: np.random.Generator) -> Values:
    """Shift by a few voxels, change gain and offset, add noise; no mirroring, since sides may matter."""
    shifts = [round(rng.uniform(-SHIFT, SHIFT) * size) for size in values.shape[1:]]
    moved = np.roll(values, shifts, axis=(1, 2, 3))
    noise = rng.standard_normal(values.shape, dtype=np.float32) * np.float32(rng.uniform(0.0, 0.05))
    return moved * np.float32(rng.uniform(0.85, 1.15)) + np.float32(rng.uniform(-0.1, 0.1)) + noise


def _flat(values: Values, plan: Plan) -> Values:
    """Drop z for a network that sees single planes."""
    return np.ascontiguousarray(values[:, :, 0] if plan.spatial_dims == 2 else values)
