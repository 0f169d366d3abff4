"""From a face to an expression, with an engine that answers as the test says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.domain.geometry import Box, Size
from edge_agent.domain.observation import Emotion
from edge_agent.perception.expression import ExpressionReader, expression_from, softmax
from edge_agent.perception.tensors import Pixels, Tensor

NOISE = np.random.default_rng(6).integers(0, 256, (120, 160, 3), np.uint8)


class Answering:
    """An engine that says the same of every crop."""

    input_size = Size(48, 48)
    parameters = {"crop_side": 1.0, "temperature": 2.0}  # noqa: RUF012 - as the port has it

    def __init__(self, logits: list[float]) -> None:
        self.logits = np.array(logits, np.float32)
        self.seen: list[Pixels] = []

    def resize(self, size: Size) -> None:
        raise AssertionError("nobody asks for another size")

    def infer(self, image: Pixels) -> dict[str, Tensor]:
        self.seen.append(image)
        return {"logits": self.logits}


@given(st.lists(st.floats(-50, 50), min_size=8, max_size=8), st.floats(0, 1))
def test_every_answer_is_an_expression(logits: list[float], trust: float) -> None:
    expression = expression_from(softmax(np.array(logits, np.float32)), trust)
    assert sum(expression.intensities) == pytest.approx(1.0, abs=1e-5)
    assert 0 <= expression.confidence <= max(expression.intensities) + 1e-6
    assert expression.smiling_degree == expression.intensity(Emotion.HAPPINESS)


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
