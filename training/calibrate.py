"""Temperature scaling and the measure of calibration."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_agent.perception.expression import softmax
from training.reliability import reliability_bins

Array = npt.NDArray[np.float32]

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
