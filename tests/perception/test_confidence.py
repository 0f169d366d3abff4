"""A calibration and its inverse agree, and keep the order of scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.perception.confidence import ScoreCalibration

SLOPES = st.floats(0.05, 3.0)


def one(below: float, above: float, shift: float) -> ScoreCalibration:
    return ScoreCalibration(*(np.array([v], np.float32) for v in (below, above, shift)))


def told(calibration: ScoreCalibration, *logits: float) -> np.ndarray:
    kinds = np.zeros(len(logits), np.intp)
    return calibration.probability(np.array(logits, np.float32), kinds)


def test_as_learned_is_the_logistic() -> None:
    wanted = [1 / (1 + np.exp(z)) for z in (3.0, 0.0, -1.5)]
    calibration = ScoreCalibration.from_parameters(ScoreCalibration.as_learned(["a"]), ["a"])
    assert told(calibration, -3.0, 0.0, 1.5) == pytest.approx(wanted, abs=1e-6)


def test_modest_below_and_bold_above() -> None:
    low, high = told(one(0.5, 2.0, -1.0), -4.0, 4.0)
    assert low == pytest.approx(1 / (1 + np.exp(3.0)), abs=0.01)
    assert high == pytest.approx(1 / (1 + np.exp(-7.0)), abs=0.01)


@given(SLOPES, SLOPES, st.floats(-3.0, 3.0), st.floats(-11.0, 5.9), st.floats(-11.0, 5.9))
def test_a_higher_logit_is_never_less_probable(
    below: float, above: float, shift: float, first: float, second: float
) -> None:
    lower, higher = told(one(below, above, shift), *sorted((first, second)))
    assert lower <= higher


@given(SLOPES, SLOPES, st.floats(-3.0, 3.0), st.floats(-11.0, 5.9))
def test_the_least_logit_of_a_probability_is_its_own(
    below: float, above: float, shift: float, logit: float
) -> None:
    calibration = one(below, above, shift)
    (probability,) = told(calibration, logit)
    if 1e-4 < probability < 1 - 1e-4:
        assert calibration.least_logits(float(probability))[0] == pytest.approx(logit, abs=0.05)


def test_each_kind_has_its_own() -> None:
    parameters = {"a_below": 1.0, "a_above": 1.0, "a_shift": 0.0}
    parameters |= {"b_below": 1.0, "b_above": 1.0, "b_shift": 1.0}
    calibration = ScoreCalibration.from_parameters(parameters, ("a", "b"))
    assert calibration.least_logits(0.5) == pytest.approx([0.0, -1.0], abs=1e-3)
