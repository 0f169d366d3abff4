"""Points, head, gaze, eyes and mouth of good and bad crops, with an engine that answers as told."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.domain.geometry import Box, Gaze, HeadPose, Size
from edge_agent.domain.observation import FaceGeometry
from edge_agent.perception.face_geometry import (
    GAZE_TOLERANCE_RAD,
    HEAD_TOLERANCE_RAD,
    LEAST_CONFIDENCE_GAZE,
    LEAST_CONFIDENCE_HEAD,
    LEAST_CONFIDENCE_POINTS,
    LEAST_EYES_OPEN,
    LEAST_VISIBLE,
    NO_FACE,
    NOTHING,
    POINTS_TOLERANCE,
    TELLING_SIDE,
    ErrorScales,
    FaceGeometryReader,
    answer_from,
    geometry_from,
    mirrored,
    probability_within,
)
from edge_agent.perception.tensors import Pixels, Tensor

PICTURE = np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8)
FACE = Box(100, 60, 80, 80)
POINTS = [0.3, 0.4, 0.7, 0.42, 0.5, 0.6, 0.36, 0.75, 0.64, 0.76]
SURE = [math.log(0.02), math.log(0.03), math.log(0.05)]
SQUARE = Box(0, 0, 100, 100)


def said(
    points: list[float] = POINTS,
    head: tuple[float, float, float] = (0.3, -0.2, 0.1),
    gaze: tuple[float, float] = (0.05, -0.02),
    errors: list[float] = SURE,
    logits: tuple[float, float, float] = (6.0, -2.0, 6.0),
) -> dict[str, Tensor]:
    values = {"points": points, "head": head, "gaze": gaze, "errors": errors, "logits": logits}
    return {name: np.array(value, np.float32) for name, value in values.items()}


class FakeEngine:
    """Says the same of every crop; keeps what it was shown."""

    def __init__(self, outputs: dict[str, Tensor] | None = None) -> None:
        self.input_size = Size(96, 96)
        self.parameters = {
            "crop_side": 1.5,
            "crop_shift_down": 0.1,
            "points_error_scale": 1.0,
            "head_error_scale": 1.0,
            "gaze_error_scale": 1.0,
        }
        self.outputs = outputs or said()
        self.shown: list[Pixels] = []

    def resize(self, size: Size) -> None:
        raise AssertionError("a model of faces has one size")

    def infer(self, image: Pixels) -> dict[str, Tensor]:
        self.shown.append(image)
        return self.outputs


class OneSidedEngine(FakeEngine):
    """Sees where the bright side of a crop is, and yaw, gaze and points there; always too far to
    the right by `off`. Its points lie `lie_right` right of what they mark, as labels do."""

    def __init__(self, off: float, lie_right: float) -> None:
        super().__init__()
        self.parameters["points_lie_right"] = lie_right
        self.off, self.lie_right = off, lie_right

    def infer(self, image: Pixels) -> dict[str, Tensor]:
        self.shown.append(image)
        bright_right = image[:, 48:].mean() > image[:, :48].mean()
        truth = said() if bright_right else mirrored(said(), 0.0)
        points = truth["points"].reshape(5, 2) + np.float32([self.off + self.lie_right, 0])
        return {
            **truth,
            "points": points.ravel(),
            "head": truth["head"] + np.float32([self.off, 0, self.off]),
            "gaze": truth["gaze"] + np.float32([self.off, 0]),
        }


def told(outputs: dict[str, Tensor], trust: float = 1.0) -> FaceGeometry:
    return geometry_from(answer_from(outputs), SQUARE, trust)


def test_each_output_has_its_meaning() -> None:
    answer = answer_from(said(), ErrorScales(points=2.0, head=3.0, gaze=0.5))
    assert (answer.landmarks.left_eye.x, answer.landmarks.left_eye.y) == pytest.approx((0.3, 0.4))
    assert answer.landmarks.right_eye.x == pytest.approx(0.7)
    assert answer.landmarks.nose.y == pytest.approx(0.6)
    assert answer.landmarks.left_mouth.x == pytest.approx(0.36)
    assert answer.landmarks.right_mouth.y == pytest.approx(0.76)
    assert answer.head.yaw_rad == pytest.approx(0.3)
    assert answer.head.pitch_rad == pytest.approx(-0.2)
    assert answer.head.roll_rad == pytest.approx(0.1)
    assert answer.gaze.yaw_rad == pytest.approx(0.05)
    assert answer.gaze.pitch_rad == pytest.approx(-0.02)
    assert answer.points_error == pytest.approx(0.04)
    assert answer.head_error_rad == pytest.approx(0.09)
    assert answer.gaze_error_rad == pytest.approx(0.025)
    assert answer.eyes_open == pytest.approx(1 / (1 + math.exp(-6)))
    assert answer.smile == pytest.approx(1 / (1 + math.exp(2)))
    assert answer.visible == answer.eyes_open


def test_a_face_is_read_in_pixels_of_the_frame() -> None:
    engine = FakeEngine()
    geometry = FaceGeometryReader(engine).read(PICTURE, FACE)
    (crop,) = engine.shown
    assert crop.shape == (96, 96)
    # The square is 120 pixels wide about (140, 100), 8 lower.
    assert geometry.landmarks is not None
    assert geometry.landmarks.left_eye.x == pytest.approx(80 + 0.3 * 120, abs=0.01)
    assert geometry.landmarks.left_eye.y == pytest.approx(48 + 0.4 * 120, abs=0.01)
    assert geometry.head == answer_from(said()).head
    assert geometry.gaze == answer_from(said()).gaze
    assert geometry.eyes_open == pytest.approx(1, abs=0.01)
    assert geometry.smiling_degree == pytest.approx(0.12, abs=0.01)


@given(st.floats(-0.2, 0.2), st.floats(0, 0.05))
def test_errors_to_one_side_cancel_where_the_mirror_image_is_read_too(
    off: float, lie_right: float
) -> None:
    engine = OneSidedEngine(off, lie_right)
    crop = np.tile(np.arange(96, dtype=np.uint8), (96, 1))
    answer, true = FaceGeometryReader(engine).answer(crop), answer_from(said())
    assert len(engine.shown) == 2
    assert (engine.shown[1] == crop[:, ::-1]).all()
    assert engine.shown[1].flags.c_contiguous
    for found, marked in zip(answer.landmarks.points, true.landmarks.points, strict=True):
        assert (found.x, found.y) == pytest.approx((marked.x + lie_right, marked.y), abs=1e-5)
    for axis in ("yaw_rad", "pitch_rad", "roll_rad"):
        assert getattr(answer.head, axis) == pytest.approx(getattr(true.head, axis), abs=1e-5)
    assert answer.gaze.distance_to(true.gaze) < 1e-5
    assert answer.points_error == pytest.approx(true.points_error)
    assert answer.eyes_open == pytest.approx(true.eyes_open)


def test_without_the_labels_offset_a_face_is_read_once() -> None:
    engine = FakeEngine()
    assert FaceGeometryReader(engine).answer(PICTURE[:96, :96, 0]) == answer_from(said())
    assert len(engine.shown) == 1


@given(st.lists(st.floats(0, 1), min_size=10, max_size=10), st.floats(0, 0.05))
def test_the_mirror_image_of_a_mirror_image_is_the_face(
    points: list[float], lie_right: float
) -> None:
    outputs = said(points=points)
    twice = mirrored(mirrored(outputs, lie_right), lie_right)
    for name, values in outputs.items():
        assert twice[name] == pytest.approx(values, abs=1e-5)
    once = mirrored(outputs, 0.0)["points"].reshape(5, 2)
    assert once[0] == pytest.approx([1 - points[2], points[3]], abs=1e-6)
    assert once[3] == pytest.approx([1 - points[8], points[9]], abs=1e-6)


def test_confidence_is_the_probability_of_an_error_within_the_tolerance() -> None:
    rng = np.random.default_rng(4)
    errors = np.abs(rng.laplace(0, 0.05, 200_000))
    assert probability_within(0.08, 0.05) == pytest.approx((errors < 0.08).mean(), abs=0.005)
    certain = said(logits=(30.0, 0.0, 30.0))
    geometry = told(certain)
    assert geometry.landmarks_confidence == pytest.approx(
        probability_within(POINTS_TOLERANCE, 0.02)
    )
    assert geometry.head_confidence == pytest.approx(probability_within(HEAD_TOLERANCE_RAD, 0.03))
    assert geometry.gaze_confidence == pytest.approx(probability_within(GAZE_TOLERANCE_RAD, 0.05))


def test_no_gaze_from_closed_eyes_but_all_else() -> None:
    geometry = told(said(logits=(-3.0, 0.0, 6.0)))
    assert geometry.gaze is None
    assert geometry.gaze_confidence == 0.0
    assert geometry.head is not None
    assert geometry.landmarks is not None
    assert geometry.eyes_open is not None
    assert geometry.eyes_open < LEAST_EYES_OPEN


def test_nothing_from_a_hidden_face() -> None:
    assert told(said(logits=(6.0, 0.0, -2.0))) == NOTHING


def test_nothing_from_a_head_of_which_nobody_can_say_where_the_eyes_are() -> None:
    """The detector saw an ear and a pair of glasses from behind."""
    _, *others = SURE
    assert told(said(errors=[math.log(0.3), *others], logits=(6.0, 0.0, 0.8))) == NOTHING
    assert told(said(errors=[math.log(0.12), *others], logits=(6.0, 0.0, 0.8))) != NOTHING


@pytest.mark.parametrize("which", ["head", "gaze"])
def test_what_is_too_uncertain_is_not_estimated_and_the_rest_is(which: str) -> None:
    errors = list(SURE)
    errors[("points", "head", "gaze").index(which)] = 1.5
    geometry = told(said(errors=errors))
    values = {"points": geometry.landmarks, "head": geometry.head, "gaze": geometry.gaze}
    for name, value in values.items():
        assert (value is None) == (name == which)


def test_a_tiny_face_is_known_with_less_confidence_and_in_the_end_not_at_all() -> None:
    reader = FaceGeometryReader(FakeEngine())
    confidences = [
        reader.read(PICTURE, Box(100, 60, side, side)).head_confidence for side in (60, 24, 16, 7)
    ]
    assert confidences == sorted(confidences, reverse=True)
    assert confidences[0] > confidences[1] > 0
    assert confidences[-1] == 0


@pytest.mark.parametrize(
    "face",
    [
        Box(100, 60, 0, 0),
        Box(100, 60, 4, 4),
        Box(100, 60, -20, 40),
        Box(-60, 60, 80, 80),
        Box(300, 60, 80, 80),
        Box(100, 225, 80, 80),
        Box(1000, 1000, 80, 80),
        Box(-1000, -1000, 80, 80),
    ],
    ids=["empty", "tiny", "inside out", "left", "right", "bottom", "beyond", "before"],
)
def test_a_bad_crop_gives_nothing_and_costs_nothing(face: Box) -> None:
    engine = FakeEngine()
    assert FaceGeometryReader(engine).read(PICTURE, face) == NOTHING
    assert not engine.shown


def test_only_of_a_face_that_is_large_enough_can_be_told_that_it_is_none() -> None:
    reader = FaceGeometryReader(FakeEngine(said(logits=(6.0, 0.0, -2.0))))
    assert reader.read(PICTURE, Box(100, 60, TELLING_SIDE, TELLING_SIDE + 4)) == NO_FACE
    assert reader.read(PICTURE, Box(100, 60, TELLING_SIDE - 1, TELLING_SIDE + 4)) == NOTHING


def test_a_face_whose_points_cannot_be_placed_may_be_one_all_the_same() -> None:
    errors = [math.log(0.3), *said()["errors"][1:].tolist()]
    reader = FaceGeometryReader(FakeEngine(said(errors=errors, logits=(6.0, 0.0, 0.8))))
    assert reader.read(PICTURE, FACE) == NOTHING


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_face_without_contrast_gives_nothing(level: int) -> None:
    engine = FakeEngine()
    flat = np.full((240, 320, 3), level, np.uint8)
    assert FaceGeometryReader(engine).read(flat, FACE) == NOTHING
    assert not engine.shown


def test_a_grey_frame_is_read_like_a_coloured_one() -> None:
    grey = PICTURE[..., 0].copy()
    assert FaceGeometryReader(FakeEngine()).read(grey, FACE).head is not None


numbers = st.floats(-40, 40, width=32)
outputs = st.builds(
    said,
    points=st.lists(numbers, min_size=10, max_size=10),
    head=st.tuples(numbers, numbers, numbers),
    gaze=st.tuples(numbers, numbers),
    errors=st.lists(st.floats(-1e4, 1e4, width=32), min_size=3, max_size=3),
    logits=st.tuples(*[st.floats(-1e4, 1e4, width=32)] * 3),
)


@given(outputs, st.floats(0, 1))
def test_whatever_the_model_says_a_value_has_a_confidence_or_is_none(
    outputs: dict[str, Tensor], trust: float
) -> None:
    geometry = told(outputs, trust)
    pairs = (
        (geometry.landmarks, geometry.landmarks_confidence, LEAST_CONFIDENCE_POINTS),
        (geometry.head, geometry.head_confidence, LEAST_CONFIDENCE_HEAD),
        (geometry.gaze, geometry.gaze_confidence, LEAST_CONFIDENCE_GAZE),
    )
    for value, confidence, least in pairs:
        assert (value is None) == (confidence == 0.0)
        assert confidence == 0.0 or least <= confidence <= trust
    for share in (geometry.eyes_open, geometry.smiling_degree):
        assert share is None or 0 <= share <= 1
    answer = answer_from(outputs)
    if answer.visible < LEAST_VISIBLE:
        assert geometry == NOTHING
    if answer.eyes_open < LEAST_EYES_OPEN:
        assert geometry.gaze is None


@given(outputs, st.floats(0.05, 1))
def test_more_expected_error_never_makes_surer(outputs: dict[str, Tensor], trust: float) -> None:
    worse = {**outputs, "errors": outputs["errors"] + 0.5}
    before, after = told(outputs, trust), told(worse, trust)
    assert after.landmarks_confidence <= before.landmarks_confidence
    assert after.head_confidence <= before.head_confidence
    assert after.gaze_confidence <= before.gaze_confidence


@given(st.floats(-3.0, 3.0), st.floats(-1.5, 1.5), st.floats(-3.0, 3.0))
def test_a_turn_is_an_angle_whatever_the_roll(yaw: float, pitch: float, roll: float) -> None:
    turn = HeadPose(yaw, pitch, roll).turn_rad
    assert 0 <= turn <= math.pi
    assert turn == HeadPose(-yaw, pitch, -roll).turn_rad
    assert HeadPose(yaw, 0.0, roll).turn_rad == pytest.approx(abs(yaw), abs=1e-6)
    assert Gaze(0.0, 0.0).eccentricity_rad == 0.0
