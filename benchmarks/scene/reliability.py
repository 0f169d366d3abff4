"""How well confidences are probabilities."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

Claim = tuple[float, bool]
"""The confidence of one report, and whether it was true."""
BOOTSTRAP_RUNS, BOOTSTRAP_SEED = 200, 7


@dataclass(frozen=True, slots=True)
class Bin:
    """Reports of like confidence: how many, what they claimed and how many were true, as shares."""

    count: int
    claimed: float
    true: float

    @property
    def gap(self) -> float:
        return abs(self.claimed - self.true)

    @property
    def standard_error(self) -> float:
        """Of `true`, as so many reports scatter if they are as true as they claim."""
        return math.sqrt(self.claimed * (1.0 - self.claimed) / self.count)


def reliability(claims: Iterable[Claim], bins: int = 10) -> tuple[Bin, ...]:
    """The claims (confidence, whether true) in equal bins of [0, 1]; empty ones are left out."""
    filled: dict[int, list[Claim]] = {}
    for confidence, is_true in claims:
        filled.setdefault(min(int(confidence * bins), bins - 1), []).append((confidence, is_true))
    return tuple(
        Bin(
            len(members),
            sum(confidence for confidence, _ in members) / len(members),
            sum(is_true for _, is_true in members) / len(members),
        )
        for _, members in sorted(filled.items())
    )


def expected_calibration_error(bins: Iterable[Bin]) -> float:
    """The gap between claimed and true, averaged over reports (Naeini et al., 2015)."""
    bins = tuple(bins)
    total = sum(one.count for one in bins)
    return sum(one.count * one.gap for one in bins) / total if total else math.nan


def confidence_interval(
    groups: Sequence[Sequence[Claim]], share: float = 0.95
) -> tuple[float, float]:
    """Of the calibration error: the bootstrap's over whole recordings (Efron, 1979).

    Reports of one recording depend on one another; so recordings are drawn, not reports.
    """
    chance = random.Random(BOOTSTRAP_SEED)
    errors = sorted(
        expected_calibration_error(reliability(chain(*chance.choices(groups, k=len(groups)))))
        for _ in range(BOOTSTRAP_RUNS)
        if groups
    )
    kept = [error for error in errors if not math.isnan(error)]
    if not kept:
        return math.nan, math.nan
    outside = round(len(kept) * (1.0 - share) / 2.0)
    return kept[outside], kept[-1 - outside]


def error_by_chance(claims: Sequence[Claim]) -> float:
    """The calibration error that claims of these confidences show if they are perfect.

    So few of them scatter about the truth: a measured error of this size is no fault.
    """
    chance = random.Random(BOOTSTRAP_SEED)
    errors = [
        expected_calibration_error(reliability((c, chance.random() < c) for c, _ in claims))
        for _ in range(BOOTSTRAP_RUNS)
    ]
    return sum(errors) / len(errors)


def largest_gap(bins: Iterable[Bin], least_count: int) -> float:
    """The largest gap of the bins with at least so many reports."""
    return max((one.gap for one in bins if one.count >= least_count), default=math.nan)
