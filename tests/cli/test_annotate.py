"""What is drawn over a picture points where the head and the eyes point."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_agent.cli.annotate import GAZE_COLOUR, HEAD_COLOUR, POINT_COLOUR, annotated
from edge_agent.domain.detection import FaceLandmarks
from edge_agent.domain.entity import Entity
from edge_agent.domain.geometry import Box, Gaze, HeadPose, Point
from tests.messages.test_payloads import BLANK

WALL = np.full((480, 640, 3), 90, np.uint8)
NOSE = Point(320, 260)
FACE = replace(
    BLANK,
    face=Box(220, 140, 200, 220),
    landmarks=FaceLandmarks(
        Point(270, 215), Point(370, 215), NOSE, Point(280, 310), Point(360, 310)
    ),
)


def pixels_of(entity: Entity, colour: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.nonzero((annotated(WALL, (entity,), with_ids=False) == colour).all(axis=2))
    return columns, rows


@pytest.mark.parametrize(
    ("yaw", "pitch", "across", "down"),
    [(0.8, 0.0, 1, 0), (-0.8, 0.0, -1, 0), (0.0, 0.6, 0, -1), (0.0, -0.6, 0, 1)],
    ids=["right", "left", "up", "down"],
)
def test_arrows_point_to_where_the_person_looks(
    yaw: float, pitch: float, across: int, down: int
) -> None:
    columns, rows = pixels_of(replace(FACE, head=HeadPose(yaw, pitch, 0.0)), HEAD_COLOUR)
    reach = np.array([columns.mean() - NOSE.x, rows.mean() - NOSE.y])
    assert reach @ [across, down] > 20
    columns, rows = pixels_of(replace(FACE, gaze=Gaze(yaw, pitch)), GAZE_COLOUR)
    reach = np.array([columns.mean() - 320, rows.mean() - 215])
    assert reach @ [across, down] > 15


def test_the_arrow_of_a_tilted_head_tilts_with_it() -> None:
    """A quarter turn clockwise: what was the face's right is the image's bottom."""
    turned = replace(FACE, head=HeadPose(0.8, 0.0, np.pi / 2))
    columns, rows = pixels_of(turned, HEAD_COLOUR)
    assert abs(columns.mean() - NOSE.x) < 3
    assert rows.mean() - NOSE.y > 20


def test_who_looks_into_the_lens_has_points_and_no_arrow() -> None:
    frontal = replace(FACE, head=HeadPose(0.0, 0.0, 0.3), gaze=Gaze(0.01, 0.0))
    assert len(pixels_of(frontal, HEAD_COLOUR)[0]) == 0
    assert len(pixels_of(frontal, GAZE_COLOUR)[0]) == 0
    columns, rows = pixels_of(frontal, POINT_COLOUR)
    assert {(270, 215), (370, 215), (320, 260), (280, 310), (360, 310)} <= set(
        zip(columns.tolist(), rows.tolist(), strict=True)
    )


def test_nothing_is_drawn_of_what_was_not_estimated_and_the_picture_is_kept() -> None:
    before = WALL.copy()
    assert np.array_equal(annotated(WALL, (BLANK,), with_ids=False), WALL)
    annotated(WALL, (replace(FACE, head=HeadPose(1.0, 1.0, 1.0)),), with_ids=False)
    assert np.array_equal(WALL, before)
