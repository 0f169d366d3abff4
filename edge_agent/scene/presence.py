"""Whether somebody is there: the rules of appearance and disappearance.

Appearance. Precondition: seen for `probation_s`, at least twice, and in this frame; and a balance
of `least_balance`, to which each score adds (its log-odds, counted by the time since the frame
before) and from which each miss takes away (a cumulative sum; Page, 1954). Evidence: the mean
score, in how much of the time the person was found, and how long that has been so. Frames that
follow closely repeat each other and count by the time between them.

Disappearance. Precondition: unseen for longer than `occlusion_s`. Evidence: the watched time out of
sight beyond it in which nobody stood where the person was seen last; whether somebody does, or did
a moment ago; and how the person was seen last: at the image's border, on a straight way to it, or
staying inside. Who was about to leave has left; who stood there may be hidden, and of who is
covered no time tells, be it in full or in part.
Whoever has not been seen for `forgotten_s` has gone by definition: whoever comes then starts a new
visit. None of this depends on what was reported, nor on the visit before the last sighting.
"""

from __future__ import annotations

import math

from edge_agent.domain.geometry import Box, Point, Size
from edge_agent.scene.calibration import (
    ABSENCE,
    PRESENCE,
    AbsenceConstants,
    PresenceConstants,
    Whereabouts,
)
from edge_agent.scene.confidence import log_odds, share_of_new_evidence, weigh
from edge_agent.scene.look import Look


class Presence:
    """The probability that a track is a person in view."""

    def __init__(self, constants: PresenceConstants = PRESENCE) -> None:
        self._constants = constants
        self._watched_s = 0.0
        self._looks = 0.0
        self._found = 0.0
        self._scores = 0.0
        self._balance = 0.0
        self._hits = 0

    def advance(self, look: Look) -> None:
        constants = self._constants
        news = share_of_new_evidence(look.step_s, constants.correlation_s) if self._hits else 1.0
        self._watched_s += look.step_s if self._hits else 0.0
        self._looks += news
        if look.sighting is not None and look.sighting.detection is not None:
            self._hits += 1
            self._found += news
            score = log_odds(look.sighting.detection.confidence, constants.score_limit)
            self._scores += news * score
            self._balance += news * score
        else:
            self._balance = max(self._balance - news * constants.miss_score, 0.0)

    @property
    def evidence(self) -> tuple[float, ...] | None:
        """(1, mean score, share of time found, logarithm of time); None in the probation."""
        constants = self._constants
        is_new = self._hits < constants.least_hits or self._watched_s < constants.probation_s
        if is_new or self._balance < constants.least_balance:
            return None
        mean_score, found_share = self._scores / self._found, self._found / self._looks
        return 1.0, mean_score, found_share, math.log(self._watched_s / constants.probation_s)

    @property
    def confidence(self) -> float:
        """0 until the probation is over."""
        evidence = self.evidence
        return 0.0 if evidence is None else weigh(self._constants.weights, evidence)


class Absence:
    """The probability that somebody who is out of sight has gone."""

    def __init__(self, occlusion_s: float, constants: AbsenceConstants = ABSENCE) -> None:
        self._constants = constants
        self._occlusion_s = occlusion_s
        self._unseen_s = 0.0
        self._last_box = Box(0.0, 0.0, 0.0, 0.0)
        self._ahead = self._last_box
        self._covered_s = 0.0
        self._bare_s = math.inf
        self.whereabouts = Whereabouts.STAYING

    def advance(self, look: Look) -> None:
        track = look.sighting
        if track is None:
            self._unseen_s += look.step_s
            self._bare_s = 0.0 if self._may_be_hidden(look) else self._bare_s + look.step_s
            self._covered_s += look.step_s * self._is_covered
            return
        self._unseen_s = self._covered_s = 0.0
        self._bare_s = math.inf
        self._last_box = track.leading_box
        lookahead_s = self._constants.lookahead_s
        self._ahead = track.leading_box.moved(
            track.velocity.x * lookahead_s, track.velocity.y * lookahead_s
        )
        self.whereabouts = self._seen_at(track.velocity, look.moment.frame_size)

    def _seen_at(self, velocity: Point, size: Size) -> Whereabouts:
        constants = self._constants
        if is_leaving(self._last_box, self._ahead, size, constants.border_share):
            return Whereabouts.BORDER
        if time_to_border_s(self._last_box.center, velocity, size) < constants.way_out_s:
            return Whereabouts.WALKING_OUT
        return Whereabouts.STAYING

    def _may_be_hidden(self, look: Look) -> bool:
        """Whether somebody else is at the person's place, as last seen or as foreseen."""
        places = [self._last_box, self._ahead]
        if look.track is not None:
            places.append(look.track.leading_box)
        size, constants = look.moment.frame_size, self._constants
        shown = [place.clipped(size) for place in places]
        others = [box.grown(constants.cover_growth) for box in look.moment.seen_boxes]
        return any(
            place.coverage_by(other) >= constants.least_cover for place in shown for other in others
        )

    @property
    def beyond_s(self) -> float:
        """How long the person has been unseen beyond a short occlusion."""
        return self._unseen_s - self._occlusion_s - self._constants.grace_s[self.whereabouts]

    @property
    def evidence(self) -> tuple[float, ...] | None:
        """(1, ln(1 + uncovered seconds beyond an occlusion), whether covered now); None before."""
        if self.beyond_s < 0.0:
            return None
        uncovered_s = max(self.beyond_s - self._covered_s, 0.0)
        return 1.0, math.log1p(uncovered_s), float(self._is_covered)

    @property
    def _is_covered(self) -> bool:
        """Whether somebody stands in the way, or did until a moment ago."""
        return self._bare_s < self._constants.cover_lasts_s

    @property
    def confidence(self) -> float:
        """0 while it may be a short occlusion."""
        evidence, constants = self.evidence, self._constants
        if evidence is None:
            return 0.0
        if self.beyond_s >= constants.forgotten_s:
            return 1.0
        return weigh(constants.weights[self.whereabouts], evidence)


def is_leaving(box: Box, ahead: Box, size: Size, border_share: float) -> bool:
    """Whether a person last seen at `box` is at the image's border, or `ahead` walks over it."""
    margin_x, margin_y = border_share * size.width, border_share * size.height
    return (
        min(box.x, ahead.x) < margin_x
        or max(box.right, ahead.right) > size.width - margin_x
        or ahead.center.y < margin_y
        or ahead.center.y > size.height - margin_y
    )


def time_to_border_s(place: Point, velocity: Point, size: Size) -> float:
    """When a `place` in the image that goes on at `velocity` (pixels per second) leaves it."""
    return min(
        (length - at if speed > 0.0 else -at) / speed if speed else math.inf
        for at, speed, length in (
            (place.x, velocity.x, size.width),
            (place.y, velocity.y, size.height),
        )
    )
