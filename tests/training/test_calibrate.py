"""Temperature and the measure of calibration, on answers whose truth is known."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from edge_agent.perception.confidence import ScoreCalibration
from edge_agent.perception.expression import softmax
from training.calibrate import (
    LEAST_SLOPE,
    beta_calibration_for,
    expected_calibration_error,
    temperature_for,
)
from training.reliability import MARGIN, SIDE, reliability_bins, reliability_diagram


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_temperature_that_was_put_in_comes_out(temperature: float) -> None:
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 2, (4000, 5)).astype(np.float32)
    truth = [rng.choice(5, p=row / row.sum()) for row in softmax(logits).astype(np.float64)]
    one_hot = np.eye(5, dtype=np.float32)[truth]
    found = temperature_for(np.asarray(logits * temperature, np.float32), one_hot)
    assert found == pytest.approx(temperature, rel=0.1)


def test_the_beta_calibration_that_was_put_in_comes_out() -> None:
    rng = np.random.default_rng(6)
    logits = rng.uniform(-5, 5, 40_000).astype(np.float32)
    true = ScoreCalibration(*(np.array([v], np.float32) for v in (0.4, 2.0, -1.0)))
    right = rng.random(len(logits)) < true.probability(logits, np.zeros(len(logits), np.intp))
    scores = 1 / (1 + np.exp(-logits.astype(np.float64)))
    found = beta_calibration_for(scores, right.astype(np.float64), np.ones(len(logits)))
    assert found == pytest.approx((0.4, 2.0, -1.0), abs=0.12)


def test_a_calibration_never_turns_the_order_of_scores() -> None:
    scores = np.repeat([0.1, 0.3, 0.7, 0.9], 100)
    right = np.concatenate([np.arange(100) < n for n in (60, 20, 50, 90)]).astype(np.float64)
    below, above, _ = beta_calibration_for(scores, right, np.ones(400))
    assert below == LEAST_SLOPE
    assert above > LEAST_SLOPE


def test_who_is_as_sure_as_right_has_no_error() -> None:
    confidence = np.repeat([0.25, 0.75], 400)
    correct = np.concatenate([np.arange(400) % 4 == 0, np.arange(400) % 4 != 0])
    assert expected_calibration_error(confidence, correct) == pytest.approx(0.0)


def test_who_is_always_sure_and_half_right_is_half_wrong() -> None:
    correct = np.arange(100) % 2 == 0
    assert expected_calibration_error(np.ones(100), correct) == pytest.approx(0.5)


def test_the_diagram_shows_every_bin_that_has_answers() -> None:
    confidence = np.repeat([0.25, 0.75], 400)
    correct = np.concatenate([np.arange(400) % 2 == 0, np.arange(400) % 4 != 0])
    bins = reliability_bins(confidence, correct, 15)
    assert [(one.count, one.confidence, one.correct) for one in bins] == [
        (400, pytest.approx(0.25), pytest.approx(0.5)),
        (400, pytest.approx(0.75), pytest.approx(0.75)),
    ]
    picture = ElementTree.fromstring(reliability_diagram(bins, "A title"))
    marks = picture.findall("{http://www.w3.org/2000/svg}circle")
    assert len(marks) == 2
    right, height = (float(marks[1].attrib[name]) for name in ("cx", "cy"))
    assert right - MARGIN == pytest.approx(MARGIN + SIDE - height)  # on the diagonal
