"""Temperature scaling and the measure of calibration."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_agent.perception.expression import softmax

Array = npt.NDArray[np.float32]


def temperature_for(logits: Array, targets: Array) -> float:
    """The temperature with the least cross entropy towards distributions of shape (n, classes)."""
    candidates = np.geomspace(0.3, 3.0, 231)
    losses = [
        -float((targets * np.log(softmax(logits / np.float32(t)) + 1e-9)).sum(1).mean())
        for t in candidates
    ]
    return float(candidates[int(np.argmin(losses))])


def expected_calibration_error(
    confidence: npt.NDArray[np.floating], correct: npt.NDArray[np.bool_], bins: int = 15
) -> float:
    """Mean gap between stated confidence and share of correct answers, over equal bins of [0, 1],
    weighted by how many answers fall into each (Guo et al., 2017)."""
    index = np.minimum((np.asarray(confidence) * bins).astype(int), bins - 1)
    error = 0.0
    for chosen in range(bins):
        inside = index == chosen
        if inside.any():
            gap = abs(float(confidence[inside].mean()) - float(correct[inside].mean()))
            error += gap * float(inside.mean())
    return error
