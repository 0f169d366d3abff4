"""What a detector's scores are worth: the probability that a find is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from edge_agent.domain.errors import ModelError
from edge_agent.perception.tensors import Tensor

KNOTS = (-6.0, -3.0, -1.0, 0.5, 2.0)
"""Learned logits at which a calibration bends."""
FAR = np.array([-40.0, *KNOTS, 40.0])
"""The same with two that no score is beyond: the outermost lines go on to them."""
LEAST_SIDE, TYPICAL_SIDE, MOST_SIDE = 8.0, 32.0, 256.0
"""Sides in pixels of the input: smaller and larger ones count as the first and the last, and a
typical one says nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoreCalibration:
    """Learned logits to probabilities, for each of several kinds.

    The log-odds of being right are lines between those at KNOTS (a linear spline), which go on as
    straight beyond them; `log_odds` (kinds, knots + 2), ascending, are theirs at FAR. The side of a
    find moves them by `side` l + `side_squared` l^2, both (kinds,), where l is its logarithm over
    TYPICAL_SIDE.
    """

    log_odds: Tensor
    side: Tensor
    side_squared: Tensor

    @classmethod
    def from_parameters(
        cls, parameters: Mapping[str, float], kinds: Sequence[str]
    ) -> ScoreCalibration:
        """Those that a model's entry has for kinds of these names.

        Raises ModelError where a higher logit would not be more likely to be right.
        """

        def of(name: str) -> list[float]:
            return [parameters[f"{kind}_{name}"] for kind in kinds]

        known = np.array([of(knot_name(knot)) for knot in KNOTS]).T
        slopes = np.diff(known) / np.diff(KNOTS)
        if (slopes <= 0).any():
            raise ModelError(
                "the manifest's calibration of scores does not ascend with the score; take the "
                "entry that came with the model"
            )
        below = known[:, :1] + slopes[:, :1] * (FAR[0] - KNOTS[0])
        above = known[:, -1:] + slopes[:, -1:] * (FAR[-1] - KNOTS[-1])
        log_odds = np.concatenate([below, known, above], 1)
        return cls(*(np.asarray(a, np.float32) for a in (log_odds, of("side"), of("side_squared"))))

    @classmethod
    def as_learned(cls, kinds: Sequence[str]) -> dict[str, float]:
        """The parameters that leave every score as it is."""
        plain = {knot_name(knot): knot for knot in KNOTS} | {"side": 0.0, "side_squared": 0.0}
        return {f"{kind}_{name}": value for kind in kinds for name, value in plain.items()}

    def probability(
        self, logits: Tensor, kind: npt.NDArray[np.intp], sides: npt.NDArray[np.floating]
    ) -> Tensor:
        """Of finds of these kinds, of which each is an index, with these logits and sides in pixels
        of the input, all (n,)."""
        log_odds = self._by_side(relative_side(sides), kind)
        for one in range(len(self.side)):
            these = kind == one
            log_odds[these] += np.interp(logits[these], FAR, self.log_odds[one])
        return np.asarray(1 / (1 + np.exp(-log_odds)), np.float32)

    @lru_cache(maxsize=16)  # noqa: B019 - of every frame, by a calibration that lives as long
    def least_logits(self, probability: float) -> Tensor:
        """The logits below which a find of each kind has less than `probability`, whatever its
        side, of shape (kinds,)."""
        wanted = np.clip(probability, 1e-9, 1 - 1e-9)
        log_odds = np.log(wanted / (1 - wanted)) - self._most_by_side()
        least = [np.interp(log_odds[one], self.log_odds[one], FAR) for one in range(len(self.side))]
        return np.array(least, np.float32)

    def _most_by_side(self) -> Tensor:
        """What the likeliest side adds for each kind: one of the ends, or the parabola's peak."""
        ends = relative_side(np.array([LEAST_SIDE, MOST_SIDE]))
        peak = np.clip(self.side / np.maximum(-2 * self.side_squared, 1e-9), *ends)
        kinds = np.arange(len(self.side))
        return np.asarray(np.max([self._by_side(at, kinds) for at in (*ends, peak)], axis=0))

    def _by_side(self, relative: Tensor, kind: npt.NDArray[np.intp]) -> Tensor:
        return np.asarray((self.side_squared[kind] * relative + self.side[kind]) * relative)


def knot_name(knot: float) -> str:
    """The name of the log-odds at a knot among a kind's parameters."""
    return f"at_{knot:g}"


def relative_side(sides: npt.NDArray[np.floating]) -> Tensor:
    """The logarithm of sides in pixels of the input over the typical one."""
    return np.asarray(np.log(np.clip(sides, LEAST_SIDE, MOST_SIDE) / TYPICAL_SIDE), np.float32)
