"""The contents of a .tflite, as its flatbuffer schema tells them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema


def read_model(file: Path) -> Any:
    """The `ModelT` of a file, every buffer's data in its place."""
    content = file.read_bytes()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    for buffer in model.buffers:
        # Buffers that lie behind the flatbuffer are taken in, where nothing shifts them.
        if buffer.offset > 1:
            start = buffer.offset
            buffer.data = np.frombuffer(content[start : start + buffer.size], np.uint8)
            buffer.offset = buffer.size = 0
    return model


def kind_of(model: Any, operator: Any) -> int:
    """What an operator does: a value of `schema.BuiltinOperator`."""
    return code_of(model.operatorCodes[operator.opcodeIndex])


def code_of(code: Any) -> int:
    """The value of `schema.BuiltinOperator` that an operator code stands for."""
    return max(code.builtinCode, code.deprecatedBuiltinCode)


def activation_ranges(file: Path) -> Iterator[tuple[str, tuple[float, float]]]:
    """The real values that the int8 activations of a quantized file can take, by tensors' names."""
    model = read_model(file)
    for tensor in model.subgraphs[0].tensors:
        content = model.buffers[tensor.buffer].data
        is_constant = content is not None and len(content) > 0
        quantization = tensor.quantization
        if is_constant or quantization is None or quantization.scale is None:
            continue
        if tensor.type == schema.TensorType.INT8 and len(quantization.scale) == 1:
            scale, zero = float(quantization.scale[0]), int(quantization.zeroPoint[0])
            limits = np.iinfo(np.int8)
            yield tensor.name.decode(), ((limits.min - zero) * scale, (limits.max - zero) * scale)
