"""What a trained model is on disk: a MONAI bundle that stock `monai.bundle run` runs, with its card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from imaging.domain.model import DATASET
from imaging.errors import StateError
from pipelines.dataset import Dataset
from pipelines.inference import inference_config, metadata
from pipelines.networks import build_network
from pipelines.plan import Plan

if TYPE_CHECKING:
    import torch

PLAN, METRICS = "configs/plan.json", "configs/metrics.json"
WEIGHTS, CARD = "models/model.pt", "docs/README.md"


def write_bundle(
    folder: Path, plan: Plan, dataset: Dataset, metrics: Mapping[str, JsonValue], weights: Mapping[str, torch.Tensor]
) -> str:
    """Write a bundle, its card apart; gives the SHA-256 of the weights."""
    import torch

    for part in ("configs", "models", "docs"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    torch.save({name: value.detach().cpu().contiguous() for name, value in weights.items()}, folder / WEIGHTS)
    _write_json(folder / PLAN, plan.model_dump(mode="json"))
    _write_json(folder / DATASET, dataset.model_dump(mode="json"))
    _write_json(folder / METRICS, dict(metrics))
    _write_json(folder / "configs/metadata.json", metadata(plan))
    _write_json(folder / "configs/inference.json", inference_config(plan))
    return hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()


def read_plan(folder: Path) -> Plan:
    """Read the plan of a bundle."""
    try:
        return Plan.model_validate_json((folder / PLAN).read_bytes())
    except (OSError, ValueError) as error:
        raise StateError("model", "its bundle is incomplete") from error


def load_network(folder: Path, plan: Plan) -> torch.nn.Module:
    """Build the network of a bundle with its weights, ready to predict on the CPU."""
    import torch

    network = build_network(plan.network)
    network.load_state_dict(torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True))
    return network.eval()


def _write_json(path: Path, document: JsonValue | dict[str, object]) -> None:
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
