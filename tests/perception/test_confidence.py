"""A calibration keeps the order of scores of one side, and loses nothing that it calls likely."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.domain.errors import ModelError
from edge_agent.perception.confidence import (
    FAR,
    KNOTS,
    LEAST_SIDE,
    MOST_SIDE,
    TYPICAL_SIDE,
    ScoreCalibration,
    knot_name,
)

PLAIN = ScoreCalibration.as_learned(["a"])
STEPS = st.lists(st.floats(0.3, 9.0), min_size=len(KNOTS) - 1, max_size=len(KNOTS) - 1)
LOGITS = st.floats(-12.0, 6.0)
SIDES = st.floats(0.5, 2000.0)


def one(*log_odds: float, side: float = 0.0, side_squared: float = 0.0) -> ScoreCalibration:
    """Of one kind, with these log-odds at the knots, else as learned."""
    at_knots = {f"a_{knot_name(knot)}": value for knot, value in zip(KNOTS, log_odds, strict=False)}
    sides = {"a_side": side, "a_side_squared": side_squared}
    return ScoreCalibration.from_parameters({**PLAIN, **at_knots, **sides}, ["a"])


@st.composite
def any_calibration(draw: st.DrawFn) -> ScoreCalibration:
    first = draw(st.floats(-9.0, 0.0))
    return one(
        *(first + np.cumsum([0.0, *draw(STEPS)])),
        side=draw(st.floats(-1.5, 1.5)),
        side_squared=draw(st.floats(-1.0, 1.0)),
    )


def told(calibration: ScoreCalibration, *logits: float, side: float = TYPICAL_SIDE) -> np.ndarray:
    kinds, sides = np.zeros(len(logits), np.intp), np.full(len(logits), side)
    return calibration.probability(np.array(logits, np.float32), kinds, sides)


def logistic(*log_odds: float) -> list[float]:
    return [1 / (1 + np.exp(-z)) for z in log_odds]


@given(SIDES)
def test_as_learned_is_the_logistic(side: float) -> None:
    assert told(one(), -3.0, 0.0, 1.5, side=side) == pytest.approx(
        logistic(-3.0, 0.0, 1.5), abs=1e-6
    )


def test_log_odds_are_those_at_the_knots_and_lines_between_and_beyond_them() -> None:
    log_odds = [-9.0, -4.0, -2.0, 1.0, 4.0]
    calibration = one(*log_odds)
    assert told(calibration, *KNOTS) == pytest.approx(logistic(*log_odds), abs=1e-6)
    half_way, below, above = (KNOTS[1] + KNOTS[2]) / 2, KNOTS[0] - 1.5, KNOTS[-1] + 1.0
    assert told(calibration, half_way, below, above) == pytest.approx(
        logistic(-3.0, -9.0 - 1.5 * 5 / 3, 6.0), abs=1e-6
    )


def test_log_odds_that_do_not_ascend_are_refused() -> None:
    with pytest.raises(ModelError, match="ascend"):
        one(-6.0, -2.0, -2.5, 1.0, 2.0)


def test_the_side_moves_the_log_odds_by_its_logarithm_and_the_square_of_it() -> None:
    calibration = one(side=0.5, side_squared=-0.25)
    for side, moved in (
        (TYPICAL_SIDE, 0.0),
        (TYPICAL_SIDE * np.e, 0.25),
        (TYPICAL_SIDE / np.e, -0.75),
    ):
        assert told(calibration, 1.0, side=side) == pytest.approx(logistic(1 + moved), abs=1e-6)


def test_sides_that_nobody_measured_count_as_the_last_that_were() -> None:
    calibration = one(side=0.5, side_squared=-0.25)
    for beyond, last in ((0.1, LEAST_SIDE), (5000.0, MOST_SIDE)):
        assert told(calibration, 1.0, side=beyond) == told(calibration, 1.0, side=last)


@given(any_calibration(), LOGITS, LOGITS, SIDES)
def test_of_one_side_a_higher_logit_is_never_less_probable(
    calibration: ScoreCalibration, first: float, second: float, side: float
) -> None:
    lower, higher = told(calibration, *sorted((first, second)), side=side)
    assert lower <= higher


@given(any_calibration(), LOGITS, SIDES)
def test_a_find_is_no_likelier_than_its_least_logit_allows(
    calibration: ScoreCalibration, logit: float, side: float
) -> None:
    (probability,) = told(calibration, logit, side=side)
    if 1e-4 < probability < 1 - 1e-4:
        (least,) = calibration.least_logits(float(probability))
        assert least <= logit + 0.02  # near 1 float32 has few steps


@given(any_calibration(), st.floats(0.01, 0.99))
def test_the_least_logit_is_that_of_the_likeliest_side(
    calibration: ScoreCalibration, probability: float
) -> None:
    (least,) = calibration.least_logits(probability)
    sides = np.geomspace(LEAST_SIDE, MOST_SIDE, 400)
    logits, kinds = np.full(400, least, np.float32), np.zeros(400, np.intp)
    best = calibration.probability(logits, kinds, sides).max()
    if FAR[0] < least < FAR[-1]:
        assert best == pytest.approx(probability, abs=2e-3)


def test_each_kind_has_its_own() -> None:
    parameters = ScoreCalibration.as_learned(("a", "b")) | {
        f"b_{knot_name(knot)}": knot + 1 for knot in KNOTS
    }
    calibration = ScoreCalibration.from_parameters(parameters, ("a", "b"))
    assert calibration.least_logits(0.5) == pytest.approx([0.0, -1.0], abs=1e-3)


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_every_parameter_is_needed(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        ScoreCalibration.from_parameters({k: v for k, v in PLAIN.items() if k != name}, ["a"])
