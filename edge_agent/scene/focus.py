"""Rests of the gaze: the rule of focus_locked.

A rest is found as fixations are, by dispersion (I-DT; Salvucci and Goldberg, 2000): the gaze stays
within `radius_rad` of the rest's mean. Precondition: that for `least_duration_s`. Evidence: how
long it has rested, how tightly, and how surely the gaze was read. Hysteresis: the rest is over when
the gaze has been outside for `leaving_s` and in more than one look, or was not read for `resume_s`;
of shorter gaps those up to `longest_gap_s`, such as blinks, count as rest. One report per rest.
"""

from __future__ import annotations

import math

from edge_agent.domain.geometry import Gaze
from edge_agent.scene.calibration import FOCUS, FocusConstants
from edge_agent.scene.confidence import weigh
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
        self._next: Rest | None = None
        self._away_since_s = 0.0

    def advance(self, look: Look) -> tuple[Finding, ...]:
        """The rest that lasts at this look; nothing when the eyes were not read, or move."""
        read = _readable_gaze(look, self._constants)
        if read is None:
            return ()
        gaze, certainty = read
        step_s, self._time_s = look.time_s - self._time_s, look.time_s
        if step_s > self._constants.longest_gap_s:
            self._bridge(step_s)
            step_s = 0.0
        self._smoothed.add((gaze.yaw_rad, gaze.pitch_rad), look.time_s, certainty)
        smoothed = self._smoothed.value
        assert smoothed is not None
        return self._follow(Gaze(*smoothed), gaze, certainty, step_s)

    def _bridge(self, gap_s: float) -> None:
        """Takes up the rest after a gap, which does not count; drops one that was not yet long."""
        self._smoothed = Smoothed(self._constants.smoothing_s)
        self._next = None
        rest, constants = self._rest, self._constants
        if (
            rest is not None
            and gap_s <= constants.resume_s
            and rest.is_long(self._time_s - gap_s, constants)
        ):
            rest.pause(gap_s)
        else:
            self._rest = None

    def _follow(
        self, smoothed: Gaze, gaze: Gaze, certainty: float, step_s: float
    ) -> tuple[Finding, ...]:
        if self._rest is None:
            self._begin(Rest(gaze, self._time_s))
        rest = self._rest
        assert rest is not None
        if not self._is_near(smoothed, rest):
            self._wander_off(smoothed, gaze, certainty, step_s)
            return ()
        self._next = None
        rest.add(gaze, certainty, step_s, smoothed.distance_to(rest.mean))
        evidence = rest.evidence(self._time_s, self._constants)
        if evidence is None:
            return ()
        return (Finding(self._count, weigh(self._constants.weights, evidence), "gaze", evidence),)

    def _wander_off(self, smoothed: Gaze, gaze: Gaze, certainty: float, step_s: float) -> None:
        """Follows the gaze outside of the rest, to where it may come to rest next."""
        if self._next is None:
            self._away_since_s = self._time_s
        if self._next is None or not self._is_near(smoothed, self._next):
            self._next = Rest(gaze, self._time_s)
        else:
            self._next.add(gaze, certainty, step_s, smoothed.distance_to(self._next.mean))
        if self._time_s - self._away_since_s >= self._constants.leaving_s:
            self._begin(self._next)

    def _begin(self, rest: Rest) -> None:
        self._rest, self._next = rest, None
        self._count += 1

    def _is_near(self, gaze: Gaze, rest: Rest) -> bool:
        return gaze.distance_to(rest.mean) <= self._constants.radius_rad


class Rest:
    """The gaze since it came to rest, by its running moments."""

    def __init__(self, gaze: Gaze, started_s: float) -> None:
        self.mean = gaze
        self._started_s = started_s
        self._duration_s = 0.0
        self._squares = 0.0
        self._reach_rad = 0.0
        self._certainty = 0.0

    def is_long(self, time_s: float, constants: FocusConstants) -> bool:
        return time_s - self._started_s >= constants.least_duration_s

    def pause(self, gap_s: float) -> None:
        self._started_s += gap_s

    def add(self, gaze: Gaze, certainty: float, step_s: float, distance_rad: float) -> None:
        self._duration_s += step_s
        self._reach_rad = max(self._reach_rad, distance_rad)
        share = step_s / self._duration_s if self._duration_s > 0.0 else 1.0
        distance = gaze.distance_to(self.mean)
        self.mean = Gaze(
            self.mean.yaw_rad + share * (gaze.yaw_rad - self.mean.yaw_rad),
            self.mean.pitch_rad + share * (gaze.pitch_rad - self.mean.pitch_rad),
        )
        self._squares += share * (distance**2 - self._squares)
        self._certainty += share * (certainty - self._certainty)

    def evidence(self, time_s: float, constants: FocusConstants) -> tuple[float, ...] | None:
        """(1, time beyond the least, spread, reach, certainty); None before the least time."""
        beyond_s = time_s - self._started_s - constants.least_duration_s
        if beyond_s < 0.0:
            return None
        spread = math.sqrt(self._squares) / constants.radius_rad
        reach = self._reach_rad / constants.radius_rad
        return 1.0, min(beyond_s, constants.most_beyond_s), spread, reach, self._certainty


def _readable_gaze(look: Look, constants: FocusConstants) -> tuple[Gaze, float] | None:
    geometry = look.observation.geometry if look.observation is not None else None
    if geometry is None or geometry.gaze is None:
        return None
    if geometry.eyes_open is not None and geometry.eyes_open < constants.least_eyes_open:
        return None
    return geometry.gaze, geometry.gaze_confidence
