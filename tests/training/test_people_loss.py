"""Which cell answers for what, and that learning makes the answers right."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra `train`")

from edge_agent.perception.people import decode  # noqa: E402
from training.people.export import EncodedPeopleNet  # noqa: E402
from training.people.loss import PeopleLoss, answers, distance, generalized_iou, iou  # noqa: E402
from training.people.network import CHANNELS, STRIDES, PeopleNet  # noqa: E402

torch.set_num_threads(1)  # more only wait for each other on networks this small
SMALL = {"stem": 8, "widths": (8, 8, 8, 8), "depths": (0, 0, 0, 0), "neck": (8, 8, 8, 8)}


def raw_outputs(side: int = 64) -> tuple[torch.Tensor, ...]:
    outputs = tuple(torch.zeros(1, CHANNELS, side // s, side // s) for s in STRIDES)
    for output in outputs:
        output[:, :3] = -5.0
        output[:, 3:15] = 2.0
    return outputs


def rows(*objects: tuple[float, ...]) -> torch.Tensor:
    """Objects of image 0: class and corners, without points."""
    nothing = [float("nan")] * 10
    return torch.tensor([[0.0, *o, *nothing] for o in objects]).reshape(-1, 16)


NO_REGIONS = torch.zeros(0, 6)


def test_the_network_answers_at_every_stride() -> None:
    outputs = PeopleNet(**SMALL)(torch.zeros(2, 3, 64, 96))
    assert [tuple(o.shape) for o in outputs] == [(2, CHANNELS, 64 // s, 96 // s) for s in STRIDES]


def test_distance_is_odd_and_grows() -> None:
    values = torch.tensor([-2.0, 0.0, 1.0, 4.0])
    assert distance(values).tolist() == [-2.0, 0.0, 0.5, 8.0]


def test_iou_of_pairs() -> None:
    one = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10]])
    two = torch.tensor([[0.0, 0, 10, 10], [20, 0, 30, 10]])
    assert iou(one, two).tolist() == [1.0, 0.0]
    assert generalized_iou(one, two)[0] == pytest.approx(1.0)
    assert generalized_iou(one, two)[1] < 0


def test_an_unlabelled_region_costs_nothing() -> None:
    everything = torch.tensor([[0.0, kind, 0, 0, 64, 64] for kind in range(3)])
    assert PeopleLoss()(raw_outputs(), rows(), everything) == pytest.approx(0.0)
    assert PeopleLoss()(raw_outputs(), rows(), NO_REGIONS) > 0


def test_an_object_in_an_ignored_region_still_counts() -> None:
    everything = torch.tensor([[0.0, 0, 0, 0, 64, 64]])
    assert PeopleLoss()(raw_outputs(), rows((0, 8, 8, 40, 40)), everything) > 0


def test_even_a_tiny_object_is_answered_for() -> None:
    judge = PeopleLoss()
    given = answers(raw_outputs())
    image, cells, kinds, which, aligned = judge._assigned(given, rows((0, 30, 30, 33, 33)))
    assert len(cells) > 0
    assert set(given.strides[cells].tolist()) == {4.0}
    assert (aligned > 0).all()
    assert image.unique().tolist() == kinds.unique().tolist() == which.unique().tolist() == [0]


def test_a_cell_answers_for_one_object_of_a_class() -> None:
    judge = PeopleLoss()
    objects = rows((2, 0, 0, 40, 60), (2, 4, 0, 44, 60), (1, 0, 0, 40, 60))
    _, cells, kinds, _, _ = judge._assigned(answers(raw_outputs()), objects)
    places = list(zip(cells.tolist(), kinds.tolist(), strict=True))
    assert len(places) == len(set(places))


def test_learning_one_picture_finds_its_face_and_body() -> None:
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    image = torch.from_numpy(random.uniform(0, 1, (1, 3, 64, 64)).astype(np.float32))
    points = [20.0, 20.0, 28.0, 20.0, 24.0, 24.0, 21.0, 28.0, 27.0, 28.0]
    objects = rows((0, 16, 14, 32, 34), (2, 8, 10, 44, 62))
    objects[0, 6:] = torch.tensor(points)
    network, judge = PeopleNet(**SMALL), PeopleLoss()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    for _ in range(250):
        loss = judge(network(image), objects, NO_REGIONS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network(image)
        encoded = EncodedPeopleNet(network)
        outputs = encoded(image)
    found = decode(
        {f"stride_{s}": o[0].numpy() for s, o in zip(STRIDES, outputs, strict=True)}, 0.3
    )
    face = found.part.tolist().index(0)
    body = found.part.tolist().index(2)
    assert found.box[face] == pytest.approx([16, 14, 32, 34], abs=2.5)
    assert found.box[body] == pytest.approx([8, 10, 44, 62], abs=4)
    assert found.points[face].ravel() == pytest.approx(points, abs=2.5)
