"""What the geometry of a face does to the other readings, with engines that answer as told."""

from __future__ import annotations

import math
from datetime import datetime, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.domain.detection import FaceLandmarks, Part, Region
from edge_agent.domain.frame import Frame, Instant
from edge_agent.domain.geometry import Box, HeadPose, Point, Size
from edge_agent.domain.observation import FaceGeometry, Observation
from edge_agent.perception.alignment import (
    AS_IT_STANDS,
    HALF_TRUST_RAD,
    SURE_POINTS,
    UNKNOWN_FRONTALITY,
    alignment_of,
    box_by,
    frontality,
)
from edge_agent.perception.demographics import DemographicsReader
from edge_agent.perception.expression import ExpressionReader
from edge_agent.perception.face_geometry import FaceGeometryReader
from edge_agent.perception.observer import Observer
from edge_agent.perception.tensors import Pixels, Tensor

NOW = Instant(datetime(2026, 1, 1, tzinfo=timezone.utc), 0.0)
PICTURE = np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8)
FACE = Region(Part.FACE, Box(100, 60, 80, 80), 0.9)
SURE = math.log(0.01)
PARAMETERS = {
    "crop_side": 1.0,
    "crop_shift_down": 0.0,
    "placed_crop_side": 1.0,
    "placed_crop_shift_down": 0.0,
    "temperature": 1.0,
    "blur_temperature": 1e-3,
    "turn_temperature": 0.2,
    "age_deviation_scale": 1.0,
    "gender_temperature": 1.0,
    "points_error_scale": 1.0,
    "head_error_scale": 1.0,
    "gaze_error_scale": 1.0,
}


class FakeEngine:
    """Gives the same outputs for every crop; keeps what it was shown."""

    def __init__(self, side: int, **outputs: list[float]) -> None:
        self.input_size = Size(side, side)
        self.parameters = PARAMETERS
        self.outputs = {name: np.array(value, np.float32) for name, value in outputs.items()}
        self.shown: list[Pixels] = []

    def resize(self, size: Size) -> None:
        raise AssertionError("a model of faces has one size")

    def infer(self, image: Pixels) -> dict[str, Tensor]:
        self.shown.append(image)
        return self.outputs


class Engines:
    """One of each model of a face, of a face with that head, tilt, eyes and mouth."""

    def __init__(
        self,
        yaw: float = 0.0,
        tilt_rad: float = 0.0,
        *,
        points_error: float = SURE,
        open_logit: float = 8.0,
        smile_logit: float = 0.0,
        visible_logit: float = 8.0,
    ) -> None:
        reach = 0.2 * np.array([math.cos(tilt_rad), math.sin(tilt_rad)])
        left, right = (0.5 - reach), (0.5 + reach)
        self.geometry = FakeEngine(
            96,
            points=[*left, *right, 0.5, 0.6, 0.4, 0.7, 0.6, 0.7],
            head=[yaw, 0.1, tilt_rad],
            gaze=[0.02, 0.03],
            errors=[points_error, SURE, SURE],
            logits=[open_logit, smile_logit, visible_logit],
        )
        self.expression = FakeEngine(48, logits=[0, 3, 0, 0, 0, 0, 0, 0])
        self.demographics = FakeEngine(80, age=[0.0] * 117, female=[1.0])

    def observer(self, *, geometry: bool = True, head: bool = True, gaze: bool = True) -> Observer:
        return Observer(
            ExpressionReader(self.expression),
            DemographicsReader(self.demographics),
            FaceGeometryReader(self.geometry) if geometry else None,
            head=head,
            gaze=gaze,
        )

    def look(self, *, geometry: bool = True, head: bool = True, gaze: bool = True) -> Observation:
        observer = self.observer(geometry=geometry, head=head, gaze=gaze)
        return observer.look_at(Frame(PICTURE, NOW), FACE)


def test_the_geometry_is_told_with_all_else() -> None:
    told = Engines(yaw=0.3).look()
    assert told.geometry is not None
    assert told.geometry.head == HeadPose(*np.float32([0.3, 0.1, 0.0]).tolist())
    assert told.geometry.gaze is not None
    assert told.geometry.landmarks is not None
    assert told.expression is not None
    assert told.age is not None


@pytest.mark.parametrize("off", ["head", "gaze"])
def test_what_is_not_wanted_is_not_told_but_still_turns_the_crops(off: str) -> None:
    engines = Engines(yaw=0.8, tilt_rad=0.5)
    all_told, told = engines.look(), engines.look(**{off: False})
    assert told.geometry is not None
    assert (told.geometry.head is None) == (off == "head")
    assert (told.geometry.gaze is None) == (off == "gaze")
    assert (told.geometry.eyes_open is None) == (off == "gaze")
    assert told.face_quality == all_told.face_quality
    assert np.array_equal(*engines.expression.shown)


def test_a_turned_head_lowers_the_trust_in_face_and_expression() -> None:
    looks = [Engines(yaw=yaw).look() for yaw in (0.0, 0.4, 0.8, 1.2)]
    qualities = [look.face_quality for look in looks]
    confidences = [look.expression.confidence for look in looks if look.expression is not None]
    assert qualities == sorted(set(qualities), reverse=True)
    assert confidences == sorted(set(confidences), reverse=True)
    assert qualities[0] > 0.95 * Engines().look(geometry=False).face_quality
    assert qualities[-1] < 0.4 * qualities[0]
    assert looks[-1].expression is not None
    assert looks[-1].expression.leading is looks[0].expression.leading  # type: ignore[union-attr]


def test_a_tilted_face_is_shown_upright_to_the_other_models() -> None:
    unsure = Engines(tilt_rad=0.5, points_error=math.log(0.2))
    tilted, plain = Engines(tilt_rad=0.5), Engines()
    tilted.look()
    unsure.look()
    plain.look(geometry=False)
    for name in ("expression", "demographics"):
        shown = [getattr(engines, name).shown[0] for engines in (tilted, unsure, plain)]
        assert not np.array_equal(shown[0], shown[1])
        assert np.array_equal(shown[1], shown[2])
    assert np.array_equal(tilted.geometry.shown[0], unsure.geometry.shown[0])


def test_of_a_hidden_face_nothing_is_told_and_no_other_model_is_asked() -> None:
    """The back of a head has neither age nor mood."""
    engines = Engines(visible_logit=-4)
    told = engines.look()
    assert told == Observation(0, face_quality=0.0, geometry=FaceGeometry(shows_face=False))
    assert told.geometry is not None
    assert told.geometry.is_hidden
    assert engines.expression.shown == engines.demographics.shown == []


def test_a_smile_is_what_expression_and_mouth_tell_together() -> None:
    alone = Engines().look(geometry=False).expression
    broad = Engines(smile_logit=6).look().expression
    none = Engines(smile_logit=-6).look().expression
    assert alone is not None
    assert broad is not None
    assert none is not None
    assert none.smiling_degree < alone.smiling_degree < broad.smiling_degree <= 1


def landmarks(tilt_rad: float) -> FaceLandmarks:
    x, y = 20 * math.cos(tilt_rad), 20 * math.sin(tilt_rad)
    below = Point(50, 70)
    return FaceLandmarks(Point(50 - x, 40 - y), Point(50 + x, 40 + y), below, below, below)


@given(st.floats(-1.5, 1.5), st.floats(0, 1))
def test_crops_are_turned_by_the_line_between_the_eyes_if_that_is_sure(
    tilt_rad: float, confidence: float
) -> None:
    alignment = alignment_of(FaceGeometry(landmarks(tilt_rad), confidence))
    expected = tilt_rad if confidence >= SURE_POINTS else 0.0
    assert alignment.roll_rad == pytest.approx(expected)
    assert (alignment.box is None) == (confidence < SURE_POINTS)
    assert alignment.frontality == UNKNOWN_FRONTALITY


@given(st.floats(-math.pi, math.pi))
def test_the_box_by_the_points_turns_with_the_face(tilt_rad: float) -> None:
    """A face about the middle between its eyes: its box has the same size, and is below them."""

    def turned(x: float, y: float) -> Point:
        across, down = math.cos(tilt_rad), math.sin(tilt_rad)
        return Point(200 + x * across - y * down, 200 + x * down + y * across)

    face = FaceLandmarks(
        turned(-30, 0), turned(30, 0), turned(0, 35), turned(-22, 62), turned(22, 62)
    )
    box, extent = box_by(face), math.hypot(60, 62)
    assert box.width == box.height == pytest.approx(1.7 * extent)
    center = turned(0, 31 - 0.02 * extent)
    assert (box.center.x, box.center.y) == pytest.approx((center.x, center.y))


def test_a_pose_too_uncertain_to_be_told_is_no_turn_but_a_face_not_made_out_is() -> None:
    assert alignment_of(FaceGeometry(smiling_degree=0.4)).turn_rad == 0.0
    assert alignment_of(FaceGeometry()).turn_rad == HALF_TRUST_RAD
    turned = alignment_of(FaceGeometry(head=HeadPose(0.3, 0.4, 0.0)))
    assert turned.turn_rad == HeadPose(0.3, 0.4, 0.0).turn_rad


def test_without_geometry_a_face_is_taken_as_it_stands() -> None:
    assert alignment_of(None) == AS_IT_STANDS


@given(st.floats(0, math.pi), st.floats(0, math.pi))
def test_frontality_falls_with_the_turn(one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert 1 >= frontality(less) >= frontality(more) > 0
    assert frontality(math.radians(15)) > 0.99
