"""Age and gender of one visit: posteriors over its looks, and the rules of their two events.

A model errs in two ways: anew at each look (light, turn, blur), and the same way at every look of
one face. Only the first averages out. And looks of consecutive frames are hardly two looks. So the
posterior counts looks by the time between them, weighs them by quality, and keeps the error that
they share for good: an hour of looks makes it no surer than the model can be of that face. Ages
that differ more from look to look than the model states make it less sure.

Precondition: `least_looks` independent looks over `least_span_s`. Hysteresis: at most two reports,
the second only for an estimate that has moved and is more certain.
"""

from __future__ import annotations

import math

from edge_agent.domain.observation import Gender
from edge_agent.scene.calibration import (
    AGE,
    GENDER,
    AgeConstants,
    GenderConstants,
    LookConstants,
)
from edge_agent.scene.confidence import log_odds, logistic, normal_cdf, share_of_new_evidence
from edge_agent.scene.look import Look
from edge_agent.scene.reporting import Finding

AGE_TOLERANCE_YEARS = 5.0
"""An age within this of the true one is right."""


class Looks:
    """How many independent looks the correlated ones of a visit are worth, and since when."""

    def __init__(self, constants: LookConstants) -> None:
        self._constants = constants
        self._first_s: float | None = None
        self._last_s = -math.inf
        self.count = 0.0

    def add(self, time_s: float, quality: float) -> float:
        """Takes up a look of `quality` in [0, 1]; gives its worth in looks."""
        news = share_of_new_evidence(time_s - self._last_s, self._constants.correlation_s)
        self._first_s = time_s if self._first_s is None else self._first_s
        self._last_s = time_s
        worth = news * quality
        self.count += worth
        return worth

    @property
    def have_settled(self) -> bool:
        if self._first_s is None:
            return False
        long_enough = self._last_s - self._first_s >= self._constants.least_span_s
        return long_enough and self.count >= self._constants.least_looks

    def share_of_mean(self, own: float) -> float:
        """Of a variance that each look has of its `own`, what the mean over the looks keeps."""
        return own / max(self.count, self._constants.fewest_looks)


class AgePosterior:
    """The age of one person: a normal belief, from looks of stated deviation."""

    def __init__(self, constants: AgeConstants = AGE) -> None:
        self._constants = constants
        self._looks = Looks(constants.looks)
        self._precision = 0.0
        self._weighted_years = 0.0
        self._scatter = 0.0

    def advance(self, look: Look) -> tuple[Finding, ...]:
        """The settled age in years, if it has settled and the face was read in this look."""
        observation = look.observation
        if observation is None or observation.age is None:
            return ()
        worth = self._looks.add(look.time_s, observation.face_quality)
        deviation = math.hypot(
            observation.age.deviation_years, self._constants.least_deviation_years
        )
        self._take_up(observation.age.years, worth / deviation**2)
        if not self._looks.have_settled or self.years is None:
            return ()
        return (Finding("age", self.settledness, "age", amount=self.years),)

    @property
    def years(self) -> float | None:
        return self._weighted_years / self._precision if self._precision > 0.0 else None

    @property
    def confidence(self) -> float:
        """The probability that the true age lies within 5 years of `years`."""
        return self._within_tolerance(self._constants.shared_error + self._share_that_settles)

    @property
    def settledness(self) -> float:
        """The probability that the rest of the visit moves `years` by 5 at most: that of the event.

        The error that all looks share moves nothing; of the rest, what later looks average out.
        """
        return self._within_tolerance(self._constants.to_come * self._share_that_settles)

    def _take_up(self, years: float, precision: float) -> None:
        """The running mean and weighted squares about it (West, 1979)."""
        if precision <= 0.0:
            return
        off = years - (self.years if self.years is not None else years)
        self._scatter += off**2 * precision * self._precision / (self._precision + precision)
        self._precision += precision
        self._weighted_years += precision * years

    @property
    def _share_that_settles(self) -> float:
        """Of the variance of one look, what averages out and is still in the mean.

        A look's own part is as the constants say, or as the looks scatter where that is more; with
        few of them the constants weigh as `scatter_looks` looks.
        """
        stated, trusted = 1.0 - self._constants.shared_error, self._constants.scatter_looks
        further = max(self._looks.count - 1.0, 0.0)
        seen = (trusted * stated + self._scatter) / (trusted + further)
        return self._looks.share_of_mean(max(stated, seen))

    def _within_tolerance(self, share: float) -> float:
        """Of an error with that share of one look's variance, whether it is 5 years at most."""
        if self._precision <= 0.0:
            return 0.0
        one_look = self._looks.count / self._precision
        deviation = self._constants.scale * math.sqrt(one_look * share)
        return 2.0 * normal_cdf(AGE_TOLERANCE_YEARS / deviation) - 1.0


class GenderPosterior:
    """The gender of one person: log-odds, averaged over looks of stated probability."""

    def __init__(self, constants: GenderConstants = GENDER) -> None:
        self._constants = constants
        self._looks = Looks(constants.looks)
        self._sum = 0.0

    def advance(self, look: Look) -> tuple[Finding, ...]:
        """The settled gender (0 female, 1 male), if it has settled and was read in this look."""
        observation = look.observation
        if observation is None or observation.gender is None:
            return ()
        worth = self._looks.add(look.time_s, observation.face_quality)
        score = log_odds(observation.gender.female_probability, self._constants.score_limit)
        self._sum += worth * score
        if not self._looks.have_settled or self.gender is None:
            return ()
        is_male = float(self.gender is Gender.MALE)
        return (Finding("gender", self.confidence, "gender", amount=is_male),)

    @property
    def gender(self) -> Gender | None:
        if self._looks.count <= 0.0:
            return None
        return Gender.FEMALE if self._sum >= 0.0 else Gender.MALE

    @property
    def confidence(self) -> float:
        """The probability in [0.5, 1) that `gender` is right; 0 before the first look."""
        if self._looks.count <= 0.0:
            return 0.0
        mean = self._sum / self._looks.count
        shared = self._constants.shared_error
        certainty = self._constants.scale / (shared + self._looks.share_of_mean(1.0 - shared))
        return logistic(abs(mean) * certainty)
