"""The algebra of boxes and points."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge_agent.domain.geometry import Box, Gaze, Point, Size
from tests.values import boxes, points, sizes

factors = st.floats(0.01, 100)


@given(boxes, sizes)
def test_clipping_keeps_what_lies_inside_and_only_that(box: Box, size: Size) -> None:
    inside = box.clipped(size)
    assert 0 <= inside.x <= inside.right <= size.width + 1e-6
    assert 0 <= inside.y <= inside.bottom <= size.height + 1e-6
    frame = Box(0, 0, size.width, size.height)
    assert inside.area == pytest.approx(box.intersection(frame), rel=1e-6, abs=1e-3)
    again = inside.clipped(size)
    assert again.iou(inside) == pytest.approx(1.0) or inside.area < 1e-6


@given(points, sizes)
def test_clipped_point_is_the_nearest_inside(point: Point, size: Size) -> None:
    inside = point.clipped(size)
    assert 0 <= inside.x <= size.width
    assert 0 <= inside.y <= size.height
    corners = [Point(x, y) for x in (0, size.width) for y in (0, size.height)]
    assert all(inside.distance_to(point) <= corner.distance_to(point) + 1e-6 for corner in corners)


@given(boxes, boxes)
@example(Box(1.0, 0.0, 1e-09, 1.0), Box(1.0, 0.0, 1e-09, 1.0))  # the width is lost in the rounding
@example(Box(1.0, 0.0, 1e-09, 1.0), Box(0.0, 0.0, 2.0, 1.0))
def test_overlap_is_symmetric_and_a_share(one: Box, other: Box) -> None:
    assert one.iou(other) == other.iou(one)
    assert 0 <= one.iou(other) <= 1
    assert 0 <= one.coverage_by(other) <= 1
    assert one.iou(other) <= one.coverage_by(other) * (1 + 1e-6) or one.area == 0


@given(boxes, factors, factors)
def test_scaling_there_and_back_changes_nothing(box: Box, x: float, y: float) -> None:
    back = box.scaled(x, y).scaled(1 / x, 1 / y)
    assert (back.x, back.y, back.width, back.height) == pytest.approx(
        (box.x, box.y, box.width, box.height), abs=1e-6
    )


@given(boxes, factors)
def test_growing_keeps_the_centre(box: Box, factor: float) -> None:
    grown = box.grown(factor)
    assert (grown.center.x, grown.center.y) == pytest.approx((box.center.x, box.center.y), abs=1e-6)
    assert (grown.width, grown.height) == pytest.approx((box.width * factor, box.height * factor))


@given(boxes)
def test_corners_and_centre_name_the_same_box(box: Box) -> None:
    same = [
        Box.from_corners(box.x, box.y, box.right, box.bottom),
        Box.around(box.center, box.width, box.height),
        box.moved(3, 4).moved(-3, -4),
    ]
    for other in same:
        assert (other.x, other.y, other.right, other.bottom) == pytest.approx(
            (box.x, box.y, box.right, box.bottom), abs=1e-6
        )


def test_known_overlaps() -> None:
    box = Box(0, 0, 10, 10)
    assert box.iou(box.moved(5, 0)) == pytest.approx(1 / 3)
    assert box.coverage_by(Box(0, 0, 5, 10)) == 0.5
    assert Box(0, 0, 5, 10).coverage_by(box) == 1.0
    assert box.iou(Box(10, 10, 5, 5)) == 0.0
    assert Box(0, 0, 0, 0).iou(Box(0, 0, 0, 0)) == 0.0
    assert Box(0, 0, -3, 4).area == 0.0


def test_gaze_into_the_lens_has_no_eccentricity() -> None:
    assert Gaze(0.0, 0.0).eccentricity_rad == 0.0
    assert Gaze(0.3, 0.4).eccentricity_rad == pytest.approx(0.5)
    assert Gaze(0.3, 0.4).distance_to(Gaze(0.3, 0.1)) == pytest.approx(0.3)
