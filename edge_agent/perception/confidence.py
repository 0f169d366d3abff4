"""What a detector's scores are worth: the probability that a find is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_agent.perception.tensors import Tensor

LOGITS = np.linspace(-12.0, 6.0, 361, dtype=np.float32)
"""Over which a calibration is inverted; between them it is as good as straight."""
OVER, UNDER = np.logaddexp(0, LOGITS), np.logaddexp(0, -LOGITS)
"""The softplus of each and of its opposite: every frame asks."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoreCalibration:
    """Learned logits to probabilities, for each of several kinds (Kull, Silva Filho, Flach, "Beta
    calibration", 2017).

    The log-odds of being right are `above` softplus(z) - `below` softplus(-z) + `shift`, with the
    logit z: lines of slope `below` far below zero and `above` far over it. Each is of shape
    (kinds,), the slopes not negative.
    """

    below: Tensor
    above: Tensor
    shift: Tensor

    @classmethod
    def from_parameters(
        cls, parameters: Mapping[str, float], kinds: Sequence[str]
    ) -> ScoreCalibration:
        """Those that a model's entry has as KIND_below, KIND_above and KIND_shift."""
        return cls(
            *(
                np.array([parameters[f"{kind}_{name}"] for kind in kinds], np.float32)
                for name in ("below", "above", "shift")
            )
        )

    @staticmethod
    def as_learned(kinds: Sequence[str]) -> dict[str, float]:
        """The parameters that leave every score as it is."""
        plain = (("below", 1.0), ("above", 1.0), ("shift", 0.0))
        return {f"{kind}_{name}": value for kind in kinds for name, value in plain}

    def probability(self, logits: Tensor, kind: npt.NDArray[np.intp]) -> Tensor:
        """Of finds of these kinds, of which each is an index, with these logits, all (n,)."""
        over, under = np.logaddexp(0, logits), np.logaddexp(0, -logits)
        return np.asarray(1 / (1 + np.exp(-self._log_odds(over, under, kind))), np.float32)

    def least_logits(self, probability: float) -> Tensor:
        """The logits from which each kind has at least `probability`, of shape (kinds,)."""
        wanted = np.clip(probability, 1e-9, 1 - 1e-9)
        log_odds = np.log(wanted / (1 - wanted))
        least = [
            np.interp(log_odds, self._log_odds(OVER, UNDER, np.intp(kind)), LOGITS)
            for kind in range(len(self.shift))
        ]
        return np.array(least, np.float32)

    def _log_odds(
        self, over: Tensor, under: Tensor, kind: npt.NDArray[np.intp] | np.intp
    ) -> Tensor:
        return np.asarray(self.above[kind] * over - self.below[kind] * under + self.shift[kind])
