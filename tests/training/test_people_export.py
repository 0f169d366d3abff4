"""The int8 file says what the network says, at whatever size it is asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter

from training.people.export import (
    EXPORT_SIZE,
    EncodedPeopleNet,
    export_people,
    recover_people,
)
from training.people.network import CHANNELS, STRIDES, PeopleNet


@pytest.fixture(scope="module")
def network() -> PeopleNet:
    """Untrained, but with outputs spread over the range that a trained one has."""
    torch.manual_seed(5)
    small = PeopleNet(stem=8, widths=(8, 8, 8, 8), depths=(0, 0, 0, 0), neck=(8, 8, 8, 8))
    for output in small.outputs:
        torch.nn.init.normal_(output.weight, std=0.8)
    return small.eval()


@pytest.fixture(scope="module")
def file(network: PeopleNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "people.tflite"
    export_people(network, [picture(*EXPORT_SIZE, seed) for seed in range(6)], path)
    return path


def picture(height: int, width: int, seed: int) -> np.ndarray:
    """Blots of colour, as smooth as a photograph."""
    random = np.random.default_rng(seed)
    coarse = torch.from_numpy(random.uniform(0, 255, (1, 3, 8, 10)).astype(np.float32))
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return smooth[0].permute(1, 2, 0).numpy().astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [EXPORT_SIZE, (64, 96), (384, 352)])
def test_the_file_agrees_with_the_network_at_every_size(
    network: PeopleNet, file: Path, height: int, width: int
) -> None:
    image = picture(height, width, 99)
    encoded = EncodedPeopleNet(network)
    with torch.no_grad():
        real = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
        expected = [output[0].numpy() for output in encoded(real)]
    interpreter = Interpreter(str(file))
    (taken,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(taken["index"], (1, height, width, 3))
    interpreter.allocate_tensors()
    scale, zero = taken["quantization"]
    interpreter.set_tensor(
        taken["index"],
        np.clip(np.round(image / 255 / scale) + zero, -128, 127).astype(np.int8)[None],
    )
    interpreter.invoke()
    given = sorted(interpreter.get_output_details(), key=lambda tensor: str(tensor["name"]))
    for details, wanted, stride in zip(given, expected, STRIDES, strict=True):
        assert wanted.shape == (height // stride, width // stride, CHANNELS)
        step, middle = details["quantization"]
        found = (interpreter.get_tensor(details["index"])[0].astype(np.float32) - middle) * step
        assert found.min() >= 0
        assert found.max() <= 6.05
        assert np.abs(found - wanted).mean() < 0.12
        assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.97


@torch.no_grad()
def test_the_file_becomes_the_network_again(network: PeopleNet, file: Path) -> None:
    recovered = PeopleNet(stem=8, widths=(8, 8, 8, 8), depths=(0, 0, 0, 0), neck=(8, 8, 8, 8))
    shown = np.stack([picture(64, 96, seed) for seed in range(12)])
    recover_people(recovered, file, torch.from_numpy(shown).permute(0, 3, 1, 2).float() / 255)
    image = torch.from_numpy(picture(64, 96, 77)).permute(2, 0, 1)[None].float() / 255
    for wanted, given in zip(network(image), recovered.eval()(image), strict=True):
        assert float((wanted - given).abs().max()) < 0.05 * float(wanted.max() - wanted.min())
