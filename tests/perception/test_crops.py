"""Cutting faces out of frames, at and beyond the edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.domain.geometry import Box
from edge_agent.perception.crops import SMALLEST_FACE_SIDE, cut, grey, quality

FRAME = np.random.default_rng(3).integers(0, 256, (40, 60, 3), np.uint8)


def reference(left: int, top: int, side: int) -> np.ndarray:
    """The same by padding the whole frame."""
    pad = 200
    padded = np.pad(FRAME, ((pad, pad), (pad, pad), (0, 0)), "edge")
    return padded[top + pad : top + pad + side, left + pad : left + pad + side]


def inside(left: int, top: int, side: int) -> int:
    width = max(min(left + side, 60) - max(left, 0), 0)
    return width * max(min(top + side, 40) - max(top, 0), 0)


@given(st.integers(-120, 120), st.integers(-120, 120), st.integers(8, 70))
@settings(max_examples=300, deadline=None)
def test_cut_is_the_square_with_its_border_continued(left: int, top: int, side: int) -> None:
    crop = cut(FRAME, Box(left, top, side, side), side)
    if inside(left, top, side) * 4 < side * side:
        assert crop is None
    else:
        assert crop is not None
        assert np.array_equal(crop, reference(left, top, side))


@pytest.mark.parametrize("box", [Box(-100, 5, 30, 30), Box(5, -100, 30, 30), Box(90, 5, 30, 30)])
def test_face_outside_of_the_frame_is_not_cut_from_its_other_side(box: Box) -> None:
    assert cut(FRAME, box, 16) is None


def test_face_too_small_to_tell_anything_is_not_cut() -> None:
    assert cut(FRAME, Box(10, 10, SMALLEST_FACE_SIDE - 1, SMALLEST_FACE_SIDE - 1), 16) is None


def test_quality_grows_with_size_and_sharpness_and_is_none_of_a_wall() -> None:
    rng = np.random.default_rng(1)
    sharp = rng.integers(0, 256, (48, 48), np.uint8)
    soft = np.tile(np.linspace(0, 255, 48).astype(np.uint8), (48, 1))
    large, small = Box(0, 0, 60, 60), Box(0, 0, 20, 20)
    assert quality(sharp, large) == 1.0
    assert quality(sharp, small) < quality(sharp, large)
    assert quality(soft, large) < quality(sharp, large)
    assert quality(np.full((48, 48), 90, np.uint8), large) == 0.0


def test_grey_of_grey_is_itself() -> None:
    crop = np.zeros((4, 4), np.uint8)
    assert grey(crop) is crop
    assert grey(FRAME).shape == (40, 60)
