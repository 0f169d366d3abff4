"""Whether somebody is there: the rules of appearance and disappearance.

Appearance. Precondition: seen for `probation_s`, at least twice, and seen in this frame. Evidence:
log-odds that the track is a person, from the detector's probabilities in the frames so far; frames
that follow closely repeat each other and count by the time between them. A frame in which nothing
was found speaks against.

Disappearance. Precondition: unseen for longer than `occlusion_s`. Evidence: the watched time out of
sight beyond it, and where the person was seen last: at the image's border they have walked out, in
its middle they may stand behind something. Whoever has not been seen for `forgotten_s` has gone by
definition: whoever comes then starts a new visit.
"""

from __future__ import annotations

from edge_agent.domain.geometry import Box, Point, Size
from edge_agent.scene.calibration import ABSENCE, PRESENCE, AbsenceConstants, PresenceConstants
from edge_agent.scene.confidence import log_odds, logistic, share_of_new_evidence
from edge_agent.scene.look import Look


class Presence:
    """The probability that a track is a person in view."""

    def __init__(self, constants: PresenceConstants = PRESENCE) -> None:
        self._constants = constants
        self._log_odds = constants.prior_log_odds
        self._watched_s = 0.0
        self._hits = 0

    def advance(self, look: Look) -> None:
        constants = self._constants
        news = share_of_new_evidence(look.step_s, constants.correlation_s) if self._hits else 1.0
        self._watched_s += look.step_s if self._hits else 0.0
        self._log_odds += news * self._evidence(look)
        self._log_odds = min(self._log_odds, constants.log_odds_limit)

    @property
    def confidence(self) -> float:
        """0 until the probation is over."""
        constants = self._constants
        if self._hits < constants.least_hits or self._watched_s < constants.probation_s:
            return 0.0
        return logistic(self._log_odds)

    def _evidence(self, look: Look) -> float:
        constants = self._constants
        if look.sighting is None or look.sighting.detection is None:
            return constants.miss_log_odds
        self._hits += 1
        score = log_odds(look.sighting.detection.confidence, constants.score_limit)
        return constants.hit_log_odds + constants.score_slope * score


class Absence:
    """The probability that somebody who is out of sight has gone."""

    def __init__(self, occlusion_s: float, constants: AbsenceConstants = ABSENCE) -> None:
        self._constants = constants
        self._occlusion_s = occlusion_s
        self._unseen_s = 0.0
        self._at_border = False

    def advance(self, look: Look) -> None:
        track = look.sighting
        if track is None:
            self._unseen_s += look.step_s
            return
        self._unseen_s = 0.0
        self._at_border = is_leaving(
            track.leading_box, track.velocity, look.moment.frame_size, self._constants
        )

    @property
    def confidence(self) -> float:
        """0 while it may be a short occlusion."""
        constants = self._constants
        beyond_s = self._unseen_s - self._occlusion_s - constants.grace_s
        if beyond_s < 0.0:
            return 0.0
        if beyond_s >= constants.forgotten_s:
            return 1.0
        start, slope = constants.border if self._at_border else constants.inside
        return logistic(start + slope * beyond_s)


def is_leaving(box: Box, velocity: Point, size: Size, constants: AbsenceConstants) -> bool:
    """Whether a person last seen so is at the image's border, or would soon walk over it."""
    ahead = box.moved(velocity.x * constants.lookahead_s, velocity.y * constants.lookahead_s)
    margin_x, margin_y = constants.border_share * size.width, constants.border_share * size.height
    return (
        min(box.x, ahead.x) < margin_x
        or max(box.right, ahead.right) > size.width - margin_x
        or ahead.center.y < margin_y
        or ahead.center.y > size.height - margin_y
    )
