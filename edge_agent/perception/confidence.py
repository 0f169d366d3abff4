"""What a detector's scores are worth: the probability that a find is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from edge_agent.perception.tensors import Tensor

LOGITS = np.linspace(-12.0, 6.0, 361, dtype=np.float32)
"""Over which a calibration is inverted; between them it is as good as straight."""
OVER, UNDER = np.logaddexp(0, LOGITS), np.logaddexp(0, -LOGITS)
"""The softplus of each and of its opposite: every frame asks."""
LEAST_SIDE, TYPICAL_SIDE, MOST_SIDE = 8.0, 32.0, 256.0
"""Sides in pixels of the input: smaller and larger ones count as the first and the last, and a
typical one says nothing."""
AS_LEARNED = {"below": 1.0, "above": 1.0}
"""What leaves every score as it is; the rest is zero."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoreCalibration:
    """Learned logits to probabilities, for each of several kinds (Kull, Silva Filho, Flach, "Beta
    calibration", 2017).

    The log-odds of being right are `above` softplus(z) - `below` softplus(-z) + `shift`, with the
    logit z: lines of slope `below` far below zero and `above` far over it. The side of a find moves
    them by `side` l + `side_squared` l^2, where l is its logarithm over TYPICAL_SIDE. Each is of
    shape (kinds,), the slopes not negative.
    """

    below: Tensor
    above: Tensor
    shift: Tensor
    side: Tensor
    side_squared: Tensor

    @classmethod
    def from_parameters(
        cls, parameters: Mapping[str, float], kinds: Sequence[str]
    ) -> ScoreCalibration:
        """Those that a model's entry has, each as KIND_NAME with the name that it has here."""
        return cls(
            *(
                np.array([parameters[f"{kind}_{field.name}"] for kind in kinds], np.float32)
                for field in fields(cls)
            )
        )

    @classmethod
    def as_learned(cls, kinds: Sequence[str]) -> dict[str, float]:
        """The parameters that leave every score as it is."""
        return {
            f"{kind}_{field.name}": AS_LEARNED.get(field.name, 0.0)
            for kind in kinds
            for field in fields(cls)
        }

    def probability(
        self, logits: Tensor, kind: npt.NDArray[np.intp], sides: npt.NDArray[np.floating]
    ) -> Tensor:
        """Of finds of these kinds, of which each is an index, with these logits and sides in pixels
        of the input, all (n,)."""
        over, under = np.logaddexp(0, logits), np.logaddexp(0, -logits)
        log_odds = self._by_logit(over, under, kind) + self._by_side(relative_side(sides), kind)
        return np.asarray(1 / (1 + np.exp(-log_odds)), np.float32)

    @lru_cache(maxsize=16)  # noqa: B019 - of every frame, by a calibration that lives as long
    def least_logits(self, probability: float) -> Tensor:
        """The logits below which a find of each kind has less than `probability`, whatever its
        side, of shape (kinds,)."""
        wanted = np.clip(probability, 1e-9, 1 - 1e-9)
        log_odds = np.log(wanted / (1 - wanted)) - self._most_by_side()
        least = [
            np.interp(log_odds[kind], self._by_logit(OVER, UNDER, np.intp(kind)), LOGITS)
            for kind in range(len(self.shift))
        ]
        return np.array(least, np.float32)

    def _most_by_side(self) -> Tensor:
        """What the likeliest side adds for each kind: one of the ends, or the parabola's peak."""
        ends = relative_side(np.array([LEAST_SIDE, MOST_SIDE]))
        peak = np.clip(self.side / np.maximum(-2 * self.side_squared, 1e-9), *ends)
        kinds = np.arange(len(self.shift))
        return np.asarray(np.max([self._by_side(at, kinds) for at in (*ends, peak)], axis=0))

    def _by_logit(
        self, over: Tensor, under: Tensor, kind: npt.NDArray[np.intp] | np.intp
    ) -> Tensor:
        return np.asarray(self.above[kind] * over - self.below[kind] * under + self.shift[kind])

    def _by_side(self, relative: Tensor, kind: npt.NDArray[np.intp]) -> Tensor:
        return np.asarray((self.side_squared[kind] * relative + self.side[kind]) * relative)


def relative_side(sides: npt.NDArray[np.floating]) -> Tensor:
    """The logarithm of sides in pixels of the input over the typical one."""
    return np.asarray(np.log(np.clip(sides, LEAST_SIDE, MOST_SIDE) / TYPICAL_SIDE), np.float32)
