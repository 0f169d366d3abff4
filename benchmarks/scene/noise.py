"""What goes wrong between the world and the scene, as named data.

First choices, in the range of small detectors on indoor video; to be measured again on real clips.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DetectorNoise:
    """How the detector errs on people who are there. Scores are log-odds."""

    score: float = 2.2
    """Mean score of a person in full view."""
    score_between_people: float = 0.7
    score_over_time: float = 0.9
    score_correlation_s: float = 0.4
    miss_rate: float = 0.03
    """Frames in which a person is missed for no reason that lasts."""
    jitter: float = 0.015
    """Standard deviation of each side of a box, as a share of its size, anew in each frame."""
    sway: float = 0.02
    """The same, slowly varying."""
    sway_correlation_s: float = 0.6


@dataclass(frozen=True, slots=True)
class FalseBoxNoise:
    """Boxes where nobody is."""

    per_minute: float = 2.0
    median_s: float = 0.12
    spread: float = 0.8
    """Standard deviation of the logarithm of how long they stay."""
    score: float = 0.6
    score_between_boxes: float = 0.4
    score_over_time: float = 0.5
    flicker: float = 0.45
    """Share of the frames of its stay in which such a box is not found."""


@dataclass(frozen=True, slots=True)
class ReadingNoise:
    """How the model heads err on a face of full quality; grows as quality falls."""

    expression_over_time: float = 0.45
    """Standard deviation of each emotion's logarithm, slowly varying."""
    expression_per_frame: float = 0.25
    expression_correlation_s: float = 0.5
    gaze_bias_rad: float = 0.05
    gaze_over_time_rad: float = 0.03
    gaze_per_frame_rad: float = 0.03
    gaze_correlation_s: float = 0.4
    age_deviation_years: tuple[float, float] = (2.0, 8.0)
    age_shared: float = 0.6
    """Share of the variance of an age that all looks at one face have in common."""
    gender_margin: float = 5.0
    """Mean log-odds of the true gender; with the deviations below 94 % of single looks are right,
    and claim what they keep (twice the mean over the variance is 1)."""
    gender_between_people: float = 2.6
    gender_over_time: float = 1.9
    look_correlation_s: float = 0.7


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What people do."""

    arrivals_per_minute: float = 2.0
    occlusions_per_minute: float = 2.0
    occlusion_median_s: float = 0.6
    occlusion_spread: float = 0.6
    doors: float = 0.1
    """Share of entries and of exits through a door inside the image."""
    peaks_per_minute: float = 4.0
    resting_sad: float = 0.15
    resting_cross: float = 0.08
    arrives_smiling: float = 0.08


@dataclass(frozen=True, slots=True)
class Noise:
    detector: DetectorNoise = DetectorNoise()
    false_boxes: FalseBoxNoise = FalseBoxNoise()
    readings: ReadingNoise = ReadingNoise()
    behaviour: Behaviour = Behaviour()


class Wander:
    """A stationary normal process whose correlation falls as exp(-step / tau) (Ornstein-Uhlenbeck).

    Sampled at any times; the same at every frame rate.
    """

    def __init__(self, rng: random.Random, deviation: float, correlation_s: float) -> None:
        self._rng = rng
        self._deviation = deviation
        self._correlation_s = correlation_s
        self._value = rng.gauss(0.0, deviation)
        self._time_s = -math.inf

    def at(self, time_s: float) -> float:
        kept = math.exp(-(time_s - self._time_s) / self._correlation_s)
        self._time_s = time_s
        fresh = self._deviation * math.sqrt(max(1.0 - kept * kept, 0.0))
        self._value = kept * self._value + self._rng.gauss(0.0, fresh)
        return self._value
