"""Networks to train: found by entry point, described as a MONAI bundle describes them, built by its ConfigParser."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, cast

from pydantic import JsonValue

from imaging.contracts import NetworkFactory, NetworkRequest
from imaging.domain.job import Device, Task
from imaging.errors import InvalidInputError

if TYPE_CHECKING:
    import torch

GROUP = "imaging.networks"
_DEFAULT = {Task.SEGMENTATION: "dynunet", Task.CLASSIFICATION: "densenet"}


def find_factory(task: Task, name: str | None = None) -> NetworkFactory:
    """Find an installed network by name; InvalidInputError when there is none for the task."""
    wanted = name or _DEFAULT[task]
    for point in entry_points(group=GROUP, name=wanted):
        factory: NetworkFactory = point.load()()
        if task in factory.tasks:
            return factory
    raise InvalidInputError(f"no network of this name for {task.value}")


def describe_network(request: NetworkRequest, name: str | None = None) -> dict[str, JsonValue]:
    """Describe the network for a request: a class path and its arguments, plain enough for JSON."""
    # The plan that takes the description checks it: pydantic refuses what is no JSON.
    return cast(dict[str, JsonValue], dict(find_factory(request.task, name).describe(request)))


def build_network(description: Mapping[str, object]) -> torch.nn.Module:
    """Build a described network with fresh weights.

    Only classes of MONAI's own networks are built: a description may come from a bundle that somebody else made.
    """
    import torch

    if not str(description.get("_target_", "")).startswith("monai.networks.nets."):
        raise InvalidInputError("the network is none of monai.networks.nets")
    with quiet_monai():
        from monai.bundle.config_parser import ConfigParser

        network = ConfigParser({"network": dict(description)}).get_parsed_content("network")
    if not isinstance(network, torch.nn.Module):
        raise InvalidInputError("the network is not a torch module")
    return network


def choose_device(device: Device) -> torch.device:
    """Turn the wish for a device into one that exists; called before anything else loads torch."""
    # Spinning while they wait, torch's threads took seven times the processor on a machine that others use as well
    # (torch 2.13, libgomp, load 9 on 2 cores). libgomp reads this once, as torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    if device is Device.CUDA and not torch.cuda.is_available():
        raise InvalidInputError("--device cuda: no CUDA device is available here")
    wants_cuda = device is Device.CUDA or (device is Device.AUTO and torch.cuda.is_available())
    return torch.device("cuda" if wants_cuda else "cpu")


@contextmanager
def quiet_monai() -> Iterator[None]:
    """Keep MONAI 1.6's use of `torch.jit.script`, deprecated in torch 2.13, out of the logs."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*torch\.jit\.\w+` is deprecated", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message=r".*torch\.jit\.\w+` is not supported", category=DeprecationWarning)
        yield
