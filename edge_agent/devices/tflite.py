"""The TFLite runtime: loads a model, checks its tensors, and quantizes on the way in and out."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.devices.manifest import Model, TensorEntry
from edge_agent.domain.errors import MissingDependencyError, ModelError
from edge_agent.domain.geometry import Size

log = logging.getLogger(__name__)

PIXEL_VALUES = np.arange(256, dtype=np.float64) / 255.0


class TfliteEngine:
    """One loaded model. Not safe for use by several threads at once.

    Real-valued input is pixel / 255; quantized models get it through a table of the 256 values.
    """

    def __init__(self, model: Model, threads: int = 1) -> None:
        self._model = model
        runtime = _runtime()
        try:
            with _quiet():
                self._interpreter = runtime.Interpreter(str(model.path), num_threads=threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"model file {model.path} cannot be loaded: {reason}") from error
        self._input = self._checked("input", model.entry.input, "get_input_details")
        self._outputs = {
            name: self._checked(f"output {name!r}", entry, "get_output_details")
            for name, entry in model.entry.outputs.items()
        }
        self._quantized = _quantization_table(self._input)

    @property
    def parameters(self) -> dict[str, float]:
        """The free numbers that the manifest has for the model's decoder."""
        return _Parameters(self._model)

    @property
    def labels(self) -> tuple[str, ...]:
        return self._model.entry.labels

    @property
    def input_size(self) -> Size:
        _, height, width, _ = (int(side) for side in self._input["shape"])
        return Size(width, height)

    def resize(self, size: Size) -> None:
        """Take images of another size; raises ModelError where the model cannot."""
        if size == self.input_size:
            return
        shape = [1, size.height, size.width, int(self._input["shape"][3])]
        try:
            self._interpreter.resize_tensor_input(self._input["index"], shape)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"model {self._model.name} takes no images of {size.width} x {size.height}"
            ) from error
        self._input = {**self._input, "shape": np.array(shape)}

    def infer(self, image: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.float32]]:
        """Run the model on a uint8 image of shape (height, width[, channels]).

        Returns float32 outputs by the manifest's names, without the batch axis.
        """
        shape = tuple(int(side) for side in self._input["shape"])
        self._interpreter.set_tensor(self._input["index"], self._quantized[image.reshape(shape)])
        self._interpreter.invoke()
        return {name: self._real(details) for name, details in self._outputs.items()}

    def _real(self, details: dict[str, Any]) -> npt.NDArray[np.float32]:
        values = self._interpreter.get_tensor(details["index"])[0]
        scale, zero_point = details["quantization"]
        if scale == 0:
            return np.asarray(values, np.float32)
        return np.asarray((values.astype(np.float32) - zero_point) * scale, np.float32)

    def _checked(self, role: str, entry: TensorEntry, getter: str) -> dict[str, Any]:
        details: list[dict[str, Any]] = getattr(self._interpreter, getter)()
        found = {str(tensor["name"]): tensor for tensor in details}
        if entry.tensor not in found:
            raise ModelError(
                f"model file {self._model.path}: {role} should be the tensor {entry.tensor!r}; "
                f"the file has {', '.join(map(repr, found))}"
            )
        tensor = found[entry.tensor]
        expected = (list(entry.shape), entry.dtype)
        actual = ([int(side) for side in tensor["shape"]], np.dtype(tensor["dtype"]).name)
        if actual != expected:
            raise ModelError(
                f"model file {self._model.path}: {role} should be {expected[1]} of shape "
                f"{expected[0]}; the file has {actual[1]} of shape {actual[0]}"
            )
        return tensor


class _Parameters(dict[str, float]):
    """Those of a model's entry; ModelError names one that a decoder needs and the entry lacks."""

    def __init__(self, model: Model) -> None:
        super().__init__(model.entry.parameters)
        self._name = model.name

    def __missing__(self, key: str) -> float:
        raise ModelError(
            f"the manifest's entry of the model {self._name} has no parameter {key!r}; is it a "
            "model for this task?"
        )


def runtime_name() -> str:
    """Which runtime is used, for people."""
    return str(_runtime().__name__.split(".")[0]).replace("_", "-")


def _quantization_table(details: dict[str, Any]) -> npt.NDArray[Any]:
    """The tensor value of each of the 256 pixel values."""
    dtype = np.dtype(details["dtype"])
    if dtype == np.float32:
        return PIXEL_VALUES.astype(np.float32)
    scale, zero_point = details["quantization"]
    limits = np.iinfo(dtype)
    values = np.round(PIXEL_VALUES / scale) + zero_point
    return np.asarray(np.clip(values, limits.min, limits.max), dtype)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the runtime's own remarks on loading out of the log; what fails is raised all the same.

    They come from native code, past Python's streams, hence the descriptor.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@functools.cache
def _runtime() -> ModuleType:
    try:
        from ai_edge_litert import interpreter
    except ImportError:
        return _older_runtime()
    return interpreter  # type: ignore[no-any-return, unused-ignore]


def _older_runtime() -> ModuleType:
    try:
        from tflite_runtime import interpreter
    except ImportError:
        raise MissingDependencyError(
            "no TFLite runtime is installed: pip install ai-edge-litert"
        ) from None
    log.warning(
        "running on tflite-runtime, whose int8 kernels are many times slower than those of "
        "ai-edge-litert: pip install ai-edge-litert where a wheel for this system exists"
    )
    return interpreter  # type: ignore[no-any-return]
