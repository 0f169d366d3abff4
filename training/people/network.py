"""The network that finds faces, heads and bodies: plain convolutions and a top-down neck."""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import nn

from training.networks import ConvNorm, Residual

STRIDES = (4, 8, 16, 32)
"""Pixels of the input per cell of each output."""
LOGITS = 3
"""Of face, head and body, in this order."""
DISTANCES = 4
"""Left, top, right and bottom side, counted outwards from the cell's centre in strides."""
POINTS = 5
CHANNELS = LOGITS * (1 + DISTANCES) + 2 * POINTS
"""Per cell: 3 logits, 3 x 4 distances, then x and y of the face's five points."""


class PeopleNet(nn.Module):
    """Fully convolutional: any input whose sides are multiples of 32 pixels.

    Input (n, 3, h, w), BGR in [0, 1]; one output per stride s of `STRIDES`, each of shape
    (n, CHANNELS, h / s, w / s). Distances and points are raw linear values in strides; the
    decoder clips distances at zero. The neck is that of feature pyramids (Lin et al., 2017); its
    upsampling repeats pixels.
    """

    def __init__(
        self,
        stem: int = 16,
        widths: tuple[int, int, int, int] = (32, 64, 96, 112),
        depths: tuple[int, int, int, int] = (1, 1, 2, 1),
        neck: tuple[int, int, int, int] = (24, 48, 64, 64),
    ) -> None:
        super().__init__()
        self.stem = ConvNorm(3, stem, stride=2)
        stages, inputs = [], stem
        for width, depth in zip(widths, depths, strict=True):
            blocks = [Residual(width, width) for _ in range(depth)]
            stages.append(nn.Sequential(ConvNorm(inputs, width, stride=2), *blocks))
            inputs = width
        self.stages = nn.ModuleList(stages)
        self.lateral = nn.ModuleList(
            ConvNorm(width, inner, kernel=1, active=False)
            for width, inner in zip(widths, neck, strict=True)
        )
        self.descend = nn.ModuleList(
            ConvNorm(upper, lower, kernel=1, active=False)
            for lower, upper in itertools.pairwise(neck)
        )
        self.smooth = nn.ModuleList(ConvNorm(width, width) for width in neck)
        self.tower = nn.ModuleList(
            ConvNorm(width, max(width, 32)) if number else nn.Identity()
            for number, width in enumerate(neck)
        )
        self.outputs = nn.ModuleList(
            nn.Conv2d(max(width, 32) if number else width, CHANNELS, 1)
            for number, width in enumerate(neck)
        )
        for output in self.outputs:
            assert isinstance(output, nn.Conv2d) and output.bias is not None
            nn.init.normal_(output.weight, std=0.01)
            nn.init.constant_(output.bias, 0.0)
            nn.init.constant_(output.bias[:LOGITS], -math.log(99))
            nn.init.constant_(output.bias[LOGITS : LOGITS * (1 + DISTANCES)], 2.0)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = self.stem(image)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        above: torch.Tensor | None = None
        results: list[torch.Tensor] = []
        for level in reversed(range(len(STRIDES))):
            merged = self.lateral[level](features[level])
            if above is not None:
                lifted = self.descend[level](above)
                merged = merged + F.interpolate(lifted, scale_factor=2.0, mode="nearest")
            above = self.smooth[level](F.relu(merged))
            results.append(self.outputs[level](self.tower[level](above)))
        return tuple(reversed(results))
