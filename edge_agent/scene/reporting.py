"""From findings to events: where the sensitivities come in, and the only place where they do.

A rule's findings never depend on a sensitivity. Each reporter here keeps the promise of the
contract by its form: what is reported at one threshold is also reported at every lower one, and
no later. The docstrings say why.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol

from edge_agent.scene.look import Look


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule holds to be so at one instant, with the probability in [0, 1] that it is.

    All findings of one `episode` (one rest of the gaze, one peak of an emotion) are about the same
    thing; `key` names the field of the entity that shows it. `evidence` is what the confidence was
    weighed from, where it was; `amount` that field's value where it is a number that may move.
    """

    episode: Hashable
    confidence: float
    key: str
    evidence: tuple[float, ...] | None = None
    amount: float = 0.0


class Rule(Protocol):
    """Finds, look by look and from evidence alone, what an event may be reported of."""

    def advance(self, look: Look) -> tuple[Finding, ...]: ...


class Reporter(Protocol):
    """Decides which findings are reported."""

    def reports(self, finding: Finding) -> bool: ...


def threshold(sensitivity: float) -> float | None:
    """The least confidence that is reported, in [0.5, 1); None when the type is off."""
    return None if sensitivity <= 0.0 else 1.0 - sensitivity / 2.0


class OncePerEpisode:
    """Reports each episode at the first instant at which its confidence reaches the threshold.

    Of each key the episode reported last is remembered; the next one of that key must differ from
    it. Monotone: an instant that reaches one threshold reaches every lower one, which may only add
    episodes to the sequence or have them earlier; and adding to a sequence never lowers the number
    of its runs of equal episodes, up to any instant.
    """

    def __init__(self, sensitivity: float) -> None:
        self._threshold = threshold(sensitivity)
        self._reported: dict[str, Hashable] = {}

    def reports(self, finding: Finding) -> bool:
        if self._threshold is None or finding.confidence < self._threshold:
            return False
        if self._reported.get(finding.key) == finding.episode:
            return False
        self._reported[finding.key] = finding.episode
        return True


class AtMostTwice:
    """Reports an estimate once, and once more if it has moved and is more certain.

    "Moved" is by more than `least_move` from every value that was the most certain so far at some
    instant up to the first report. Those are all that a lower threshold could have reported first,
    so whatever has moved for one threshold has moved for every lower one: monotone. Measured from
    the reported value alone it would not be (30, then 26, then 32 years: two reports that start
    from 26, one that starts from 30).
    """

    def __init__(self, sensitivity: float, least_move: float) -> None:
        self._threshold = threshold(sensitivity)
        self._least_move = least_move
        self._lowest = math.inf
        self._highest = -math.inf
        self._best = 0.0
        self._count = 0

    def reports(self, finding: Finding) -> bool:
        if self._threshold is None or self._count >= 2 or finding.confidence <= self._best:
            return False
        if self._count == 0:
            return self._reports_first(finding, self._threshold)
        if not self._has_moved(finding.amount):
            return False
        self._count = 2
        return True

    def _reports_first(self, finding: Finding, least: float) -> bool:
        self._best = finding.confidence
        self._lowest = min(self._lowest, finding.amount)
        self._highest = max(self._highest, finding.amount)
        self._count = int(finding.confidence >= least)
        return self._count == 1

    def _has_moved(self, value: float) -> bool:
        return value > self._highest + self._least_move or value < self._lowest - self._least_move
