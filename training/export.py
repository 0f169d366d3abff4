"""From a trained PyTorch network to a full int8 .tflite, without TensorFlow."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import litert_torch
import numpy as np
import numpy.typing as npt
import torch
from ai_edge_quantizer import calibrator, quantizer, recipe, recipe_manager
from ai_edge_quantizer.utils import qsv_utils
from torch import nn

from training.flat_file import activation_ranges
from training.networks import fused


def export_int8(
    network: nn.Module,
    sample: torch.Tensor,
    calibration: Iterable[npt.NDArray[np.float32]],
    path: Path,
    *,
    at_least: Path | None = None,
) -> None:
    """Write `network` as a .tflite of int8 weights, activations, input and outputs.

    `sample` has the input's shape (1, channels, height, width), in [0, 1]; the file takes it as
    (1, height, width, channels). `calibration` yields inputs of that file from training data: the
    ranges of the activations come from them. They are at least as wide as those of the file
    `at_least`, which was exported from a network of the same kind: what it was shown counts too.

    Raises ValueError where that file has other tensors.
    """
    # The converter loses weights that lie in memory in another order.
    network = fused(network.cpu().to(memory_format=torch.contiguous_format).eval())
    channel_last = litert_torch.to_channel_last_io(network, args=[0]).eval()
    converted = litert_torch.convert(channel_last, (sample.permute(0, 2, 3, 1).contiguous(),))
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        float_file = Path(folder) / "float.tflite"
        converted.export(str(float_file))
        _quantize(float_file, calibration, path, at_least)


def _quantize(
    float_file: Path,
    calibration: Iterable[npt.NDArray[np.float32]],
    path: Path,
    at_least: Path | None,
) -> None:
    """Static int8 with the whole range that each tensor takes over the inputs of `calibration`.

    The quantizer's own ranges are means over the inputs of each one's least and greatest value:
    they clip whatever is rare, such as the scores of sure finds, and of an output with a single
    value nothing is left.
    """
    work = quantizer.Quantizer(str(float_file))
    work.load_quantization_recipe(recipe.static_wi8_ai8())
    ranges = calibrator.Calibrator(
        float_file.read_bytes(),
        num_threads=1,
        mode=calibrator.CalibrationMode.CALIBRATION_PRESERVE_ALL_TENSORS,
        qsv_update_func=qsv_utils.min_max_update,
    )
    rules = recipe_manager.RecipeManager()
    rules.load_quantization_recipe(work.get_quantization_recipe())
    ranges.calibrate({"serving_default": [{"args_0": inputs} for inputs in calibration]}, rules)
    found = ranges.get_model_qsvs()
    if at_least is not None:
        _widen(found, at_least)
    work.quantize(found).export_model(str(path), overwrite=True)


def _widen(found: dict[str, dict[str, npt.NDArray[np.float32]]], file: Path) -> None:
    """Let ranges, by tensors' names, hold those of a quantized file too."""
    known = dict(activation_ranges(file))
    if not known.keys() & found.keys():
        raise ValueError(f"{file} has none of the network's tensors")
    for name in known.keys() & found.keys():
        low, high = known[name]
        found[name]["min"] = np.minimum(found[name]["min"], low)
        found[name]["max"] = np.maximum(found[name]["max"], high)
