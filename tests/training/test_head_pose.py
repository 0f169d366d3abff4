"""The head pose that is solved from 68 points: every sign, and what turning a picture does."""

from __future__ import annotations

import numpy as np
import pytest

from training.face_geometry.head_pose import angles_of, orthographic, projected, rotation_of, solved
from training.face_geometry.mean_face import MEAN_FACE
from training.face_geometry.samples import MIRRORED

NOSE, CHIN = 30, 8
LEFT_EYE, RIGHT_EYE = 36, 45

POSES = [(0.0, 0.0, 0.0), (0.5, 0.0, 0.0), (0.0, 0.3, 0.0), (0.0, 0.0, 0.6), (-0.6, -0.2, 0.4)]


def middle_of_eyes(points: np.ndarray) -> np.ndarray:
    return points[[LEFT_EYE, RIGHT_EYE]].mean(0)


def test_the_mean_face_is_symmetric_and_looks_at_the_camera() -> None:
    assert np.allclose(MEAN_FACE[MIRRORED] * [-1, 1, 1], MEAN_FACE, atol=0.02)
    assert MEAN_FACE[NOSE, 2] > MEAN_FACE[[LEFT_EYE, RIGHT_EYE], 2].max()
    assert MEAN_FACE[LEFT_EYE, 0] < 0 < MEAN_FACE[RIGHT_EYE, 0]
    assert MEAN_FACE[CHIN, 1] < MEAN_FACE[NOSE, 1] < MEAN_FACE[LEFT_EYE, 1]


@pytest.mark.parametrize("pose", POSES)
def test_angles_come_back_out_of_a_rotation(pose: tuple[float, float, float]) -> None:
    assert angles_of(rotation_of(*pose)) == pytest.approx(np.array(pose), abs=1e-9)


@pytest.mark.parametrize("pose", POSES)
def test_the_pose_of_a_projected_face_is_found(pose: tuple[float, float, float]) -> None:
    points = projected(*pose, scale=6.0) + 80
    assert angles_of(orthographic(points)) == pytest.approx(np.array(pose), abs=1e-6)
    # The lens is taken to be long, but not endlessly so.
    assert solved(points) == pytest.approx(np.array(pose), abs=0.05)


def test_yaw_to_the_images_right_moves_the_nose_there() -> None:
    points = projected(0.4, 0.0, 0.0, scale=6.0)
    assert points[NOSE, 0] > middle_of_eyes(points)[0] + 3
    assert solved(points)[0] > 0.3


def test_a_raised_head_moves_the_nose_up() -> None:
    level, raised = (projected(0.0, pitch, 0.0, scale=6.0) for pitch in (0.0, 0.3))

    def drop(points: np.ndarray) -> float:
        return float(points[NOSE, 1] - middle_of_eyes(points)[1])

    assert drop(raised) < drop(level) - 3
    assert solved(raised)[1] > 0.25


def test_clockwise_roll_lowers_the_eye_on_the_right() -> None:
    points = projected(0.0, 0.0, 0.3, scale=6.0)
    assert points[RIGHT_EYE, 1] > points[LEFT_EYE, 1] + 10
    assert solved(points)[2] == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("turn", [-0.7, 0.3, 0.7])
def test_turning_the_picture_adds_to_the_roll_and_to_nothing_else(turn: float) -> None:
    points = projected(0.35, -0.2, 0.1, scale=6.0)
    cos, sin = np.cos(turn), np.sin(turn)
    turned = points @ np.array([[cos, -sin], [sin, cos]]).T
    assert solved(turned) - solved(points) == pytest.approx(np.array([0, 0, turn]), abs=0.02)


def test_a_mirror_turns_yaw_and_roll_around() -> None:
    points = projected(0.35, -0.2, 0.1, scale=6.0) + 80
    mirrored = (points * [-1, 1] + [160, 0])[MIRRORED]
    assert solved(mirrored) == pytest.approx(solved(points) * [-1, 1, -1], abs=0.01)


def test_neither_place_nor_size_change_the_pose() -> None:
    points = projected(0.35, -0.2, 0.1, scale=6.0)
    assert solved(points * 3 + [500, 20]) == pytest.approx(solved(points), abs=1e-3)
