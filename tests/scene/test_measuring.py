"""Measuring noise: errors of one frame, errors that last, and whose a box is."""

from __future__ import annotations

import random

import numpy as np
import pytest

from benchmarks.scene.clips import CLIPS, nearest
from benchmarks.scene.noise import Wander
from benchmarks.scene.variogram import fitted, variogram
from edge_agent.domain.geometry import Box, Point


def test_errors_of_one_frame_and_such_as_last_are_told_apart() -> None:
    chance = random.Random(3)
    courses = []
    for _ in range(40):
        slow = Wander(chance, 0.6, 0.5)
        courses.append(
            {t / 10: np.array([slow.at(t / 10) + chance.gauss(0.0, 0.4)]) for t in range(200)}
        )
    frame, lasting, time_s = fitted(variogram(courses, 1.0))
    assert frame == pytest.approx(0.4, abs=0.05)
    assert lasting == pytest.approx(0.6, abs=0.05)
    assert time_s in (0.3, 0.5, 0.7)


def test_people_walk_evenly_between_the_frames_in_which_they_were_looked_up() -> None:
    clip = CLIPS["plaza-from-above.mp4"]
    heads = clip.heads(25)
    (x0, y0), (x1, y1) = (clip.walks["backpack"][frame] for frame in (0, 50))
    assert heads["backpack"] == Point((x0 + x1) / 2, (y0 + y1) / 2)
    assert "suit" not in heads, "who comes later is not there yet"
    assert not clip.is_known(25)


def test_a_box_is_his_whose_head_is_near_its_top() -> None:
    bodies = {"his": Box(100, 100, 40, 100), "hers": Box(150, 90, 40, 100)}
    assert nearest(Point(118, 108), bodies.items()) == "his"
    assert nearest(Point(172, 104), bodies.items()) == "hers"
    assert nearest(Point(300, 104), bodies.items()) is None
