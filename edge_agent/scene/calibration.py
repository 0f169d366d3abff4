"""The constants of the rules, as data.

The `weights` are logistic regressions on simulated visits behind the tracker, seeds from 10001 on:
`python -m benchmarks.scene.fit` fits them anew. `scale`, `shared_error`, `scatter_looks`, `to_come`
and `noise_...` were chosen from a grid by the same program, or by how many reports stay true at the
same confidence. How far detector and heads err in the simulation was measured on real clips
(`benchmarks.scene.noise`). Times, distances, balances and the least confidences of a face and a
reading are choices: what a visitor would call right. Judged, on other seeds, by
`python -m benchmarks.scene`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from edge_agent.domain.observation import Emotion


@dataclass(frozen=True, slots=True)
class PresenceConstants:
    weights: tuple[float, ...] = (-1.4, 2.4, 2.0, 2.8)
    """Of (1, mean score, share of time found, logarithm of the time in probations)."""
    score_limit: float = 4.0
    """The most log-odds that one score of the detector is believed."""
    correlation_s: float = 0.15
    """Time in which the errors of detections become independent."""
    probation_s: float = 0.5
    least_hits: int = 2
    least_balance: float = 3.5
    miss_score: float = 1.0
    """What a frame without a detection takes from the balance."""


class Whereabouts(Enum):
    """Where somebody was when seen last, by which it is judged whether they have gone."""

    BORDER = "at the border"
    WALKING_OUT = "on a straight way to the border"
    STAYING = "elsewhere"


@dataclass(frozen=True, slots=True)
class AbsenceConstants:
    weights: Mapping[Whereabouts, tuple[float, ...]] = field(
        default_factory=lambda: {
            Whereabouts.BORDER: (5.0, 3.0, -1.0),
            Whereabouts.WALKING_OUT: (2.5, 1.2, -2.3),
            Whereabouts.STAYING: (0.95, 0.55, -1.6),
        }
    )
    """Of (1, ln(1 + uncovered seconds beyond an occlusion), whether covered now). Nearly all at the
    border have gone, and few of the others are ever covered; the regression over all looks is led
    by those that are never reported. So these are rounded towards the smallest error at the first
    reports."""
    grace_s: Mapping[Whereabouts, float] = field(
        default_factory=lambda: {
            Whereabouts.BORDER: 0.3,
            Whereabouts.WALKING_OUT: 0.3,
            Whereabouts.STAYING: 1.0,
        }
    )
    """Beyond `occlusion_s`: the frames at both ends of an occlusion, which may be missed too; and
    for who was staying the time in which half of those who come back do so."""
    way_out_s: float = 8.0
    """How long a straight way to the border may still take."""
    forgotten_s: float = 60.0
    border_share: float = 0.03
    """Share of the image's side that counts as its border."""
    cover_growth: float = 1.25
    """Somebody's box grown by this is where they may hide another."""
    least_cover: float = 0.3
    """Share of somebody's place in which another may hide them."""
    cover_lasts_s: float = 0.7
    """How long a cover counts on when it is not seen itself."""
    lookahead_s: float = 0.5
    """How far ahead the walk is continued to see whether it leads over the border."""


@dataclass(frozen=True, slots=True)
class BaselinePrior:
    """An emotion's intensity on faces at rest: mean and standard deviation over people."""

    level: float
    deviation: float


BASELINES = {
    Emotion.HAPPINESS: BaselinePrior(0.06, 0.10),
    Emotion.SURPRISE: BaselinePrior(0.05, 0.10),
    Emotion.SADNESS: BaselinePrior(0.15, 0.25),
    Emotion.ANGER: BaselinePrior(0.10, 0.20),
    Emotion.DISGUST: BaselinePrior(0.03, 0.15),
    Emotion.FEAR: BaselinePrior(0.03, 0.15),
    Emotion.CONTEMPT: BaselinePrior(0.04, 0.20),
}


@dataclass(frozen=True, slots=True)
class EmotionConstants:
    weights: tuple[float, ...] = (-0.006, 1.089, -0.761)
    """Of (1, rise in deviations, rise)."""
    least_face_confidence: float = 0.65
    least_reading_confidence: float = 0.3
    least_face_quality: float = 0.2
    """That of a sharp face of 16 pixels, of which 73 % of the expressions are read rightly (81 % of
    large ones)."""
    most_deviations: float = 6.0
    least_rise: float = 0.15
    open_deviations: float = 2.0
    least_duration_s: float = 0.3
    longest_gap_s: float = 0.5
    settling_s: float = 0.5
    smoothing_s: float = 0.25
    noise_deviation: float = 0.03
    """Standard deviation of a smoothed reading about a true intensity of 0."""
    noise_of_share: float = 0.8
    """What it gains at an intensity i, per i (1 - i)."""
    trust_power: float = 0.4
    """The noise is divided by this power of the trust in a reading. With 0.3 the happiness of a
    still face of 18 pixels, read as anything from 0.1 to 0.7, was a peak in one clip."""
    least_trust: float = 0.05
    correlation_s: float = 1.0
    wander_per_s: float = 2e-5
    """Variance that a baseline gains per second."""
    clip: float = 0.15
    """The most that one reading is believed to differ from the baseline."""
    peak_learning: float = 0.1
    """Share of time that counts for the baseline during a peak."""
    longest_baseline_step_s: float = 2.0


@dataclass(frozen=True, slots=True)
class FocusConstants:
    weights: tuple[float, ...] = (7.003, 1.536, -5.81, -2.614, 1.032)
    """Of (1, time beyond the least, spread and reach in radii, certainty of the reading)."""
    most_beyond_s: float = 2.0
    radius_rad: float = 0.15
    least_duration_s: float = 1.0
    leaving_s: float = 0.2
    longest_gap_s: float = 0.5
    resume_s: float = 3.0
    least_eyes_open: float = 0.3
    smoothing_s: float = 0.1


@dataclass(frozen=True, slots=True)
class DirectionConstants:
    noise_deviation: float = 0.08
    """Of the displacement over a visit, in sizes (square roots of area) of the person's box."""
    noise_growth: float = 0.1
    """The same, as a share of the displacement."""
    least_displacement: float = 0.5
    least_time_s: float = 1.0
    switch_confidence: float = 0.7


@dataclass(frozen=True, slots=True)
class LookConstants:
    correlation_s: float = 0.7
    """Time in which the errors of two looks at one face become independent."""
    least_looks: float = 2.0
    least_span_s: float = 1.0
    fewest_looks: float = 0.05
    """Below it a face was hardly seen, and the deviation no longer grows."""


@dataclass(frozen=True, slots=True)
class AgeConstants:
    scale: float = 1.0
    """True deviation over the stated one."""
    shared_error: float = 0.84
    """Share of the variance of one look that all looks at one face have in common."""
    least_deviation_years: float = 0.5
    scatter_looks: float = 5.0
    """Looks as which `shared_error` weighs beside how the looks at one face really differ."""
    to_come: float = 0.64
    """Share of the variance of the mean so far by which the rest of a visit moves that mean. Were a
    visit endless it would be 1; as many looks again as there were make it a half."""
    looks: LookConstants = field(default_factory=LookConstants)


@dataclass(frozen=True, slots=True)
class GenderConstants:
    scale: float = 1.0
    """True log-odds of one look over the stated ones."""
    shared_error: float = 0.85
    """Share of the variance of one look that all looks at one face have in common."""
    score_limit: float = 8.0
    looks: LookConstants = field(default_factory=LookConstants)


PRESENCE = PresenceConstants()
ABSENCE = AbsenceConstants()
EMOTION = EmotionConstants()
FOCUS = FocusConstants()
DIRECTION = DirectionConstants()
AGE = AgeConstants()
GENDER = GenderConstants()
