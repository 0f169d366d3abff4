"""The trained detector as the file that the daemon runs."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from edge_agent.perception import people as codec
from training.export import export_int8
from training.people.network import DISTANCES, LOGITS, PeopleNet
from training.people.resizable import make_resizable
from training.recover import recover

EXPORT_SIZE = (256, 320)
"""Height and width that the file is written for; it can be resized to any multiple of 32."""


class EncodedPeopleNet(nn.Module):
    """`PeopleNet` with the outputs that `edge_agent.perception.people` decodes.

    Logits, sides and points differ in range, but an int8 tensor has one scale: the last
    convolutions are rescaled so that everything lies in [0, 6], which ReLU6 then makes certain.
    """

    def __init__(self, network: PeopleNet) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).eval()
        factor, offset = _encoding()
        for output in self.network.outputs:
            assert isinstance(output, nn.Conv2d) and output.bias is not None
            output.weight.data *= factor[:, None, None, None]
            output.bias.data = output.bias.data * factor + offset

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """As `PeopleNet`, with outputs of shape (n, h, w, CHANNELS)."""
        return tuple(F.relu6(output).permute(0, 2, 3, 1) for output in self.network(image))


def recover_people(network: PeopleNet, file: Path, images: torch.Tensor) -> None:
    """Fill `network` from a file of `export_people`, as `training.recover` does."""
    recover(network, file, images, last=list(network.outputs))
    factor, offset = _encoding()
    for output in network.outputs:
        assert isinstance(output, nn.Conv2d) and output.bias is not None
        output.weight.data /= factor[:, None, None, None]
        output.bias.data = (output.bias.data - offset) / factor


def _encoding() -> tuple[torch.Tensor, torch.Tensor]:
    """By what the last layer's answers are multiplied, and what is then added; (CHANNELS,) each."""
    points = codec.CHANNELS - LOGITS * (1 + DISTANCES)
    factor = [
        torch.full((LOGITS,), 1 / codec.LOGIT_SCALE),
        torch.ones(LOGITS * DISTANCES),
        torch.full((points,), 1 / codec.POINT_SCALE),
    ]
    offset = [
        torch.full((LOGITS,), -codec.LOGIT_SHIFT / codec.LOGIT_SCALE),
        torch.zeros(LOGITS * DISTANCES),
        torch.full((points,), -codec.POINT_SHIFT / codec.POINT_SCALE),
    ]
    return torch.cat(factor), torch.cat(offset)


def export_people(
    network: PeopleNet,
    pictures: Iterable[npt.NDArray[np.uint8]],
    path: Path,
) -> None:
    """Write the int8 file; `pictures` of EXPORT_SIZE, from training data, set its ranges."""
    shown = (picture[None].astype(np.float32) / 255 for picture in pictures)
    export_int8(EncodedPeopleNet(network), torch.zeros(1, 3, *EXPORT_SIZE), shown, path)
    if make_resizable(path) != len(codec.STRIDES) - 1:
        raise ValueError(f"{path} has another neck than was expected")
