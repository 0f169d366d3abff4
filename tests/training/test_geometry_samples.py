"""Crops drawn at random: their labels follow every change."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from training.face_geometry.head_pose import projected, solved
from training.face_geometry.labels import Faces
from training.face_geometry.samples import (
    CROP_SIDE,
    LABELS_LIE_RIGHT,
    MIRRORED,
    CropAugmentation,
    Target,
    five_of,
    turned_gaze,
)

STILL = CropAugmentation(
    rotation_rad=0.0,
    far_rotated=0.0,
    scale=0.0,
    shift=0.0,
    blur=0.0,
    smear=0.0,
    light=0.0,
    noise=0.0,
    jpeg=0.0,
    cover=0.0,
    hide=0.0,
)
HEAD, GAZE = (0.4, -0.1, 0.2), (0.3, 0.1)


def one_face() -> Faces:
    """A black picture with a bright spot where each of the five points and irises lies."""
    true = projected(*HEAD, scale=6.0) + np.array([84, 78])
    size = float(np.ptp(true, axis=0).max())
    image = np.zeros((160, 160), np.uint8)
    for x, y in five_of(true):
        cv2.circle(image, (round((x - 0.5) * 16), round((y - 0.5) * 16)), 24, 255, -1, shift=4)
    labelled = true + np.array([LABELS_LIE_RIGHT * size, 0])
    return Faces(
        ("drawn",),
        [image],
        labelled[None].astype(np.float32),
        np.array([solved(true)], np.float32),
        np.array([GAZE], np.float32),
        np.ones(1, np.float32),
        np.full(1, 0.25, np.float32),
        np.zeros(1, np.intp),
        np.zeros((1, 478, 3), np.float32),
        np.array([[0.3, 0.2]], np.float32),
        np.array([[[60, 60], [100, 60]]], np.float32),
    )


def drawn(augment: CropAugmentation, seed: int) -> tuple[np.ndarray, Target]:
    faces = one_face()
    return augment.face(faces, 0, faces.images[0], np.random.default_rng(seed))


def brightest_near(crop: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The centre of the light within a few pixels of a place, in shares of the side."""
    rows, columns = np.mgrid[: crop.shape[0], : crop.shape[1]] + 0.5
    side = crop.shape[0]
    near = (np.abs(rows - place[1] * side) < 4) & (np.abs(columns - place[0] * side) < 4)
    weight = crop * near
    assert weight.sum() > 0, "nothing shines here"
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum() / side


@pytest.mark.parametrize("seed", range(8))
def test_points_lie_on_what_they_mark_however_the_crop_is_turned(seed: int) -> None:
    augment = CropAugmentation(
        **{
            **{name: getattr(STILL, name) for name in STILL.__slots__},
            "far_rotated": 1.0,
            "scale": 0.1,
            "shift": 0.04,
        }
    )
    crop, target = drawn(augment, seed)
    assert crop.shape == (96, 96)
    for place in five_of(target.points):
        assert brightest_near(crop, place) == pytest.approx(place, abs=0.006)


def test_a_mirrored_face_looks_to_the_other_side() -> None:
    seen = [drawn(STILL, seed)[1] for seed in range(8)]
    sides = {bool(target.head[0] > 0) for target in seen}
    assert sides == {True, False}
    for target in seen:
        sign = 1 if target.head[0] > 0 else -1
        assert target.head[2] * sign > 0
        assert target.gaze[0] * sign > 0
        assert target.gaze[1] == pytest.approx(GAZE[1], abs=1e-6)
        assert target.lids == pytest.approx([0.3, 0.2] if sign > 0 else [0.2, 0.3])
        eyes = five_of(target.points)[:2]
        assert eyes[0, 0] < eyes[1, 0]
        assert target.irises[0, 0] < target.irises[1, 0]
        assert solved(target.points * 96) == pytest.approx(target.head, abs=0.01)


def test_the_crop_is_as_large_as_the_daemons() -> None:
    _, target = drawn(STILL, 0)
    low, high = target.points.min(0), target.points.max(0)
    assert float((high - low).max()) == pytest.approx(1 / (CROP_SIDE * 1.04), rel=0.02)


def test_gaze_turns_with_the_picture() -> None:
    quarter = turned_gaze(np.array([0.3, 0.0]), math.pi / 2)
    assert quarter == pytest.approx([0.0, -0.3], abs=1e-9)
    there = turned_gaze(np.array([0.3, -0.1]), 0.6)
    assert turned_gaze(there, -0.6) == pytest.approx([0.3, -0.1])
    assert np.hypot(*there) == pytest.approx(np.hypot(0.3, 0.1), rel=0.02)


def test_the_mirrored_order_is_its_own_inverse() -> None:
    assert sorted(MIRRORED) == list(range(68))
    assert (MIRRORED[MIRRORED] == np.arange(68)).all()


def test_what_is_hidden_is_not_to_be_told() -> None:
    everything_covered = CropAugmentation(cover=0.0, hide=1.0)
    _, target = drawn(everything_covered, 3)
    assert target.seen[2] == 0
    assert np.isnan(target.points).all()
    covering = CropAugmentation(cover=1.0, hide=0.0)
    unknown_eyes = [drawn(covering, seed)[1] for seed in range(30)]
    some = [target for target in unknown_eyes if np.isnan(target.seen[0])]
    assert some
    assert all(np.isnan(target.gaze).all() and np.isnan(target.lids).all() for target in some)


def test_the_flat_target_has_the_parts_that_the_loss_expects() -> None:
    from training.face_geometry.network import PARTS

    assert Target.no_face().flat().shape == (sum(PARTS),)
