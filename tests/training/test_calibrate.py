"""Temperature and the measure of calibration, on answers whose truth is known."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from edge_agent.perception.expression import softmax
from training.calibrate import (
    LEAST_SLOPE,
    beta_calibration_for,
    calibration_error_by_chance,
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
    logits, terms = rng.uniform(-5, 5, 40_000), rng.normal(0, 1, (40_000, 1))
    log_odds = 2.0 * np.logaddexp(0, logits) - 0.4 * np.logaddexp(0, -logits) - 1.0
    right = rng.random(len(logits)) < 1 / (1 + np.exp(-log_odds - 0.7 * terms[:, 0]))
    found = beta_calibration_for(logits, terms, right.astype(np.float64), np.ones(len(logits)))
    assert (found.below, found.above, found.shift) == pytest.approx((0.4, 2.0, -1.0), abs=0.12)
    assert found.terms == pytest.approx((0.7,), abs=0.05)


def test_a_term_of_which_little_is_seen_stays_small() -> None:
    right = np.repeat([0.0, 1.0], 4)
    found = beta_calibration_for(np.zeros(8), right[:, None], right, np.ones(8))
    assert 0 < found.terms[0] < 0.2


def test_a_calibration_never_turns_the_order_of_scores() -> None:
    logits = np.repeat([-2.2, -0.85, 0.85, 2.2], 100)
    right = np.concatenate([np.arange(100) < n for n in (60, 20, 50, 90)]).astype(np.float64)
    found = beta_calibration_for(logits, np.zeros((400, 0)), right, np.ones(400))
    assert found.below == LEAST_SLOPE
    assert found.above > LEAST_SLOPE


def test_true_scores_err_by_chance_the_less_the_more_there_are() -> None:
    few, many = (calibration_error_by_chance(np.linspace(0.1, 1, n)) for n in (100, 10_000))
    assert 0.05 < few < 0.2
    assert many < 0.02


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
