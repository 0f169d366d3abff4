"""Peaks of emotions above a person's own baseline: the rule of emotion_detected.

Everybody's face at rest has its own look; some look sad, some look cross. So each emotion has a
running baseline over the visit, and only a rise above it is a peak. Before a person is known, the
baseline is what faces at rest look like in general: narrow for happiness (hardly anybody smiles
broadly at rest, so who comes in smiling is noticed), wide for sadness and anger.

Precondition: a face that is surely one (the back of a head that was taken for a face has no
expression), that has enough pixels, and that the model can read; and a rise of `least_rise` and of
`open_deviations` that is seen for `least_duration_s`: a longer gap than `longest_gap_s` between
looks begins it anew. Evidence: the height of the rise, and the same in standard deviations of
baseline and noise. Looks weigh by the quality of the face and the confidence of the reading.
Hysteresis: a peak is over when the rise has stayed under half its greatest height, or under the
least rise, for `settling_s`. One report per peak. Neutral has no peaks.
"""

from __future__ import annotations

import math

from edge_agent.domain.observation import Emotion, Expression
from edge_agent.scene.calibration import BASELINES, EMOTION, BaselinePrior, EmotionConstants
from edge_agent.scene.confidence import share_of_new_evidence, weigh
from edge_agent.scene.look import Look
from edge_agent.scene.reporting import Finding
from edge_agent.scene.smoothing import LEAST_WEIGHT, Smoothed

_PLACES = {emotion: place for place, emotion in enumerate(Emotion)}
PEAKING = tuple(emotion for emotion in Emotion if emotion is not Emotion.NEUTRAL)


class EmotionRule:
    """Finds the peaks of one person's face."""

    def __init__(self, constants: EmotionConstants = EMOTION) -> None:
        self._constants = constants
        self._smoothed = Smoothed(constants.smoothing_s)
        self._peaks = tuple(Peak(emotion, constants) for emotion in PEAKING)
        self._time_s = -math.inf

    def advance(self, look: Look) -> tuple[Finding, ...]:
        """The peaks that last at this look; none when the face was not read."""
        observation = look.observation
        if observation is None or observation.expression is None:
            return ()
        expression = observation.expression
        if _is_doubtful(look, observation.face_quality, expression, self._constants):
            return ()
        trust = max(observation.face_quality * expression.confidence, LEAST_WEIGHT)
        step_s, self._time_s = look.time_s - self._time_s, look.time_s
        self._smoothed.add(expression.intensities, look.time_s, trust)
        smoothed = self._smoothed.value
        assert smoothed is not None
        for peak in self._peaks:
            peak.advance(smoothed[_PLACES[peak.emotion]], look.time_s, step_s, trust)
        findings = (peak.finding(look.time_s) for peak in self._peaks if peak.is_open)
        return tuple(finding for finding in findings if finding is not None)


class Baseline:
    """What one emotion looks like on this face at rest: a normal belief, robustly updated.

    A Kalman filter of a slowly wandering level whose innovations are clipped (Huber, 1964), so that
    a smile moves it little; repeated looks count by the time between them.
    """

    def __init__(self, prior: BaselinePrior, constants: EmotionConstants) -> None:
        self.level = prior.level
        self.variance = prior.deviation**2
        self._constants = constants

    def advance(self, intensity: float, step_s: float, weight: float, noise: float) -> None:
        constants = self._constants
        elapsed_s = min(step_s, constants.longest_baseline_step_s)
        self.variance += constants.wander_per_s * elapsed_s
        news = weight * share_of_new_evidence(elapsed_s, constants.correlation_s)
        gain = self.variance / (self.variance + noise**2 / max(news, 1e-6))
        innovation = min(max(intensity - self.level, -constants.clip), constants.clip)
        self.level += gain * innovation
        self.variance *= 1.0 - gain


class Peak:
    """One emotion's present peak, if any, above its baseline."""

    def __init__(self, emotion: Emotion, constants: EmotionConstants) -> None:
        self.emotion = emotion
        self.rise = 0.0
        self.is_open = False
        self._deviation = 1.0
        self._baseline = Baseline(BASELINES[emotion], constants)
        self._constants = constants
        self._count = 0
        self._watched_since_s = 0.0
        self._highest = 0.0
        self._last_high_s = -math.inf

    def advance(self, intensity: float, time_s: float, step_s: float, trust: float) -> None:
        """Takes up a smoothed intensity that is trusted in (0, 1], `step_s` after the last."""
        constants = self._constants
        self.rise = intensity - self._baseline.level
        self._deviation = math.hypot(
            math.sqrt(self._baseline.variance), self._noise_deviation(trust)
        )
        if self.is_open:
            self._hold(time_s, step_s)
        elif self._is_risen():
            self.is_open = True
            self._count += 1
            self._watched_since_s = self._last_high_s = time_s
            self._highest = self.rise
        held = constants.peak_learning if self.is_open else 1.0
        self._baseline.advance(intensity, step_s * held, trust, self._noise_deviation(trust))

    def _noise_deviation(self, trust: float) -> float:
        """Of a reading at rest: the least near 0 and 1, as of any share, and more of a bad crop."""
        constants, level = self._constants, min(max(self._baseline.level, 0.0), 1.0)
        noise = constants.noise_deviation + constants.noise_of_share * level * (1.0 - level)
        return noise / math.pow(max(trust, constants.least_trust), constants.trust_power)

    def finding(self, time_s: float) -> Finding | None:
        """This peak; None while it is too young, or has fallen again."""
        constants = self._constants
        if time_s - self._watched_since_s < constants.least_duration_s or not self._is_risen():
            return None
        deviations = min(self.rise / self._deviation, constants.most_deviations)
        evidence = (1.0, deviations, self.rise)
        confidence = weigh(constants.weights, evidence)
        return Finding(self._count, confidence, f"emotion_{self.emotion.value}", evidence)

    def _is_risen(self) -> bool:
        constants = self._constants
        return self.rise >= max(constants.least_rise, constants.open_deviations * self._deviation)

    def _hold(self, time_s: float, step_s: float) -> None:
        constants = self._constants
        if step_s > constants.longest_gap_s:
            self._watched_since_s = time_s
        self._highest = max(self._highest, self.rise)
        if self.rise >= max(constants.least_rise, self._highest / 2):
            self._last_high_s = time_s
        elif time_s - self._last_high_s >= constants.settling_s:
            self.is_open = False


def _is_doubtful(
    look: Look, face_quality: float, expression: Expression, constants: EmotionConstants
) -> bool:
    """Whether the face may be none, or is of too few pixels, or the model cannot read it."""
    detection = look.sighting.detection if look.sighting is not None else None
    face = detection.face if detection is not None else None
    return (
        (face is not None and face.confidence < constants.least_face_confidence)
        or face_quality < constants.least_face_quality
        or expression.confidence < constants.least_reading_confidence
    )
