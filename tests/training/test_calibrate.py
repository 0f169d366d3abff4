"""Temperature and the measure of calibration, on answers whose truth is known."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from edge_agent.perception.expression import softmax
from training.calibrate import (
    LEAST_SLOPE,
    calibration_error_by_chance,
    expected_calibration_error,
    spline_calibration_for,
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


KNOTS = (-6.0, -2.0, 0.0, 2.0)


def test_the_spline_that_was_put_in_comes_out() -> None:
    rng = np.random.default_rng(6)
    logits, terms = rng.uniform(-6, 3, 40_000), rng.normal(0, 1, (40_000, 1))
    log_odds = np.interp(logits, (*KNOTS, 3.0), (-3.0, -2.0, -0.5, 3.0, 4.75))
    right = rng.random(len(logits)) < 1 / (1 + np.exp(-log_odds - 0.7 * terms[:, 0]))
    found = spline_calibration_for(logits, terms, right * 1.0, np.ones(len(logits)), KNOTS)
    assert found.log_odds == pytest.approx((-3.0, -2.0, -0.5, 3.0), abs=0.15)
    assert found.terms == pytest.approx((0.7,), abs=0.05)


def test_a_term_of_which_little_is_seen_stays_small() -> None:
    right = np.repeat([0.0, 1.0], 4)
    found = spline_calibration_for(np.zeros(8), right[:, None], right, np.ones(8), KNOTS)
    assert 0 < found.terms[0] < 0.2


def test_where_nothing_was_seen_a_spline_goes_on_as_it_was() -> None:
    logits = np.repeat([-1.5, -0.5], 1000)
    right = np.concatenate([np.arange(1000) < n for n in (200, 400)]) * 1.0
    found = spline_calibration_for(logits, np.zeros((2000, 0)), right, np.ones(2000), KNOTS)
    slopes = np.diff(found.log_odds) / np.diff(KNOTS)
    assert slopes == pytest.approx([0.98] * 3, abs=0.02)  # logit(0.4) - logit(0.2)


def test_a_calibration_never_turns_the_order_of_scores() -> None:
    logits = np.repeat([-5.0, -3.0, -1.0, 1.0], 1000)
    right = np.concatenate([np.arange(1000) < n for n in (600, 100, 50, 900)]) * 1.0
    found = spline_calibration_for(logits, np.zeros((4000, 0)), right, np.ones(4000), KNOTS)
    slopes = np.diff(found.log_odds) / np.diff(KNOTS)
    assert slopes[0] == pytest.approx(LEAST_SLOPE)
    assert slopes.min() >= LEAST_SLOPE - 1e-9
    assert slopes[-1] > 1


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
