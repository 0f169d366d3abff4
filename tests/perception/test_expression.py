"""From a face to an expression, with an engine that answers as the test says."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.domain.geometry import Box, Size
from edge_agent.domain.observation import Emotion
from edge_agent.perception.alignment import Alignment
from edge_agent.perception.expression import (
    ExpressionReader,
    confidence_from,
    expression_from,
    softmax,
)
from edge_agent.perception.tensors import Pixels, Tensor

NOISE = np.random.default_rng(6).integers(0, 256, (120, 160, 3), np.uint8)
LOGITS = st.lists(st.floats(-50, 50), min_size=8, max_size=8)


class Answering:
    """An engine that says the same of every crop."""

    input_size = Size(48, 48)
    parameters = {  # noqa: RUF012 - as the port has it
        "crop_side": 1.0,
        "temperature": 2.0,
        "blur_temperature": 1e-3,
        "turn_temperature": 0.2,
    }

    def __init__(self, logits: list[float]) -> None:
        self.logits = np.array(logits, np.float32)
        self.seen: list[Pixels] = []

    def resize(self, size: Size) -> None:
        raise AssertionError("nobody asks for another size")

    def infer(self, image: Pixels) -> dict[str, Tensor]:
        self.seen.append(image)
        return {"logits": self.logits}


@given(LOGITS, st.floats(0, 100))
def test_every_answer_is_an_expression(logits: list[float], doubt: float) -> None:
    expression = expression_from(softmax(np.array(logits, np.float32)), doubt)
    assert sum(expression.intensities) == pytest.approx(1.0, abs=1e-5)
    assert 1 / 8 - 1e-6 <= expression.confidence <= max(expression.intensities) + 1e-6
    assert expression.smiling_degree == expression.intensity(Emotion.HAPPINESS)


@given(LOGITS, st.floats(0, 100), st.floats(0, 100))
def test_doubt_lowers_the_confidence_alone(logits: list[float], one: float, other: float) -> None:
    probabilities = softmax(np.array(logits, np.float32))
    sure, unsure = (expression_from(probabilities, doubt) for doubt in sorted((one, other)))
    assert unsure.confidence <= sure.confidence + 1e-6
    assert unsure.intensities == sure.intensities


def test_confidence_without_doubt_is_the_leading_probability_and_a_guess_in_the_end() -> None:
    probabilities = np.array([[0.1, 0.6, 0.3, 0, 0, 0, 0, 0]] * 3, np.float32)
    confidence = confidence_from(probabilities, np.array([0, 1, 1e6], np.float32))
    # By hand: the roots of 0.1, 0.6 and 0.3, and of next to nothing, are 0.316, 0.775, 0.548.
    assert confidence == pytest.approx([0.6, 0.775 / 1.639, 1 / 8], abs=1e-3)


def face_of(side: int, blur: float = 0.0) -> Pixels:
    """A picture with the strokes of a face of 96 pixels, smaller and blurred as is said."""
    drawn = np.full((192, 192, 3), 120, np.uint8)
    cv2.ellipse(drawn, (96, 96), (36, 46), 0, 0, 360, (190, 190, 190), -1)
    for x in (82, 110):
        cv2.circle(drawn, (x, 85), 4, (30, 30, 30), -1)
    cv2.ellipse(drawn, (96, 112), (16, 8), 0, 0, 180, (60, 60, 60), 3)
    blurred = cv2.GaussianBlur(drawn, (0, 0), blur) if blur else drawn
    return np.asarray(cv2.resize(blurred, (2 * side,) * 2, interpolation=cv2.INTER_AREA), np.uint8)


def confidence(pixels: Pixels, turn_deg: float = 0.0) -> float:
    side, reader = pixels.shape[0], ExpressionReader(Answering([0, 4, 0, 0, 0, 0, 0, 0]))
    alignment = Alignment(turn_rad=math.radians(turn_deg))
    read, _ = reader.read(pixels, Box(side / 4, side / 4, side / 2, side / 2), alignment)
    assert read is not None
    return read.confidence


def test_confidence_falls_with_size_blur_and_turn() -> None:
    for falling in (
        [confidence(face_of(side)) for side in (48, 32, 24, 16)],
        [confidence(face_of(96, blur)) for blur in (0, 2, 4, 8)],
        [confidence(face_of(96), turn_deg) for turn_deg in (0, 20, 45, 90)],
    ):
        assert falling == sorted(set(falling), reverse=True)


def test_temperature_divides_the_logits_and_the_crop_is_grey() -> None:
    engine = Answering([0, 4, 0, 0, 0, 0, 0, 0])
    expression, quality = ExpressionReader(engine).read(NOISE, Box(50, 30, 60, 60))
    assert expression is not None
    assert expression.leading is Emotion.HAPPINESS
    assert expression.intensity(Emotion.HAPPINESS) == pytest.approx(
        np.exp(2) / (np.exp(2) + 7), abs=1e-5
    )
    assert quality == 1.0
    assert engine.seen[0].shape == (48, 48)


@pytest.mark.parametrize(
    ("pixels", "face"),
    [
        (NOISE, Box(50, 30, 5, 5)),
        (NOISE, Box(-500, 30, 60, 60)),
        (np.full_like(NOISE, 90), Box(50, 30, 60, 60)),
    ],
    ids=["too small", "outside", "flat"],
)
def test_what_shows_nothing_is_not_read(pixels: Pixels, face: Box) -> None:
    engine = Answering([0] * 8)
    assert ExpressionReader(engine).read(pixels, face) == (None, 0.0)
    assert engine.seen == []
