"""What the model heads read off one person in one frame. None: not estimated this time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from edge_agent.domain.detection import FaceLandmarks
from edge_agent.domain.geometry import Gaze, HeadPose


class Emotion(str, Enum):
    """The eight emotions of FER+ (Barsoum et al., 2016), in the order of its votes."""

    NEUTRAL = "neutral"
    HAPPINESS = "happiness"
    SURPRISE = "surprise"
    SADNESS = "sadness"
    ANGER = "anger"
    DISGUST = "disgust"
    FEAR = "fear"
    CONTEMPT = "contempt"


class Gender(str, Enum):
    FEMALE = "female"
    MALE = "male"


@dataclass(frozen=True, slots=True)
class Expression:
    """Intensities in [0, 1] that sum to 1, one per emotion in the order of `Emotion`.

    `confidence` is the probability that the leading emotion is the one people would name.
    """

    intensities: tuple[float, ...]
    confidence: float
    smiling_degree: float

    def intensity(self, emotion: Emotion) -> float:
        return self.intensities[tuple(Emotion).index(emotion)]

    @property
    def leading(self) -> Emotion:
        return max(Emotion, key=self.intensity)


@dataclass(frozen=True, slots=True)
class AgeEstimate:
    """`years` with the standard deviation that the model states for this one look."""

    years: float
    deviation_years: float

    def probability_within(self, tolerance_years: float) -> float:
        """The probability that the true age differs from `years` by no more than that."""
        return math.erf(tolerance_years / self.deviation_years / math.sqrt(2.0))


@dataclass(frozen=True, slots=True)
class GenderEstimate:
    """The probability in [0, 1] that the person is female."""

    female_probability: float

    @property
    def gender(self) -> Gender:
        return Gender.FEMALE if self.female_probability >= 0.5 else Gender.MALE

    @property
    def confidence(self) -> float:
        """The probability in [0.5, 1] that `gender` is right."""
        return max(self.female_probability, 1.0 - self.female_probability)


@dataclass(frozen=True, slots=True)
class FaceGeometry:
    """Points, head, gaze, eyes and mouth of one face, each with a confidence in [0, 1].

    `eyes_open` is the probability that the eyes are open, `smiling_degree` in [0, 1] what the
    shape of the mouth tells. `shows_face` is False where enough can be seen to tell that there is
    no face, such as at the back of a head.
    """

    landmarks: FaceLandmarks | None = None
    landmarks_confidence: float = 0.0
    head: HeadPose | None = None
    head_confidence: float = 0.0
    gaze: Gaze | None = None
    gaze_confidence: float = 0.0
    eyes_open: float | None = None
    smiling_degree: float | None = None
    shows_face: bool = True

    @property
    def is_hidden(self) -> bool:
        """Whether it was looked for, and no face, or too little of one, was there to see."""
        return self == FaceGeometry(shows_face=self.shows_face)


@dataclass(frozen=True, slots=True)
class Observation:
    """What was read off the person of one track in one frame.

    `face_quality` in [0, 1] tells how much a face crop can be trusted (its size, sharpness and
    turn); it weighs this look against others of the same visit.
    """

    track_id: int
    face_quality: float = 0.0
    expression: Expression | None = None
    age: AgeEstimate | None = None
    gender: GenderEstimate | None = None
    geometry: FaceGeometry | None = None
