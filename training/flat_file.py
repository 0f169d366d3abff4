"""The contents of a .tflite, as its flatbuffer schema tells them."""

from __future__ import annotations

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
