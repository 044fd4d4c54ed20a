"""Opens networks with ONNX Runtime: each once per process, in one thread."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_OWN = Path(__file__).parent
_PACKAGE = "rapidocr_onnxruntime"
_PADDLE = "models/ch_PP-OCRv4_det_infer.onnx"


@cache
def open_network(name: str) -> InferenceSession:
    """Open a network of this package by its file's name, with one thread: workers are how the work is spread."""
    # Asking the system for it anew costs a fifth of the time; tiles bound it, to some 70 MB for each thread that runs.
    return _open(_OWN / name, keep_memory=True)


@cache
def open_paddle() -> InferenceSession:
    """Open the detection network of PP-OCRv4."""
    # Frames differ in size: kept memory would be that of the largest for ever.
    return _open(find_paddle(), keep_memory=False)


def find_paddle() -> Path:
    """Return where the network of PP-OCRv4 lies.

    Raises
    ------
    ModuleNotFoundError
        The package that carries it is not installed.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{_PACKAGE} is not installed", name=_PACKAGE)
    return Path(spec.submodule_search_locations[0]) / _PADDLE


def _open(path: Path, *, keep_memory: bool) -> InferenceSession:
    # From 1.29 on the runtime reports to its maker, and leaves a file behind; we ask for an older one.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = keep_memory
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
