"""The loop that all models are trained by."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from torch import nn

from training.fit import Batch, Plan, blend, fit, generator_for, mean_of

STEPS = 5


class PowerCutError(Exception):
    """The power went."""


def train(run: Path, plan: Plan, *, stop_before: int | None = None) -> nn.Module:
    """A line through noisy points, which needs no more than a linear layer."""
    torch.manual_seed(3)
    network = nn.Linear(2, 1)

    def batches(epoch: int) -> Iterable[Batch]:
        if epoch == stop_before:
            raise PowerCutError
        random = generator_for(plan.seed, epoch)
        for _ in range(STEPS):
            x = torch.from_numpy(random.normal(size=(16, 2))).float()
            yield x, x @ torch.tensor([[2.0], [-1.0]])

    def loss(model: nn.Module, batch: Batch, progress: float) -> torch.Tensor:
        assert 0 <= progress < 1
        x, y = batch
        return ((model(x).float() - y) ** 2).mean()

    return fit(network, batches, loss, plan, run, steps_per_epoch=STEPS)


def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(tmp_path: Path) -> None:
    plan = Plan(epochs=4, learning_rate=0.05)
    whole = train(tmp_path / "whole", plan)
    with pytest.raises(PowerCutError):
        train(tmp_path / "broken", plan, stop_before=2)
    resumed = train(tmp_path / "broken", plan)
    for kept, again in zip(whole.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(kept, again)


def test_it_learns(tmp_path: Path) -> None:
    before = nn.Linear(2, 1)
    trained = train(tmp_path, Plan(epochs=30, learning_rate=0.1, weight_decay=0.0))
    x = torch.randn(100, 2)
    y = x @ torch.tensor([[2.0], [-1.0]])
    assert ((trained(x) - y) ** 2).mean() < 0.1 * ((before(x) - y) ** 2).mean()


def test_a_checkpoint_of_another_plan_is_not_gone_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path, Plan(epochs=1))
    train(tmp_path, Plan(epochs=2))
    assert "of another plan: starting over" in capsys.readouterr().out


def test_blended_weights_and_norms_lie_between() -> None:
    kept, new = (nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)) for _ in range(2))
    new[1].running_mean.fill_(4.0)
    before = kept[0].weight.detach().clone()
    blend(kept, new, 0.75)
    assert torch.allclose(kept[0].weight, 0.75 * before + 0.25 * new[0].weight)
    assert torch.allclose(kept[1].running_mean, torch.ones(3))


def test_the_mean_of_networks_is_that_of_their_weights() -> None:
    states = [
        {"weight": torch.full((2,), w), "count": torch.tensor(int(w))} for w in (1.0, 2.0, 6.0)
    ]
    mean = mean_of(states)
    assert mean["weight"].tolist() == [3.0, 3.0]
    assert mean["count"] == 6
    assert mean_of(states[-1:])["weight"].tolist() == [6.0, 6.0]
    assert states[0]["weight"].tolist() == [1.0, 1.0]
