"""A trained network becomes an int8 file that answers as the network did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from edge_agent.devices.manifest import find_model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.errors import ModelError
from training.cost import bytes_of, macs_of
from training.export import export_int8
from training.networks import ResidualNet, multiply_accumulates
from training.publish import describe, publish

SIDE = 16
SHAPE = (1, 24, ((32, 1), (72, 1), (136, 2)), 4)
"""With several large weights: freed copies of them are written over by one another."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ResidualNet]:
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(1)
    network = ResidualNet(*SHAPE).eval()
    # As the training loop leaves it.
    network = network.to(memory_format=torch.channels_last)
    rng = np.random.default_rng(2)
    shown = (rng.random((1, SIDE, SIDE, 1), np.float32) for _ in range(64))
    original = ResidualNet(*SHAPE)
    original.load_state_dict(network.state_dict())
    file = folder / "small.tflite"
    export_int8(network, torch.zeros(1, 1, SIDE, SIDE), shown, file)
    entry = describe(
        file,
        task="expression",
        channels="grey",
        outputs=("logits",),
        labels=("a", "b", "c", "d"),
        parameters={"temperature": 1.0},
        data="noise",
        licence="none needed",
        figures={},
    )
    publish("small", entry, folder)
    return folder, original.eval()


def test_the_file_answers_as_the_network(exported: tuple[Path, ResidualNet]) -> None:
    folder, network = exported
    engine = TfliteEngine(find_model("small", folder))
    rng = np.random.default_rng(5)
    images = rng.integers(0, 256, (20, SIDE, SIDE), np.uint8)
    given = np.stack([engine.infer(image)["logits"] for image in images])
    with torch.no_grad():
        wanted = network(torch.from_numpy(images)[:, None].float() / 255).numpy()
    assert np.abs(given - wanted).max() < 0.15 * np.ptp(wanted)
    assert np.corrcoef(given.ravel(), wanted.ravel())[0, 1] > 0.98


def test_the_file_is_int8_and_costs_what_the_network_does(
    exported: tuple[Path, ResidualNet],
) -> None:
    folder, network = exported
    model = find_model("small", folder)
    assert model.entry.input.dtype == "int8"
    assert model.entry.outputs["logits"].dtype == "int8"
    weights = sum(parameter.numel() for parameter in network.parameters())
    assert weights * 0.9 < bytes_of(model.path) < weights * 1.2 + 20_000
    assert macs_of(model.path) == multiply_accumulates(network, torch.zeros(1, 1, SIDE, SIDE))


def test_a_file_that_was_changed_is_refused(
    exported: tuple[Path, ResidualNet], tmp_path: Path
) -> None:
    folder, _ = exported
    for name in ("manifest.yaml", "small.tflite"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with (tmp_path / "small.tflite").open("ab") as file:
        file.write(b"more")
    with pytest.raises(ModelError, match="damaged or another one"):
        find_model("small", tmp_path)
