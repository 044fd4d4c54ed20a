"""The card of a model: what it learned from, how good it is, what it is for."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, JsonValue

from imaging.domain.base import Record
from imaging.domain.job import Split, Task
from pipelines.dataset import Dataset, Part
from pipelines.inference import INTENDED_USE
from pipelines.learning import Learned

if TYPE_CHECKING:
    import torch

PACKAGE = "imaging-workspace"
LIMITS = "Weights may remember what they were trained on: a model leaves the project only through a reviewed release."

_TOLD = {"reviewed": "reviewed", "unnamed": "images_that_name_no_person", "left_out": "left_out"}


class LearnedFrom(Record):
    """What a card says of the data: whether all was reviewed, how many images name no person, and what was left out."""

    reviewed: bool = False
    unnamed: int = 0
    left_out: dict[str, int] = Field(default_factory=dict)


def make_card(dataset: Dataset, learned: Learned, device: torch.device) -> dict[str, JsonValue]:
    """State the facts; the same facts stand in the registry and in the bundle's docs."""
    judged = dataset.split is Split.SUBJECT
    terms: list[JsonValue] = [known.name for known in dataset.classes]
    modalities: list[JsonValue] = [*sorted({sample.modality for sample in dataset.samples})]
    return {
        "task": dataset.task.value,
        "terms": terms,
        "intended_use": INTENDED_USE,
        "limits": LIMITS,
        "data": {
            "sha256": dataset.sha256,
            "images": len(dataset.samples),
            "training_subjects": len(dataset.subjects(Part.TRAIN)),
            "unseen_subjects": len(dataset.subjects(Part.TEST)),
            "images_that_name_no_person": dataset.unnamed,
            "modalities": modalities,
            "reviewed": dataset.reviewed,
            "images_without_any_term": sum(sample.empty for sample in dataset.samples),
            "left_out": {**dataset.left_out},
        },
        "split": dataset.split.value,
        "accuracy_claim": _claim(dataset) if judged else "none: no subject was held out",
        "metrics": {name: value for name, value in learned.metrics.items() if name != "subjects"},
        "settings": {name: value for name, value in learned.settings.items() if judged or name != "held_out"},
        "network": str(learned.plan.network["_target_"]),
        "code": {"version": version(PACKAGE), "sha256": _code_sha256()},
        "environment": _environment(device),
    }


def render_card(name: str, card: Mapping[str, JsonValue]) -> str:
    """Write the card for people, in Markdown."""
    lines = [f"# {name}", "", "**For research use only, not for diagnosis.**", ""]
    for key, value in card.items():
        title = key.replace("_", " ")
        if isinstance(value, dict):
            lines += [
                f"## {title}",
                "",
                *(f"- {part.replace('_', ' ')}: {_text(item)}" for part, item in value.items()),
            ]
            lines += ["- none"] if not value else []
        else:
            lines += [f"## {title}", "", _text(value)]
        lines.append("")
    return "\n".join(lines)


def read_data(card: JsonValue) -> LearnedFrom:
    """Read from a card what its model learned from; nothing of what was not told yet when the card was written."""
    data = card.get("data") if isinstance(card, dict) else None
    found = {name: data[told] for name, told in _TOLD.items() if told in data} if isinstance(data, dict) else {}
    return LearnedFrom.model_validate(found)


def _claim(dataset: Dataset) -> str:
    measure = "Dice" if dataset.task is Task.SEGMENTATION else "accuracy and AUC"
    basis = "reviewed work" if dataset.reviewed else "work that nobody reviewed"
    claim = f"{measure} on {len(dataset.subjects(Part.TEST))} subjects that training never saw, against {basis}"
    unnamed = f"; {dataset.unnamed} images are from files that name no person, and each counts as one person"
    return claim + (unnamed if dataset.unnamed else "")


def _environment(device: torch.device) -> dict[str, JsonValue]:
    import torch

    kind = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    packages: dict[str, JsonValue] = {name: version(name) for name in ("torch", "monai", "numpy")}
    return {"python": platform.python_version(), **packages, "device": device.type, "processor": kind}


def _code_sha256() -> str:
    """Digest the modules that learn: what ran, even where the version was not raised."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.py"), *folder.parent.glob("plugins/*.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _text(value: JsonValue) -> str:
    if value is None:
        return "not enough subjects to say"
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_text(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    return str(value)
