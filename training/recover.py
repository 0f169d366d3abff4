"""A published int8 file back into the network that it came from, to learn on from there.

Float checkpoints stay where they were trained; what everybody has is the .tflite. Its weights,
times their scales, are the network's own with the batch norms folded in, but for a rounding of less
than 1/250 of each output channel's largest weight.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import nn

from training.flat_file import kind_of, read_model
from training.networks import ConvNorm

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A convolution or dense layer of a file: `weight` as PyTorch holds it, (outputs, inputs,
    height, width) or (outputs, inputs), and `bias` of shape (outputs,)."""

    weight: Floats
    bias: Floats


@torch.no_grad()
def recover(
    network: nn.Module, file: Path, images: torch.Tensor, *, last: Sequence[nn.Module] = ()
) -> None:
    """Fill `network` with the weights of `file`, which was exported from one like it.

    `images`, of shape (n, channels, height, width) in [0, 1], show what its inputs look like: the
    file no longer says which mean and deviation each batch norm took off; they are measured anew.
    The network answers as the file does, and stands where training can go on. `last` names the
    layers that the file has at its end, in this order, wherever the network runs them.

    Raises ValueError where the file holds other layers than the network.
    """
    network.eval()
    modules = [module for module in _in_order(network, images[:1]) if module not in last]
    modules += last
    norms = {m[0]: m[1] for m in network.modules() if _has_norm(m)}
    for module, layer in zip(modules, _matching(modules, file), strict=True):
        module.weight.copy_(torch.from_numpy(layer.weight))
        if module in norms:
            _pass_through(norms[module], torch.from_numpy(layer.bias))
        else:
            module.bias.copy_(torch.from_numpy(layer.bias))
    _measure(network, list(norms.values()), images)


def layers_of(file: Path) -> Iterator[Layer]:
    """The layers of a file's first subgraph in the order in which they run."""
    model = read_model(file)
    graph, kinds = model.subgraphs[0], schema.BuiltinOperator
    for operator in graph.operators:
        kind = kind_of(model, operator)
        if kind not in (kinds.CONV_2D, kinds.DEPTHWISE_CONV_2D, kinds.FULLY_CONNECTED):
            continue
        weight = _values(model, graph.tensors[operator.inputs[1]])
        bias = _values(model, graph.tensors[operator.inputs[2]])
        if kind == kinds.CONV_2D:
            weight = weight.transpose(0, 3, 1, 2)
        elif kind == kinds.DEPTHWISE_CONV_2D:
            # A plain convolution of a single channel is written as a depthwise one.
            weight = weight.transpose(3, 0, 1, 2)
        yield Layer(np.ascontiguousarray(weight), bias)


def _matching(modules: list[Any], file: Path) -> list[Layer]:
    layers = list(layers_of(file))
    expected = [tuple(module.weight.shape) for module in modules]
    found = [layer.weight.shape for layer in layers]
    if expected != found:
        raise ValueError(f"{file} is of another network: its layers are {found}, not {expected}")
    return layers


def _values(model: Any, tensor: Any) -> Floats:
    """A constant tensor as real numbers."""
    kinds = schema.TensorType
    dtype = {kinds.INT8: np.int8, kinds.INT32: np.int32, kinds.FLOAT32: np.float32}[tensor.type]
    content = np.frombuffer(bytes(model.buffers[tensor.buffer].data), dtype)
    values = content.reshape([int(side) for side in tensor.shape]).astype(np.float32)
    if tensor.quantization is None or tensor.quantization.scale is None:
        return values
    scale = np.asarray(tensor.quantization.scale, np.float32)
    zero = np.asarray(tensor.quantization.zeroPoint, np.float32)
    axis = [1] * values.ndim
    if scale.size > 1:
        axis[tensor.quantization.quantizedDimension] = -1
    return np.asarray((values - zero.reshape(axis)) * scale.reshape(axis), np.float32)


def _in_order(network: nn.Module, image: torch.Tensor) -> list[Any]:
    """The layers with weights in the order in which they run."""
    order: list[Any] = []

    def note(module: nn.Module, *_: Any) -> None:
        order.append(module)

    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    network(image)
    for hook in hooks:
        hook.remove()
    return order


def _has_norm(module: nn.Module) -> bool:
    return isinstance(module, ConvNorm) and isinstance(module[1], nn.BatchNorm2d)


def _pass_through(norm: Any, bias: torch.Tensor) -> None:
    """Make a batch norm add `bias`, which the file has in its convolution."""
    norm.running_mean.zero_()
    norm.running_var.fill_(1.0 - norm.eps)
    norm.weight.fill_(1.0)
    norm.bias.copy_(bias)


def _measure(network: nn.Module, norms: list[Any], images: torch.Tensor) -> None:
    """Give each batch norm the mean and variance of its inputs, its output kept as it is."""
    moments: dict[Any, list[tuple[torch.Tensor, torch.Tensor]]] = {norm: [] for norm in norms}

    def look(norm: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        values = inputs[0].float()
        moments[norm].append((values.mean((0, 2, 3)), values.square().mean((0, 2, 3))))

    hooks = [norm.register_forward_pre_hook(look) for norm in norms]
    for part in images.split(64):
        network(part)
    for hook in hooks:
        hook.remove()
    for norm, seen in moments.items():
        mean = torch.stack([first for first, _ in seen]).mean(0)
        variance = torch.stack([second for _, second in seen]).mean(0) - mean.square()
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance.clamp_min(1e-8))
        norm.weight.copy_((norm.running_var + norm.eps).sqrt())
        norm.bias.add_(mean)
