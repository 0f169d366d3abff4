"""Weighted exponential smoothing in seconds."""

from __future__ import annotations

import math

FIRST_STEP_S = 0.1
"""The step that a first sample counts for; every weight is relative to it."""

LEAST_WEIGHT = 1e-3
"""What a sample of no quality weighs: it counts only where there is nothing better."""


class Smoothed:
    """A running mean of vectors that forgets with a time constant, whatever the frame rate.

    A sample `step` seconds after the last one enters with the share 1 - exp(-step / tau) times
    its weight. The mean is normalised by the weights so far, so it starts at the first sample
    rather than at zero. A time constant of 0 keeps the latest sample.
    """

    __slots__ = ("_sums", "_time_s", "_total", "time_constant_s")

    def __init__(self, time_constant_s: float) -> None:
        self.time_constant_s = time_constant_s
        self._sums: tuple[float, ...] = ()
        self._total = 0.0
        self._time_s = -math.inf

    def add(self, sample: tuple[float, ...], time_s: float, weight: float = 1.0) -> None:
        """Takes up a sample of `weight` in [0, 1] at `time_s`."""
        step_s = time_s - self._time_s if self._sums else FIRST_STEP_S
        kept = self._kept(step_s)
        entering = (1.0 - kept) * max(weight, LEAST_WEIGHT)
        before = self._sums or (0.0,) * len(sample)
        self._sums = tuple(
            kept * total + entering * value for total, value in zip(before, sample, strict=True)
        )
        self._total = kept * self._total + entering
        self._time_s = time_s

    @property
    def value(self) -> tuple[float, ...] | None:
        """The mean; None before the first sample."""
        return tuple(total / self._total for total in self._sums) if self._total > 0.0 else None

    def recent(self, time_s: float, within_s: float) -> tuple[float, ...] | None:
        """The mean, unless the last sample is older than `within_s` at `time_s`."""
        return self.value if time_s - self._time_s <= within_s else None

    def _kept(self, step_s: float) -> float:
        return math.exp(-max(step_s, 0.0) / self.time_constant_s) if self.time_constant_s else 0.0
