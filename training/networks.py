"""The building blocks of the networks: plain 3x3 convolutions, which int8 kernels run best."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class ConvNorm(nn.Sequential):
    """Convolution, batch norm and, unless told otherwise, ReLU."""

    def __init__(
        self, inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, active: bool = True
    ) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True) if active else nn.Identity(),
        )


class Residual(nn.Module):
    """Two 3x3 convolutions around which the input is added (He et al., 2015)."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__()
        self.first = ConvNorm(inputs, outputs, stride=stride)
        self.second = ConvNorm(outputs, outputs, active=False)
        same = inputs == outputs and stride == 1
        self.skip: nn.Module = (
            nn.Identity()
            if same
            else ConvNorm(
                inputs, outputs, kernel=1 if stride == 1 else 3, stride=stride, active=False
            )
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.second(self.first(x)) + self.skip(x))


class ResidualNet(nn.Module):
    """A stem, at full resolution unless it strides, then one stage per width, each halving it.

    Behind the stages, where `wide` is given, a 1x1 convolution widens what is averaged.

    The input is real-valued in [0, 1], of shape (n, channels, height, width); the batch norm
    behind the first convolution does the rest of the normalisation.
    """

    def __init__(
        self,
        channels: int,
        stem: int,
        stages: Sequence[tuple[int, int]],
        outputs: int,
        *,
        dropout: float = 0.2,
        stem_stride: int = 1,
        wide: int | None = None,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [ConvNorm(channels, stem, stride=stem_stride)]
        width = stem
        for stage_width, blocks in stages:
            layers.append(ConvNorm(width, stage_width, stride=2))
            layers += [Residual(stage_width, stage_width) for _ in range(blocks)]
            width = stage_width
        if wide is not None:
            layers.append(ConvNorm(width, wide, kernel=1))
            width = wide
        self.width = width
        self.features = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.embedded(x))

    def embedded(self, x: torch.Tensor) -> torch.Tensor:
        """What the head sees, of shape (n, width)."""
        return self.dropout(self.features(x).mean((2, 3)))


def fused(network: nn.Module) -> nn.Module:
    """`network`, in eval mode, changed in place: batch norms folded into their convolutions."""
    for module in network.modules():
        if isinstance(module, ConvNorm) and isinstance(module[1], nn.BatchNorm2d):
            module[0] = fuse_conv_bn_eval(module[0], module[1])
            module[1] = nn.Identity()
    return network


def multiply_accumulates(network: nn.Module, sample: torch.Tensor) -> int:
    """MACs of the convolutions and linear layers for one sample of shape (1, c, h, w)."""
    total = 0

    def count(module: nn.Module, _: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += output[0].numel() * module.weight[0].numel()
        elif isinstance(module, nn.Linear):
            total += module.weight.numel()

    hooks = [module.register_forward_hook(count) for module in network.modules()]
    with torch.no_grad():
        network.eval()(sample)
    for hook in hooks:
        hook.remove()
    return total
