"""What a camera with its models makes of simulated people: frames with known truth."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from benchmarks.scene.noise import ClothingNoise, FalseBoxNoise, Noise, ReadingNoise, Wander
from benchmarks.scene.people import Person, somebody
from edge_agent.domain.detection import Detection, Part, Region
from edge_agent.domain.frame import Instant
from edge_agent.domain.geometry import Box, Gaze, HeadPose, Size
from edge_agent.domain.observation import (
    AgeEstimate,
    Emotion,
    Expression,
    FaceGeometry,
    Gender,
    GenderEstimate,
    Observation,
)
from edge_agent.perception.crops import quality_by_size
from edge_agent.perception.observer import DEMOGRAPHICS_INTERVAL_S

SIZE = Size(1280, 720)
THRESHOLD = 0.0
"""Log-odds from which on a box counts as found."""
EPOCH = datetime(2026, 1, 1, tzinfo=timezone.utc)
FACE_CROP_SIDE = 1.03
"""Side of the crop in which an expression is read, in heights of the face."""
WARDROBE_SEED = 1_000_003
"""Added to a recording's seed."""
FRAME_RATES = (5.0, 8.0, 12.0, 15.0, 20.0, 30.0)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One detection, whose it is (None: nobody's) and what was read off its face."""

    detection: Detection
    person_id: int | None
    source: int
    """Detections of one source are of one thing; people's are their ids."""
    reading: Observation | None


@dataclass(frozen=True, slots=True)
class SimulatedFrame:
    captured_at: Instant
    sightings: tuple[Sighting, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """A stretch of simulated camera time."""

    people: tuple[Person, ...]
    frames: tuple[SimulatedFrame, ...]
    size: Size = SIZE

    @property
    def end_s(self) -> float:
        return self.frames[-1].captured_at.monotonic_s


def record(seed: int, duration_s: float, noise: Noise | None = None) -> Recording:
    """Simulated camera time with its people, at a random frame rate; the same for equal seeds."""
    noise = noise or Noise()
    rng = random.Random(seed)
    near = rng.random() < 0.5
    people = _visitors(rng, duration_s, noise, near=near)
    # A stream of its own, so that the same people come whatever they wear.
    wardrobe = random.Random(seed + WARDROBE_SEED)
    clothes = [_Clothes(wardrobe, noise.clothing) for _ in people]
    shown = {
        person.person_id: _Shown(rng, person, noise, clothes[person.person_id]) for person in people
    }
    ghosts = _ghosts(rng, duration_s, noise.false_boxes, first_source=len(people))
    frames = []
    for time_s in _times(rng, duration_s):
        sightings = [*_seen_people(shown, time_s), *_seen_ghosts(ghosts, time_s)]
        rng.shuffle(sightings)
        instant = Instant(EPOCH + timedelta(seconds=time_s), time_s)
        frames.append(SimulatedFrame(instant, tuple(sightings)))
    return Recording(people, tuple(frames))


def _visitors(
    rng: random.Random, duration_s: float, noise: Noise, *, near: bool
) -> tuple[Person, ...]:
    rate = noise.behaviour.arrivals_per_minute / 60.0
    people: list[Person] = []
    time_s = rng.expovariate(rate) if rate > 0.0 else math.inf
    while time_s < duration_s - 20.0:
        people.append(somebody(rng, len(people), time_s, SIZE, noise.behaviour, near=near))
        time_s += rng.expovariate(rate)
    return tuple(people)


def _times(rng: random.Random, duration_s: float) -> Iterator[float]:
    """Frame times with jitter, a change of rate now and then, and rarely a pause."""
    rate = rng.choice(FRAME_RATES)
    time_s = 0.0
    while time_s < duration_s:
        yield time_s
        time_s += rng.uniform(0.8, 1.2) / rate
        if rng.random() < 1e-3:
            rate = rng.choice(FRAME_RATES)
        if rng.random() < 1e-4:
            time_s += rng.uniform(1.0, 5.0)


def _seen_people(shown: dict[int, _Shown], time_s: float) -> Iterator[Sighting]:
    """Those in view whom nothing hides, by the parts that nobody nearer covers."""
    here = [s for s in shown.values() if s.person.start_s <= time_s <= s.person.end_s]
    here.sort(key=lambda s: -s.person.body(time_s).bottom)
    for index, who in enumerate(here):
        nearer = [other.person.body(time_s) for other in here[:index]]
        if who.person.is_hidden(time_s):
            continue
        sighting = who.sighting(time_s, nearer)
        if sighting is not None:
            yield sighting


class _Clothes:
    """What one person wears, as it looks now and now."""

    def __init__(self, rng: random.Random, noise: ClothingNoise) -> None:
        self._rng = rng
        self._noise = noise
        self._shares = _dirichlet(rng, [1.0] * noise.colours)
        self._concentration = noise.concentration * math.exp(rng.gauss(0.0, noise.spread))

    def look(self, body: Box, nearer: list[Box]) -> tuple[float, ...] | None:
        """A histogram; None where somebody nearer covers too much of the body."""
        if any(body.coverage_by(other) > self._noise.most_covered for other in nearer):
            return None
        return _dirichlet(self._rng, [self._concentration * share for share in self._shares])


def _dirichlet(rng: random.Random, weights: list[float]) -> tuple[float, ...]:
    draws = [rng.gammavariate(max(weight, 1e-3), 1.0) + 1e-12 for weight in weights]
    return tuple(draw / sum(draws) for draw in draws)


class _Shown:
    """One person as the detector and the heads see them."""

    def __init__(self, rng: random.Random, person: Person, noise: Noise, clothes: _Clothes) -> None:
        detector, readings = noise.detector, noise.readings
        self.person = person
        self._clothes = clothes
        self._rng = rng
        self._detector = detector
        offset = rng.gauss(detector.score, detector.score_between_people)
        self._offset = {Part.BODY: offset, Part.FACE: offset + 0.3}
        self._score = Wander(rng, detector.score_over_time, detector.score_correlation_s)
        self._sway = [Wander(rng, detector.sway, detector.sway_correlation_s) for _ in range(4)]
        self._reader = _Reader(rng, person, readings)

    def sighting(self, time_s: float, nearer: list[Box]) -> Sighting | None:
        wander = self._score.at(time_s)
        sway = [one.at(time_s) for one in self._sway]
        if self._rng.random() < self._detector.miss_rate:
            return None
        face, body = (
            None if _is_covered(box, nearer) else self._region(part, box, wander, sway, time_s)
            for part, box in (
                (Part.FACE, self.person.face(time_s)),
                (Part.BODY, self.person.body(time_s)),
            )
        )
        if face is None and body is None:
            return None
        reading = self._reader.read(time_s, face.box.height) if face is not None else None
        clothing = self._clothes.look(self.person.body(time_s), nearer)
        return Sighting(
            Detection(face=face, body=body, clothing=clothing),
            self.person.person_id,
            self.person.person_id,
            reading,
        )

    def _region(
        self, part: Part, box: Box, wander: float, sway: list[float], time_s: float
    ) -> Region | None:
        """The part as found. Little is found of what is cut off; a face turned away is not."""
        clipped = box.clipped(SIZE)
        visible = clipped.area / box.area
        if visible < (0.25 if part is Part.BODY else 0.6):
            return None
        score = self._offset[part] + wander - 1.5 * (1.0 - visible)
        if part is Part.FACE:
            score -= 2.5 * max(abs(self.person.head_yaw(time_s)) - 0.6, 0.0)
        score += self._rng.gauss(0.0, self._detector.score_per_frame)
        if score < THRESHOLD:
            return None
        found = _jittered(self._rng, clipped, self._detector.jitter, sway)
        return Region(part, found, 1.0 / (1.0 + math.exp(-score)))


def _is_covered(box: Box, nearer: list[Box]) -> bool:
    """Whether too little can be seen of a part behind bodies that stand nearer."""
    return any(box.coverage_by(other) >= 0.7 for other in nearer)


def _error_growth(quality: float) -> float:
    """How many times larger the errors are that change from look to look than on a good face."""
    return 1.6 - 0.6 * quality


class AgeReadings:
    """The ages read off one face: they share an error, sway about it, and state how far off they
    are."""

    def __init__(self, rng: random.Random, years: float, noise: ReadingNoise) -> None:
        self._years = years
        deviation = rng.uniform(*noise.age_deviation_years)
        self._stated = deviation * math.exp(rng.gauss(0.0, 0.15))
        self._shared = rng.gauss(0.0, deviation * math.sqrt(noise.age_shared))
        sway = deviation * math.sqrt(1.0 - noise.age_shared)
        sway *= math.exp(rng.gauss(0.0, noise.age_sway_spread))
        self._sway = Wander(rng, sway, noise.look_correlation_s)

    def at(self, time_s: float, quality: float) -> AgeEstimate:
        error = self._shared + _error_growth(quality) * self._sway.at(time_s)
        return AgeEstimate(max(self._years + error, 0.0), self._stated)


class _Reader:
    """The model heads on one face. Their errors have a part that lasts, and one per frame."""

    def __init__(self, rng: random.Random, person: Person, noise: ReadingNoise) -> None:
        self._rng = rng
        self._person = person
        self._noise = noise
        self._every_s = rng.choice((0.0, 0.0, 0.0, 0.2, 0.4))
        self._next_s = self._next_told_s = 0.0
        self._emotions = [
            Wander(rng, noise.expression_over_time, noise.expression_correlation_s) for _ in Emotion
        ]
        self._gaze_bias = [rng.gauss(0.0, noise.gaze_bias_rad) for _ in range(2)]
        self._gaze = [
            Wander(rng, noise.gaze_over_time_rad, noise.gaze_correlation_s) for _ in range(2)
        ]
        self._ages = AgeReadings(rng, person.years, noise)
        self._margin = rng.gauss(noise.gender_margin, noise.gender_between_people)
        self._gender = Wander(rng, noise.gender_over_time, noise.look_correlation_s)

    def read(self, time_s: float, face_height: float) -> Observation | None:
        if time_s < self._next_s:
            return None
        self._next_s = time_s + self._every_s
        yaw = self._person.head_yaw(time_s)
        quality = quality_by_size(FACE_CROP_SIDE * face_height) * max(math.cos(yaw), 0.0)
        quality = min(max(quality + self._rng.gauss(0.0, 0.05), 0.0), 1.0)
        worse = _error_growth(quality)
        is_told = time_s >= self._next_told_s
        if is_told:
            self._next_told_s = time_s + DEMOGRAPHICS_INTERVAL_S
        return Observation(
            track_id=-1,
            face_quality=quality,
            expression=self._expression(time_s, worse),
            age=self._ages.at(time_s, quality) if is_told else None,
            gender=self._gender_estimate(time_s, worse) if is_told else None,
            geometry=self._geometry(time_s, yaw, quality, worse),
        )

    def _expression(self, time_s: float, worse: float) -> Expression:
        per_frame = self._noise.expression_per_frame
        raw = [
            (value + 0.01) * math.exp(worse * (wander.at(time_s) + self._rng.gauss(0.0, per_frame)))
            for value, wander in zip(self._person.expression(time_s), self._emotions, strict=True)
        ]
        shares = tuple(value / sum(raw) for value in raw)
        return Expression(shares, max(shares), shares[1])

    def _gender_estimate(self, time_s: float, worse: float) -> GenderEstimate:
        score = self._margin + worse * self._gender.at(time_s)
        sign = 1.0 if self._person.gender is Gender.FEMALE else -1.0
        return GenderEstimate(1.0 / (1.0 + math.exp(-sign * score)))

    def _geometry(
        self, time_s: float, yaw: float, quality: float, worse: float
    ) -> FaceGeometry | None:
        gaze = self._person.gaze(time_s)
        per_frame = self._noise.gaze_per_frame_rad
        errors = [
            bias + worse * (wander.at(time_s) + self._rng.gauss(0.0, per_frame))
            for bias, wander in zip(self._gaze_bias, self._gaze, strict=True)
        ]
        is_read = abs(yaw) < 0.8
        return FaceGeometry(
            head=HeadPose(yaw + self._rng.gauss(0.0, 0.05), 0.0, 0.0),
            head_confidence=quality,
            gaze=Gaze(gaze.yaw_rad + errors[0], gaze.pitch_rad + errors[1]) if is_read else None,
            gaze_confidence=quality if is_read else 0.0,
            eyes_open=1.0,
        )


@dataclass(slots=True)
class _Ghost:
    """A place that looks like a person for a while."""

    source: int
    start_s: float
    end_s: float
    box: Box
    offset: float
    score: Wander
    flicker: float
    rng: random.Random


def _ghosts(
    rng: random.Random, duration_s: float, noise: FalseBoxNoise, first_source: int
) -> list[_Ghost]:
    ghosts: list[_Ghost] = []
    time_s = rng.expovariate(noise.per_minute / 60.0) if noise.per_minute > 0.0 else math.inf
    while time_s < duration_s:
        height = rng.uniform(0.15, 0.6) * SIZE.height
        box = Box(
            rng.uniform(0.0, SIZE.width - 0.4 * height),
            rng.uniform(0.0, SIZE.height - height),
            0.4 * height,
            height,
        )
        stay_s = rng.lognormvariate(math.log(noise.median_s), noise.spread)
        offset = rng.gauss(noise.score, noise.score_between_boxes)
        score = Wander(rng, noise.score_over_time, 0.3)
        source = first_source + len(ghosts)
        ghosts.append(
            _Ghost(source, time_s, time_s + stay_s, box, offset, score, noise.flicker, rng)
        )
        time_s += rng.expovariate(noise.per_minute / 60.0)
    return ghosts


def _seen_ghosts(ghosts: list[_Ghost], time_s: float) -> Iterator[Sighting]:
    for ghost in ghosts:
        if not ghost.start_s <= time_s <= ghost.end_s or ghost.rng.random() < ghost.flicker:
            continue
        score = ghost.offset + ghost.score.at(time_s)
        if score >= THRESHOLD:
            box = _jittered(ghost.rng, ghost.box, 0.03, [0.0] * 4)
            region = Region(Part.BODY, box, 1.0 / (1.0 + math.exp(-score)))
            yield Sighting(Detection(body=region), None, ghost.source, None)


def _jittered(rng: random.Random, box: Box, jitter: float, sway: list[float]) -> Box:
    left, top, wide, high = (rng.gauss(slow, jitter) for slow in sway)
    return Box(
        box.x + left * box.width,
        box.y + top * box.height,
        box.width * (1.0 + wide),
        box.height * (1.0 + high),
    )
