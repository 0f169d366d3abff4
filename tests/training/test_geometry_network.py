"""The geometry network: its budget, and a loss that is least for the truth."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("litert_torch")

from training.face_geometry.network import (  # noqa: E402 - after the skips
    OUTPUTS,
    PARTS,
    SIDE,
    FaceGeometryNet,
    loss,
)
from training.face_geometry.samples import five_of  # noqa: E402
from training.networks import multiply_accumulates  # noqa: E402

NAN = float("nan")


def truth() -> torch.Tensor:
    """Targets of two faces."""
    torch.manual_seed(0)
    points = torch.rand(2, 68, 2) * 0.2 + 0.4
    points[:, 36:42, 0] -= 0.15
    points[:, 42:48, 0] += 0.15
    head, gaze = torch.tensor([[0.3, -0.1, 0.2]] * 2), torch.tensor([[0.1, 0.0]] * 2)
    seen = torch.tensor([[1.0, 0.2, 1.0], [0.0, 0.8, 1.0]])
    rest = torch.tensor([[0.3, 0.3, 0.4, 0.5, 0.6, 0.5]] * 2)
    return torch.cat([points.flatten(1), head, gaze, seen, rest], 1)


def outputs_for(targets: torch.Tensor) -> list[torch.Tensor]:
    points, head, gaze, seen, lids, irises = targets.split(PARTS, 1)
    five = torch.from_numpy(five_of(points.unflatten(1, (68, 2)).numpy())).float().flatten(1)
    logits = torch.logit(seen.clamp(0.01, 0.99))
    return [five, head, gaze, torch.full((2, 3), -3.0), logits, points, lids, irises]


def test_the_network_keeps_to_its_budget() -> None:
    network = FaceGeometryNet()
    assert multiply_accumulates(network, torch.zeros(1, 1, SIDE, SIDE)) <= 70e6
    assert sum(weights.numel() for weights in network.parameters()) <= 1e6
    answers = network.eval()(torch.rand(2, 1, SIDE, SIDE))
    sizes = dict(zip(OUTPUTS, (answer.shape[1] for answer in answers), strict=True))
    assert sizes == {"points": 10, "head": 3, "gaze": 2, "errors": 3, "logits": 3}


@pytest.mark.parametrize("wrong", [0, 1, 2, 4, 5, 6, 7])
def test_the_loss_is_least_for_the_truth(wrong: int) -> None:
    targets = truth()
    least = loss(tuple(outputs_for(targets)), targets)
    outputs = outputs_for(targets)
    outputs[wrong] = outputs[wrong] + (0.2 if wrong != 4 else -3.0)
    assert loss(tuple(outputs), targets) > least


def test_what_is_unknown_moves_nothing() -> None:
    targets = truth()
    unknown = targets.clone()
    unknown[0] = NAN
    unknown[1, 139:] = NAN
    images = torch.rand(2, 1, SIDE, SIDE)
    network = FaceGeometryNet()
    value = loss(network(images), unknown)
    value.backward()
    assert value.isfinite()
    for name, weights in network.named_parameters():
        assert weights.grad is None or weights.grad.isfinite().all(), name
    assert network.gaze.weight.grad.abs().max() == 0
    assert network.points.weight.grad.abs().max() > 0


def test_expected_errors_have_no_say_in_what_is_learned() -> None:
    network = FaceGeometryNet()
    network(torch.rand(2, 1, SIDE, SIDE))[3].sum().backward()
    assert network.errors.weight.grad is not None
    assert network.head.weight.grad is None
    assert all(weights.grad is None for weights in network.features.parameters())


def test_the_best_stated_error_is_the_true_one() -> None:
    targets = truth()

    def stated(log: float) -> float:
        outputs = outputs_for(targets)
        outputs[1] = outputs[1] + 0.1
        outputs[3] = torch.full((2, 3), -6.0)
        outputs[3][:, 1] = log
        return float(loss(tuple(outputs), targets))

    right = float(torch.tensor(0.1).log())
    assert stated(right) < stated(right - 0.5)
    assert stated(right) < stated(right + 0.5)
