"""Making a .tflite with nearest-neighbour upsampling take images of any size.

RESIZE_NEAREST_NEIGHBOR has its output size written into the file, so that an interpreter whose
input was resized fails behind it. Twice the size in both directions is also four copies of each
pixel beside one another in depth, and DEPTH_TO_SPACE, which has no size written anywhere and which
XNNPACK runs; pixels and quantization stay what they were.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from training.flat_file import code_of, kind_of, read_model

_IDENTIFIER = b"TFL3"


def make_resizable(file: Path) -> int:
    """Replace each doubling by nearest neighbours in `file`; returns how many there were."""
    model = read_model(file)
    replaced = sum(_replace_doublings(model, graph) for graph in model.subgraphs)
    builder = flatbuffers.Builder(file.stat().st_size + 4096)
    builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
    file.write_bytes(bytes(builder.Output()))
    return replaced


def _replace_doublings(model: Any, graph: Any) -> int:
    kinds = schema.BuiltinOperator
    operators, replaced = [], 0
    for operator in graph.operators:
        if kind_of(model, operator) != kinds.RESIZE_NEAREST_NEIGHBOR:
            operators.append(operator)
            continue
        source, target = operator.inputs[0], operator.outputs[0]
        _check_doubling(graph, source, target)
        operators += _copies_then_space(model, graph, source, target)
        replaced += 1
    graph.operators = operators
    return replaced


def _copies_then_space(model: Any, graph: Any, source: int, target: int) -> list[Any]:
    kinds, options = schema.BuiltinOperator, schema.BuiltinOptions
    deep = copy.deepcopy(graph.tensors[source])
    deep.name = graph.tensors[source].name + b"/copies"
    deep.shape = [*deep.shape[:3], 4 * deep.shape[3]]
    deep.buffer = 0
    graph.tensors.append(deep)
    together = schema.ConcatenationOptionsT()
    together.axis = 3
    spread = schema.DepthToSpaceOptionsT()
    spread.blockSize = 2
    number = len(graph.tensors) - 1
    return [
        _operator(
            _code_index(model, kinds.CONCATENATION),
            ([source] * 4, [number]),
            (options.ConcatenationOptions, together),
        ),
        _operator(
            _code_index(model, kinds.DEPTH_TO_SPACE),
            ([number], [target]),
            (options.DepthToSpaceOptions, spread),
        ),
    ]


def _operator(
    code_index: int, tensors: tuple[list[int], list[int]], options: tuple[int, Any]
) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex = code_index
    operator.inputs, operator.outputs = tensors
    operator.builtinOptionsType, operator.builtinOptions = options
    return operator


def _code_index(model: Any, kind: int) -> int:
    for index, code in enumerate(model.operatorCodes):
        if code_of(code) == kind:
            return index
    code = schema.OperatorCodeT()
    code.builtinCode = kind
    code.deprecatedBuiltinCode = min(kind, 127)
    code.version = 2
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _check_doubling(graph: Any, source: int, target: int) -> None:
    before, after = graph.tensors[source], graph.tensors[target]
    if [2 * side for side in before.shape[1:3]] != list(after.shape[1:3]):
        raise ValueError(f"{after.name!r} is not twice as large as {before.name!r}")
    if before.quantization is not None and before.quantization.scale is not None:
        scales = [list(t.quantization.scale) for t in (before, after)]
        zeros = [list(t.quantization.zeroPoint) for t in (before, after)]
        if scales[0] != scales[1] or zeros[0] != zeros[1]:
            raise ValueError(f"{after.name!r} is quantized otherwise than {before.name!r}")
