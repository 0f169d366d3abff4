"""Temperature scaling, beta calibration, and the measure of calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_agent.perception.expression import softmax
from training.reliability import reliability_bins

Array = npt.NDArray[np.float32]
Array64 = npt.NDArray[np.float64]

LEAST_SLOPE = 0.3
"""Of a fitted calibration, in log-odds per logit."""
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
class BetaCalibration:
    """As `edge_agent.perception.confidence.ScoreCalibration` has it, and what each further term
    adds to the log-odds."""

    below: float
    above: float
    shift: float
    terms: tuple[float, ...]


def beta_calibration_for(
    logits: Array64, terms: Array64, right: Array64, weights: Array64
) -> BetaCalibration:
    """The likeliest for finds of these `logits` (n,), with further `terms` (n, m).

    A weighted logistic regression, by Newton's method, of what is right (n,) (1.0, else 0.0). No
    slope is less than LEAST_SLOPE: what scores least must stay less likely than what scores little,
    or all of it would be looked at. What a term adds has a normal prior of TERM_DEVIATION, so that
    one of which the finds say little stays small.
    """
    design = np.column_stack(
        [-np.logaddexp(0, -logits), np.logaddexp(0, logits), np.ones_like(logits), terms]
    )
    prior = np.r_[np.full(3, 1e-6), np.full(terms.shape[1], TERM_DEVIATION**-2)]
    answer, free = np.full(design.shape[1], LEAST_SLOPE), np.ones(design.shape[1], np.bool_)
    while True:
        given = design[:, ~free] @ answer[~free]
        answer[free] = _logistic_regression(design[:, free], given, right, weights, prior[free])
        flat = free & (answer < LEAST_SLOPE) & (np.arange(len(answer)) < 2)
        if not flat.any():
            below, above, shift, *added = answer.tolist()
            return BetaCalibration(below, above, shift, tuple(added))
        answer[flat], free = LEAST_SLOPE, free & ~flat


def _logistic_regression(
    design: Array64, offset: Array64, right: Array64, weights: Array64, prior: Array64
) -> Array64:
    answer = np.zeros(design.shape[1])
    for _ in range(60):
        given = 1 / (1 + np.exp(-np.clip(offset + design @ answer, -30, 30)))
        gradient = design.T @ (weights * (right - given)) - prior * answer
        curvature = (design * (weights * given * (1 - given))[:, None]).T @ design
        step = np.linalg.solve(curvature + np.diag(prior), gradient)
        answer = answer + step
        if np.abs(step).max() < 1e-6:
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
