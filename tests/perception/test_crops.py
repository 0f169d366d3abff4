"""Cutting faces out of frames, at and beyond the edges."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.domain.geometry import Box
from edge_agent.perception.crops import (
    SMALLEST_FACE_SIDE,
    UPRIGHT_WITHIN_RAD,
    cut,
    cut_upright,
    grey,
    quality,
    softness,
    square_around,
)

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


def tilted_picture(degrees: float) -> np.ndarray:
    """A soft drawing, turned clockwise about its middle by that many degrees."""
    picture = np.full((301, 301), 60, np.uint8)
    cv2.circle(picture, (120, 130), 12, 200, -1)
    cv2.circle(picture, (180, 130), 12, 200, -1)
    cv2.rectangle(picture, (125, 180), (175, 190), 140, -1)
    picture = cv2.GaussianBlur(picture, (9, 9), 3)
    turning = cv2.getRotationMatrix2D((150, 150), -degrees, 1)
    return cv2.warpAffine(picture, turning, (301, 301), borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("degrees", [-75, -30, -12, 8, 20, 45, 100])
@pytest.mark.parametrize("side", [48, 96, 200])
def test_a_tilted_face_stands_upright_in_the_crop(degrees: float, side: int) -> None:
    square = Box(81, 81, 139, 139)
    upright = cut(tilted_picture(0), square, side)
    turned = cut_upright(tilted_picture(degrees), square, side, math.radians(degrees))
    untouched = cut(tilted_picture(degrees), square, side)
    assert upright is not None
    assert turned is not None
    assert untouched is not None

    def off(crop: np.ndarray) -> float:
        return float(np.abs(crop.astype(float) - upright).mean())

    assert off(turned) < 1.5
    assert off(turned) < off(untouched) / 4


def test_a_face_that_hardly_rolls_is_cut_as_it_stands() -> None:
    square = Box(5, 5, 30, 30)
    plain = cut(FRAME, square, 24)
    assert np.array_equal(cut_upright(FRAME, square, 24, UPRIGHT_WITHIN_RAD), plain)
    assert not np.array_equal(cut_upright(FRAME, square, 24, 2 * UPRIGHT_WITHIN_RAD), plain)


@given(
    st.integers(-120, 120), st.integers(-120, 120), st.integers(0, 90), st.floats(-math.pi, math.pi)
)
@settings(max_examples=200, deadline=None)
def test_every_turned_square_gives_a_crop_or_none(
    left: int, top: int, side: int, roll_rad: float
) -> None:
    crop = cut_upright(FRAME, Box(left, top, side, side), 16, roll_rad, least_inside=0.5)
    assert crop is None or crop.shape == (16, 16, 3)
    if inside(left, top, side) < 0.5 * side * side or side < SMALLEST_FACE_SIDE:
        assert crop is None


def test_the_crop_is_moved_towards_the_chin_however_the_face_is_tilted() -> None:
    face = Box(100, 100, 40, 40)
    upright = square_around(face, 1.2, 0.25)
    clockwise = square_around(face, 1.2, 0.25, math.pi / 2)
    assert (upright.center.x, upright.center.y) == pytest.approx((120, 130))
    assert (clockwise.center.x, clockwise.center.y) == pytest.approx((110, 120))
    assert upright.width == clockwise.width == pytest.approx(48)


def test_softness_grows_with_blur_whatever_the_contrast_and_however_noisy() -> None:
    random = np.random.default_rng(3)
    coarse = random.integers(0, 2, (12, 12)).astype(np.float32) * 120 + 60
    sharp = cv2.resize(coarse, (48, 48), interpolation=cv2.INTER_NEAREST)
    blurred = [cv2.GaussianBlur(sharp, (0, 0), sigma) for sigma in (1.0, 2.0, 3.0)]
    softnesses = [softness(np.asarray(crop, np.uint8)) for crop in (sharp, *blurred)]
    assert softnesses == sorted(softnesses)
    assert softnesses[-1] > 3 * softnesses[0]
    dark = softness(np.asarray(blurred[1] / 4, np.uint8))
    assert dark == pytest.approx(softnesses[2], rel=0.1)
    noisy = blurred[1] + random.normal(0, 4, sharp.shape)
    assert softness(np.clip(noisy, 0, 255).astype(np.uint8)) > softnesses[1]
