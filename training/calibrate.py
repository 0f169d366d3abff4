"""Temperature scaling, calibration by splines, and the measure of calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_agent.perception.expression import softmax
from training.reliability import reliability_bins

Array = npt.NDArray[np.float32]
Array64 = npt.NDArray[np.float64]

LEAST_SLOPE = 0.3
"""Of a fitted calibration, in log-odds per logit."""
MOST_STEPS = 200
"""Of Newton's method, at most."""
SLOPE_DEVIATION = 2.0
"""Of the difference between the slopes on both sides of a knot, before anything is seen."""
TERM_DEVIATION = 0.2
"""Of what a further term adds to the log-odds per unit of it, before anything is seen."""
NORMAL_80 = 1.2815516
"""Standard deviations about the mean between which 80 % of a normal distribution lie."""


def temperature_for(logits: Array, targets: Array) -> float:
    """The temperature with the least cross entropy towards distributions of shape (n, classes)."""
    candidates = np.geomspace(0.3, 3.0, 231)
    losses = [
        -float((targets * np.log(softmax(logits / np.float32(t)) + 1e-9)).sum(1).mean())
        for t in candidates
    ]
    return float(candidates[int(np.argmin(losses))])


@dataclass(frozen=True, slots=True)
class SplineCalibration:
    """The log-odds at the knots, and what each further term adds to them."""

    log_odds: tuple[float, ...]
    terms: tuple[float, ...]


def spline_calibration_for(
    logits: Array64, terms: Array64, right: Array64, weights: Array64, knots: Sequence[float]
) -> SplineCalibration:
    """The likeliest lines between knots for finds of these `logits` (n,), with further `terms`
    (n, m): linear splines of the log-odds (as Lucena, "Spline-based probability calibration", 2018,
    with cubic ones).

    A weighted logistic regression, by Newton's method, of what is right (n,) (1.0, else 0.0). No
    slope is less than LEAST_SLOPE: what scores least must stay less likely than what scores little,
    or all of it would be looked at. How much one slope differs from the next has a normal prior of
    SLOPE_DEVIATION, and what a term adds one of TERM_DEVIATION, so that one of which the finds say
    little stays small.
    """
    lines, given_terms = len(knots) - 1, terms.shape[1]
    bounds = np.r_[-np.inf, knots[1:-1], np.inf]
    run = np.clip(logits[:, None], bounds[:-1], bounds[1:]) - np.maximum(bounds[:-1], knots[0])
    design = np.column_stack([run, terms, np.ones_like(logits)])
    bend = np.diff(np.eye(lines), axis=0) / SLOPE_DEVIATION
    prior = np.diag(np.r_[np.full(lines, 1e-6), np.full(given_terms, TERM_DEVIATION**-2), 1e-6])
    prior[:lines, :lines] += bend.T @ bend
    least = np.r_[np.full(lines, LEAST_SLOPE), np.full(given_terms + 1, -np.inf)]
    answer = _logistic_regression(design, right, weights, prior, least)
    slopes, added, first = np.split(answer, [lines, lines + given_terms])
    log_odds = first + np.r_[0.0, np.cumsum(slopes * np.diff(knots))]
    return SplineCalibration(tuple(log_odds.tolist()), tuple(added.tolist()))


def _logistic_regression(
    design: Array64, right: Array64, weights: Array64, prior: Array64, least: Array64
) -> Array64:
    """The likeliest coefficients, none below its `least`; `prior` is the inverse of their
    covariance. Newton's method among those that are not held at their least."""

    def loss(answer: Array64) -> float:
        log_odds = design @ answer
        misses = np.logaddexp(0, log_odds) - right * log_odds
        return float(weights @ misses + answer @ prior @ answer / 2)

    answer = np.where(np.isfinite(least), least, 0.0)
    for _ in range(MOST_STEPS):
        given = 1 / (1 + np.exp(-np.clip(design @ answer, -30, 30)))
        downhill = design.T @ (weights * (right - given)) - prior @ answer
        curvature = (design * (weights * given * (1 - given))[:, None]).T @ design + prior
        free = (answer > least) | (downhill > 0)
        step = np.zeros(len(answer))
        step[free] = np.linalg.solve(curvature[np.ix_(free, free)], downhill[free])
        before, part = loss(answer), 1.0
        while loss(after := np.maximum(answer + part * step, least)) > before and part > 1e-6:
            part /= 2
        moved, answer = np.abs(after - answer).max(), after
        if moved < 1e-6:
            break
    return answer


def deviation_scale_for(
    errors: npt.NDArray[np.floating], deviations: npt.NDArray[np.floating]
) -> float:
    """The factor to stated standard deviations with which 80 % of the errors, both of shape (n,),
    lie in the 80 % interval: a conformal quantile (Papadopoulos et al., 2002) of the ratios."""
    return float(np.quantile(np.abs(errors) / deviations, 0.8)) / NORMAL_80


def expected_calibration_error(
    confidence: npt.NDArray[np.floating], correct: npt.NDArray[np.bool_], bins: int = 15
) -> float:
    """Mean gap between stated confidence and share of correct answers, over equal bins of [0, 1],
    weighted by how many answers fall into each (Guo et al., 2017)."""
    found = reliability_bins(confidence, correct, bins)
    return sum(abs(one.confidence - one.correct) * one.count for one in found) / max(
        len(confidence), 1
    )


def calibration_error_by_chance(
    confidence: npt.NDArray[np.floating], bins: int = 15, draws: int = 200
) -> float:
    """The mean calibration error of answers that are right with just the stated confidence (n,):
    what the bins' small numbers alone make."""
    random = np.random.default_rng(1)
    errors = [
        expected_calibration_error(confidence, random.random(len(confidence)) < confidence, bins)
        for _ in range(draws)
    ]
    return float(np.mean(errors))
