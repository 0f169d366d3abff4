"""The expression model's network: what it is, what it answers, and how it becomes a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from edge_agent.domain.observation import Emotion
from edge_agent.perception.expression import softmax
from training.data import FERPLUS_CLASSES, FERPLUS_SIDE
from training.export import export_int8
from training.fit import device
from training.networks import ResidualNet
from training.publish import describe

NAME = "expression"
CROP_SIDE = 1.15
"""Side of the crop by the mean side of the detector's box: the median over FER2013 faces of the
side of the picture by the square root of the box's area, measured with YuNet."""
RANGE_FACES = 512
"""Faces from which the ranges of the activations come."""

Faces = npt.NDArray[np.uint8]
"""Grey faces of shape (n, 48, 48)."""


def network() -> nn.Module:
    """59 million MACs, 0.9 M parameters for a grey face of 48 x 48."""
    return ResidualNet(1, 24, ((32, 1), (72, 1), (136, 2)), FERPLUS_CLASSES)


def told(model: nn.Module, faces: Faces) -> torch.Tensor:
    """Probabilities of shape (n, 8): the mean of the answers to each grey face and its mirror
    image."""
    model.to(device()).eval()
    seen, mirrored = (softmax(logits_of(model, f)) for f in (faces, faces[:, :, ::-1]))
    return torch.from_numpy((seen + mirrored) / 2)


@torch.no_grad()
def logits_of(model: nn.Module, faces: Faces) -> npt.NDArray[np.float32]:
    """Logits of shape (n, 8) of grey faces of shape (n, 48, 48)."""
    target = next(model.parameters()).device
    parts = [
        model(torch.from_numpy(faces[start : start + 256].copy())[:, None].to(target) / 255)
        for start in range(0, len(faces), 256)
    ]
    return np.asarray(torch.cat(parts).float().cpu().numpy())


def write_file(
    trained: nn.Module, faces: Faces, file: Path, *, at_least: Path | None = None
) -> None:
    """The network as an int8 file, with ranges from `faces`, and those of the file `at_least`."""
    shown = faces[:: max(len(faces) // RANGE_FACES, 1)]
    export_int8(
        trained,
        torch.zeros(1, 1, FERPLUS_SIDE, FERPLUS_SIDE),
        (face[None, :, :, None].astype(np.float32) / 255 for face in shown),
        file,
        at_least=at_least,
    )


def entry_of(
    file: Path,
    *,
    parameters: Mapping[str, float],
    data: str,
    licence: str,
    figures: Mapping[str, Any],
) -> dict[str, Any]:
    """The manifest entry of a file that `write_file` has written; of the `parameters` of the
    daemon's reader the place of the crop is known."""
    return describe(
        file,
        task=NAME,
        channels="grey",
        outputs=("logits",),
        labels=[emotion.value for emotion in Emotion],
        parameters={**parameters, "crop_side": CROP_SIDE},
        data=data,
        licence=licence,
        figures=figures,
    )
