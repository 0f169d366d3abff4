"""What is done to the trained geometry network before it is released, and how it is judged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("litert_torch")

from tests.training.test_geometry_samples import one_face  # noqa: E402 - after the skips
from training.face_geometry import release  # noqa: E402
from training.face_geometry.evaluate import box_about, face_box  # noqa: E402
from training.face_geometry.labels import Faces  # noqa: E402
from training.face_geometry.network import EMBEDDED, MEAN_POINTS, FaceGeometryNet  # noqa: E402
from training.face_geometry.samples import MILD, five_of  # noqa: E402


def several(count: int) -> Faces:
    return one_face().chosen(np.zeros(count, np.intp))


def test_the_box_of_points_anywhere_is_that_of_a_crop_about_them() -> None:
    points = np.random.default_rng(1).uniform(0, 1, (68, 2))
    points[:4] = [[0, 0.2], [1, 0.8], [0.5, 0], [0.5, 1]]
    about, usual = box_about(points * 100 + [300, 200]), face_box(170, 170)
    assert about.width == pytest.approx(usual.width)
    assert about.center.x - 350 == pytest.approx(usual.center.x - 85)
    assert about.center.y - 250 == pytest.approx(usual.center.y - 85)


def test_the_network_is_moved_to_where_the_labels_lie() -> None:
    network, faces = FaceGeometryNet(), several(5)
    with torch.no_grad():
        network.points.weight.zero_()
    right = release.as_labelled(network, faces)
    images, shares = release.plain_crops(faces)
    labelled = five_of(shares)[0]
    told = network.eval()(images.float() / 255)[0].detach().numpy().reshape(-1, 5, 2)
    assert told[3] == pytest.approx(labelled, abs=1e-4)
    before = np.array(MEAN_POINTS).reshape(5, 2)
    assert right == pytest.approx((labelled - before)[:, 0].mean(), abs=1e-4)


class Thumbnail(torch.nn.Module):
    """The picture, small, as what a network makes of it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        small = torch.nn.functional.adaptive_avg_pool2d(x, 12).flatten(1)
        return torch.nn.functional.pad(small, (0, EMBEDDED - 144))[..., None, None]


def test_the_last_layer_is_fitted_to_the_labels_wherever_the_box_lies() -> None:
    torch.manual_seed(0)
    network, faces = FaceGeometryNet().eval(), several(300)
    network.features = Thumbnail()
    right = release.as_labelled(network, faces)
    random, seen = np.random.default_rng(8), replace(MILD, cover=0.0, hide=0.0)

    def error() -> float:
        off = []
        for _ in range(60):
            crop, target = seen.face(faces, 0, faces.images[0], random)
            image = torch.from_numpy(crop)[None, None].float() / 255
            told = network(image)[0].detach().numpy().reshape(5, 2)
            off.append(np.abs(told - five_of(target.points) - [right, 0]).mean())
        return float(np.mean(off))

    before = error()
    release.fit_points(network, faces, right)
    assert error() < 0.8 * before


class Looking(torch.nn.Module):
    """Says these gazes, whatever it sees."""

    def __init__(self, gaze: list[list[float]]) -> None:
        super().__init__()
        self.gaze = torch.nn.Parameter(torch.tensor(gaze))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        zero = torch.zeros(len(x), 3)
        return zero, zero, self.gaze, zero, zero


def test_looks_into_the_lens_are_those_of_open_eyes() -> None:
    faces = several(4)
    faces.head[:, 0] = [0.0, 0.3, -0.3, 0.3]
    faces.eyes_open[:] = [1, 1, 1, 0]
    model = Looking([[0.0, 0.0], [0.1, 0.1], [0.12, -0.12], [0.0, 0.0]])
    shares = release.lens_shares(model, faces, release.plain_crops(faces)[0])
    assert shares == pytest.approx({"into_lens": 2 / 3, "turned": 1 / 2})
