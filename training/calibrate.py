"""Temperature scaling and the measure of calibration."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_agent.perception.expression import softmax
from training.reliability import reliability_bins

Array = npt.NDArray[np.float32]

LEAST_SLOPE = 0.3
"""Of a fitted calibration, in log-odds per logit."""
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


def beta_calibration_for(
    scores: npt.NDArray[np.float64],
    right: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
) -> tuple[float, float, float]:
    """`below`, `above` and `shift` of `edge_agent.perception.confidence.ScoreCalibration`.

    A weighted logistic regression, by Newton's method, of what is right (1.0, else 0.0) on scores
    in (0, 1), all of shape (n,). No slope is less than LEAST_SLOPE: what scores least must stay
    less likely than what scores little, or all of it would be looked at.
    """
    logits = np.log(scores / (1 - scores))
    design = np.stack(
        [-np.logaddexp(0, -logits), np.logaddexp(0, logits), np.ones_like(logits)], axis=1
    )
    answer, free = np.full(3, LEAST_SLOPE), np.ones(3, np.bool_)
    while True:
        given = design[:, ~free] @ answer[~free]
        answer[free] = _logistic_regression(design[:, free], given, right, weights)
        flat = free & (answer < LEAST_SLOPE) & [True, True, False]
        if not flat.any():
            below, above, shift = answer.tolist()
            return below, above, shift
        answer[flat], free = LEAST_SLOPE, free & ~flat


def _logistic_regression(
    design: npt.NDArray[np.float64],
    offset: npt.NDArray[np.float64],
    right: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    answer = np.zeros(design.shape[1])
    ridge = 1e-6 * np.eye(design.shape[1])
    for _ in range(60):
        given = 1 / (1 + np.exp(-np.clip(offset + design @ answer, -30, 30)))
        gradient = design.T @ (weights * (right - given))
        curvature = (design * (weights * given * (1 - given))[:, None]).T @ design
        answer = answer + np.linalg.solve(curvature + ridge, gradient)
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
