"""Writing a finished model's manifest entry and card beside its file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from ai_edge_litert.interpreter import Interpreter

MODELS = Path(__file__).resolve().parents[1] / "models"
MANIFEST_HEAD = "# The models that come with the agent. Written by training/publish.py.\n"


def describe(
    file: Path,
    *,
    task: str,
    channels: str,
    outputs: Sequence[str],
    labels: Sequence[str],
    parameters: Mapping[str, float],
    data: str,
    licence: str,
    figures: Mapping[str, Any],
) -> dict[str, Any]:
    """The manifest entry of a .tflite: its tensors are read from the file.

    `outputs` names the file's outputs in the order in which the network returned them.
    """
    file.chmod(0o644)
    interpreter = Interpreter(str(file))
    interpreter.allocate_tensors()
    (taken,) = interpreter.get_input_details()
    # The converter numbers the outputs in their names; the file may hold them in another order.
    given = sorted(interpreter.get_output_details(), key=lambda tensor: str(tensor["name"]))
    if len(given) != len(outputs):
        raise ValueError(f"{file} has {len(given)} outputs, not {len(outputs)}")
    return {
        "file": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "task": task,
        "input": {**_tensor(taken), "channels": channels},
        "outputs": {name: _tensor(t) for name, t in zip(outputs, given, strict=True)},
        "labels": list(labels),
        "parameters": {name: float(value) for name, value in parameters.items()},
        "data": data,
        "licence": licence,
        "figures": dict(figures),
    }


def publish(name: str, entry: Mapping[str, Any], folder: Path = MODELS) -> None:
    """Put the entry into the manifest of a folder of models, in the place of an older one."""
    path = folder / "manifest.yaml"
    entries = (yaml.safe_load(path.read_text()) if path.exists() else None) or {}
    entries[name] = dict(entry)
    body = yaml.safe_dump(entries, sort_keys=True, allow_unicode=True, width=100)
    path.write_text(MANIFEST_HEAD + body)


def _tensor(details: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "tensor": str(details["name"]),
        "shape": [int(side) for side in details["shape"]],
        "dtype": np.dtype(details["dtype"]).name,
    }
