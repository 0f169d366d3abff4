"""A file that was published becomes a network again, ready to learn on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from training.export import export_int8
from training.networks import ResidualNet
from training.recover import recover

SIDE = 16
SHAPE = (1, 8, ((12, 1), (16, 1)), 4)


def faces(count: int, seed: int) -> torch.Tensor:
    """Smooth noise, as a camera's picture is."""
    coarse = np.random.default_rng(seed).random((count, 1, 5, 5), np.float32)
    return nn.functional.interpolate(torch.from_numpy(coarse), (SIDE, SIDE), mode="bilinear")


@pytest.fixture(scope="module")
def trained() -> ResidualNet:
    """With batch norms that have seen something."""
    torch.manual_seed(3)
    network = ResidualNet(*SHAPE, dropout=0.0)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
        for _ in range(60):
            network(faces(32, 1))
    return network.eval()


@pytest.fixture(scope="module")
def file(trained: ResidualNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "small.tflite"
    copied = ResidualNet(*SHAPE)
    copied.load_state_dict(trained.state_dict())
    shown = (face[None, :, :, None].numpy() for face in faces(64, 2)[:, 0])
    export_int8(copied, torch.zeros(1, 1, SIDE, SIDE), shown, path)
    return path


@torch.no_grad()
def test_it_answers_as_it_did(trained: ResidualNet, file: Path) -> None:
    recovered = ResidualNet(*SHAPE, dropout=0.0)
    recover(recovered, file, faces(64, 4))
    wanted, given = trained(faces(20, 5)), recovered.eval()(faces(20, 5))
    assert float((given - wanted).abs().max()) < 0.05 * float(wanted.max() - wanted.min())


@torch.no_grad()
def test_it_stands_where_training_goes_on(file: Path) -> None:
    """Batch norms take the moments of the batch in training: those that were measured are alike."""
    recovered = ResidualNet(*SHAPE, dropout=0.0)
    recover(recovered, file, faces(256, 4))
    settled = recovered.eval()(faces(256, 6))
    learning = recovered.train()(faces(256, 6))
    spread = float(settled.max() - settled.min())
    assert float((settled - learning).abs().mean()) < 0.05 * spread


def test_the_file_of_another_network_is_refused(file: Path) -> None:
    with pytest.raises(ValueError, match="another network"):
        recover(ResidualNet(1, 8, ((12, 1), (20, 1)), 4), file, faces(4, 1))
