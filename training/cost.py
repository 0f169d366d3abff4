"""What a model costs: the size of its file and its multiply-accumulates."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from training.flat_file import kind_of, read_model


def bytes_of(file: Path) -> int:
    return file.stat().st_size


def cost_of(file: Path) -> dict[str, int]:
    """Both, by the names that evaluations print: bytes and macs."""
    return {"bytes": bytes_of(file), "macs": macs_of(file)}


def macs_of(file: Path, scale: float = 1.0) -> int:
    """Multiply-accumulates of the convolutions and dense layers of the first subgraph.

    `scale` multiplies those of the convolutions, for an input of that many times the pixels that
    the file was written for.
    """
    model = read_model(file)
    graph = model.subgraphs[0]
    shapes = [
        () if t.shape is None else tuple(int(side) for side in t.shape) for t in graph.tensors
    ]
    return round(sum(_macs(kind_of(model, op), op, shapes, scale) for op in graph.operators))


def _macs(code: int, operator: Any, shapes: list[tuple[int, ...]], scale: float) -> float:
    kinds = schema.BuiltinOperator
    if code == kinds.FULLY_CONNECTED:
        return prod(shapes[operator.inputs[1]])
    if code == kinds.CONV_2D:
        # The filter is (outputs, height, width, inputs): each output value takes all but the first.
        return scale * prod(shapes[operator.outputs[0]]) * prod(shapes[operator.inputs[1]][1:])
    if code == kinds.DEPTHWISE_CONV_2D:
        _, height, width, _ = shapes[operator.inputs[1]]
        return scale * prod(shapes[operator.outputs[0]]) * height * width
    if code == kinds.TRANSPOSE_CONV:
        return scale * prod(shapes[operator.inputs[2]]) * prod(shapes[operator.inputs[1]][:3])
    return 0.0
