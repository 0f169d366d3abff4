"""The arithmetic of probabilities."""

from __future__ import annotations

import math

LOG_ODDS_LIMIT = 30.0
"""Beyond it a probability is 0 or 1 for all purposes."""

MOST_SURE = 0.99
"""The most that weighed evidence can tell: the world has errors that no simulation shows."""


def logistic(log_odds: float) -> float:
    """The probability in (0, 1) of these log-odds."""
    return 1.0 / (1.0 + math.exp(-min(max(log_odds, -LOG_ODDS_LIMIT), LOG_ODDS_LIMIT)))


def log_odds(probability: float, limit: float = LOG_ODDS_LIMIT) -> float:
    """The natural logarithm of p / (1 - p), held within `limit` of 0."""
    floor = 1.0 / (1.0 + math.exp(limit))
    bounded = min(max(probability, floor), 1.0 - floor)
    return math.log(bounded / (1.0 - bounded))


def weigh(weights: tuple[float, ...], evidence: tuple[float, ...]) -> float:
    """The probability by logistic regression, a weight for each piece of evidence, up to 0.99."""
    return min(logistic(sum(w * e for w, e in zip(weights, evidence, strict=True))), MOST_SURE)


def normal_cdf(deviations: float) -> float:
    """The probability that a standard normal variable is below `deviations`."""
    return 0.5 * (1.0 + math.erf(deviations / math.sqrt(2.0)))


def share_of_new_evidence(step_s: float, correlation_s: float) -> float:
    """How much of a look `step_s` after the last one is news, in [0, 1].

    Looks whose errors are correlated as exp(-step / correlation_s) repeat one another: thirty of
    them in a second must not weigh thirty times one.
    """
    return 1.0 if correlation_s <= 0.0 else -math.expm1(-max(step_s, 0.0) / correlation_s)
