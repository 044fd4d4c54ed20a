"""What learning to segment and to classify have in common: fresh weights, optimiser steps, and what comes out."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from imaging.cli import Report
from pipelines.networks import build_network
from pipelines.plan import Plan
from pipelines.voxels import Values

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Learned:
    """What a training gives: the plan, the weights and the figures."""

    plan: Plan
    network: torch.nn.Module
    metrics: dict[str, JsonValue]
    settings: dict[str, JsonValue]


def half_precision(device: torch.device) -> AbstractContextManager[object]:
    """Compute in bfloat16 where CUDA has it; elsewhere change nothing."""
    import torch

    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


def pace(step: int, steps: int) -> float:
    """Give the share of the learning rate at a step: a short climb, then nnU-Net's polynomial way down."""
    climb = min(1.0, (step + 1) / min(30.0, max(1.0, steps / 10)))
    return climb * float((1.0 - min(step, steps - 1) / steps) ** 0.9)


def fresh_network(plan: Plan, device: torch.device, seed: int) -> torch.nn.Module:
    """Build the plan's network, ready to train; the seed alone decides its weights."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_network(plan.network).to(device).train()


class Trainer:
    """Takes optimiser steps along the schedule."""

    def __init__(
        self, network: torch.nn.Module, device: torch.device, *, steps: int, rate: float, loss: torch.nn.Module
    ) -> None:
        import torch

        self._network = network
        self._device = device
        self._loss = loss
        self._steps = steps
        self._optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-4)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimiser, lambda step: pace(step, steps))

    def run(
        self, batches: Iterable[tuple[Values, NDArray[np.integer]]], report: Report, *, start: int, stop: int
    ) -> None:
        """Learn from one batch per step; the progress told goes from `start` to `stop` percent."""
        span, steps = stop - start, self._steps
        for done, (values, truth) in enumerate(batches, start=1):
            loss = self.step(values, truth)
            if (done - 1) * span // steps != done * span // steps or done == steps:
                report(start + done * span // steps, f"step {done} of {steps}, loss {float(loss):.3f}")

    def step(self, values: Values, truth: NDArray[np.integer]) -> torch.Tensor:
        """Learn from one batch and give its loss."""
        import torch

        spread = torch.channels_last_3d if values.ndim == 5 else torch.channels_last
        sent = torch.from_numpy(values).to(self._device, memory_format=spread)
        wanted = torch.from_numpy(truth.astype(np.int64)).to(self._device)
        self._optimiser.zero_grad(set_to_none=True)
        with half_precision(self._device):
            answer = self._network(sent)
        loss: torch.Tensor = self._loss(answer.float(), wanted)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 12.0)
        self._optimiser.step()
        self._schedule.step()
        return loss.detach()
