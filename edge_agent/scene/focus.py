"""Rests of the gaze: the rule of focus_locked.

A rest is found as fixations are, by dispersion (I-DT; Salvucci and Goldberg, 2000): the gaze stays
within `radius_rad` of the rest's mean. Precondition: that for `least_duration_s`. Evidence: how
long it has rested, how tightly, and how surely the gaze was read. Hysteresis: the rest is over when
the gaze has been outside for `leaving_s` and in more than one look, or was not read for
`longest_gap_s`; a blink ends nothing. One report per rest.
"""

from __future__ import annotations

import math

from edge_agent.domain.geometry import Gaze
from edge_agent.scene.calibration import FOCUS, FocusConstants
from edge_agent.scene.confidence import logistic
from edge_agent.scene.look import Look
from edge_agent.scene.reporting import Finding
from edge_agent.scene.smoothing import Smoothed


class FocusRule:
    """Finds the rests of one person's gaze."""

    def __init__(self, constants: FocusConstants = FOCUS) -> None:
        self._constants = constants
        self._smoothed = Smoothed(constants.smoothing_s)
        self._rest: Rest | None = None
        self._count = 0
        self._time_s = -math.inf
        self._outside_since_s: float | None = None

    def advance(self, look: Look) -> tuple[Finding, ...]:
        """The rest that lasts at this look; nothing when the eyes were not read, or move."""
        read = _readable_gaze(look, self._constants)
        if read is None:
            return ()
        gaze, certainty = read
        step_s, self._time_s = look.time_s - self._time_s, look.time_s
        if step_s > self._constants.longest_gap_s:
            self._smoothed = Smoothed(self._constants.smoothing_s)
            self._rest = None
        self._smoothed.add((gaze.yaw_rad, gaze.pitch_rad), look.time_s, certainty)
        smoothed = self._smoothed.value
        assert smoothed is not None
        return self._follow(Gaze(*smoothed), gaze, certainty, step_s)

    def _follow(
        self, smoothed: Gaze, gaze: Gaze, certainty: float, step_s: float
    ) -> tuple[Finding, ...]:
        if self._rest is None or self._has_left(self._rest, smoothed):
            self._count += 1
            self._rest = Rest(gaze, self._outside_since_s or self._time_s)
            self._outside_since_s = None
            return ()
        if self._outside_since_s is not None:
            return ()
        self._rest.add(gaze, certainty, step_s)
        confidence = self._rest.confidence(self._time_s, self._constants)
        return (Finding(self._count, confidence, "gaze"),)

    def _has_left(self, rest: Rest, smoothed: Gaze) -> bool:
        if smoothed.distance_to(rest.mean) <= self._constants.radius_rad:
            self._outside_since_s = None
            return False
        if self._outside_since_s is None:
            self._outside_since_s = self._time_s
            return False
        return self._time_s - self._outside_since_s >= self._constants.leaving_s


class Rest:
    """The gaze since it came to rest, by its running moments."""

    def __init__(self, gaze: Gaze, started_s: float) -> None:
        self.mean = gaze
        self._started_s = started_s
        self._duration_s = 0.0
        self._squares = 0.0
        self._certainty = 0.0

    def add(self, gaze: Gaze, certainty: float, step_s: float) -> None:
        self._duration_s += step_s
        share = step_s / self._duration_s if self._duration_s > 0.0 else 1.0
        distance = gaze.distance_to(self.mean)
        self.mean = Gaze(
            self.mean.yaw_rad + share * (gaze.yaw_rad - self.mean.yaw_rad),
            self.mean.pitch_rad + share * (gaze.pitch_rad - self.mean.pitch_rad),
        )
        self._squares += share * (distance**2 - self._squares)
        self._certainty += share * (certainty - self._certainty)

    def confidence(self, time_s: float, constants: FocusConstants) -> float:
        beyond_s = time_s - self._started_s - constants.least_duration_s
        if beyond_s < 0.0:
            return 0.0
        return logistic(
            constants.start
            + constants.per_second * min(beyond_s, constants.most_beyond_s)
            + constants.per_spread * math.sqrt(self._squares) / constants.radius_rad
            + constants.per_certainty * self._certainty
        )


def _readable_gaze(look: Look, constants: FocusConstants) -> tuple[Gaze, float] | None:
    geometry = look.observation.geometry if look.observation is not None else None
    if geometry is None or geometry.gaze is None:
        return None
    if geometry.eyes_open is not None and geometry.eyes_open < constants.least_eyes_open:
        return None
    return geometry.gaze, geometry.gaze_confidence
