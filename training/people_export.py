"""The trained detector as the file that the daemon runs."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterable
from pathlib import Path

import litert_torch
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from ai_edge_quantizer import calibrator, quantizer, recipe, recipe_manager
from ai_edge_quantizer.utils import qsv_utils
from torch import nn

from edge_agent.perception import people as codec
from training.networks import fused
from training.people_network import DISTANCES, LOGITS, PeopleNet
from training.resizable import make_resizable

EXPORT_SIZE = (256, 320)
"""Height and width that the file is written for; it can be resized to any multiple of 32."""


class EncodedPeopleNet(nn.Module):
    """`PeopleNet` with the outputs that `edge_agent.perception.people` decodes.

    Logits, sides and points differ in range, but an int8 tensor has one scale: the last
    convolutions are rescaled so that everything lies in [0, 6], which ReLU6 then makes certain.
    Each logit is `slope` times the learned one plus `shift`, the calibration of its class.
    """

    def __init__(self, network: PeopleNet, slope: Iterable[float], shift: Iterable[float]) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).eval()
        slopes, shifts = torch.tensor([*slope]), torch.tensor([*shift])
        points = codec.CHANNELS - LOGITS * (1 + DISTANCES)
        factor = torch.cat(
            [
                slopes / codec.LOGIT_SCALE,
                torch.ones(LOGITS * DISTANCES),
                torch.full((points,), 1 / codec.POINT_SCALE),
            ]
        )
        offset = torch.cat(
            [
                (shifts - codec.LOGIT_SHIFT) / codec.LOGIT_SCALE,
                torch.zeros(LOGITS * DISTANCES),
                torch.full((points,), -codec.POINT_SHIFT / codec.POINT_SCALE),
            ]
        )
        for output in self.network.outputs:
            assert isinstance(output, nn.Conv2d) and output.bias is not None
            output.weight.data *= factor[:, None, None, None]
            output.bias.data = output.bias.data * factor + offset

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """As `PeopleNet`, with outputs of shape (n, h, w, CHANNELS)."""
        return tuple(F.relu6(output).permute(0, 2, 3, 1) for output in self.network(image))


def export_people(
    network: PeopleNet,
    pictures: Iterable[npt.NDArray[np.uint8]],
    path: Path,
    slope: Iterable[float] = (1.0,) * LOGITS,
    shift: Iterable[float] = (0.0,) * LOGITS,
) -> None:
    """Write the int8 file; `pictures` of EXPORT_SIZE, from training data, set its ranges."""
    encoded = fused(EncodedPeopleNet(network, slope, shift).eval())
    channel_last = litert_torch.to_channel_last_io(encoded, args=[0]).eval()
    converted = litert_torch.convert(channel_last, (torch.zeros(1, *EXPORT_SIZE, 3),))
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        float_file = Path(folder) / "float.tflite"
        converted.export(str(float_file))
        _quantize(float_file, pictures, path)
    if make_resizable(path) != len(codec.STRIDES) - 1:
        raise ValueError(f"{path} has another neck than was expected")


def _quantize(float_file: Path, pictures: Iterable[npt.NDArray[np.uint8]], path: Path) -> None:
    """Static int8 with the whole range that each tensor takes over the pictures.

    The quantizer's own averaged maximum would clip the scores of the surest finds: most pictures
    have none, so it lies far below what a find needs.
    """
    work = quantizer.Quantizer(str(float_file))
    work.load_quantization_recipe(recipe.static_wi8_ai8())
    ranges = calibrator.Calibrator(
        float_file.read_bytes(),
        num_threads=1,
        mode=calibrator.CalibrationMode.CALIBRATION_PRESERVE_ALL_TENSORS,
        qsv_update_func=qsv_utils.min_max_update,
    )
    inputs = [{"args_0": picture[None].astype(np.float32) / 255} for picture in pictures]
    rules = recipe_manager.RecipeManager()
    rules.load_quantization_recipe(work.get_quantization_recipe())
    ranges.calibrate({"serving_default": inputs}, rules)
    work.quantize(ranges.get_model_qsvs()).export_model(str(path), overwrite=True)
