"""How well confidences are probabilities."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bin:
    """Reports of like confidence: how many, what they claimed and how many were true, as shares."""

    count: int
    claimed: float
    true: float

    @property
    def gap(self) -> float:
        return abs(self.claimed - self.true)


def reliability(claims: Iterable[tuple[float, bool]], bins: int = 10) -> tuple[Bin, ...]:
    """The claims (confidence, whether true) in equal bins of [0, 1]; empty ones are left out."""
    filled: dict[int, list[tuple[float, bool]]] = {}
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


def largest_gap(bins: Iterable[Bin], least_count: int) -> float:
    """The largest gap of the bins with at least so many reports."""
    return max((one.gap for one in bins if one.count >= least_count), default=math.nan)
