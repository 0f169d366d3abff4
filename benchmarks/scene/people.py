"""Simulated people: where they are, where they look and what their faces show, without noise."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise

from benchmarks.scene.noise import Behaviour
from edge_agent.domain.geometry import Box, Gaze, Point, Size
from edge_agent.domain.observation import Emotion, Gender

BODY_ASPECT = 0.38
FACE_SHARE = 0.13
WALKING_HEIGHTS_PER_S = (0.45, 0.95)
"""Walking speed in body heights: 1.3 m/s at 1.7 m is 0.76."""

GAZE_SHIFTS_RAD = ((0.02, 0.09), (0.09, 0.22), (0.22, 0.9))
GAZE_SHIFT_SHARES = (0.3, 0.08, 0.62)
"""Few between 0.09 and 0.22 rad: whether those end a rest is half a matter of taste."""


@dataclass(frozen=True, slots=True)
class Waypoint:
    """The feet and the height, in pixels, at one time."""

    time_s: float
    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Fixation:
    """The eyes go to `gaze` at `time_s` and stay there."""

    time_s: float
    gaze: Gaze


@dataclass(frozen=True, slots=True)
class Peak:
    """One expression: it rises, holds and falls again."""

    emotion: Emotion
    start_s: float
    rise_s: float
    hold_s: float
    fall_s: float
    strength: float

    @property
    def end_s(self) -> float:
        return self.start_s + self.rise_s + self.hold_s + self.fall_s

    def at(self, time_s: float) -> float:
        """The strength in [0, 1] at `time_s`."""
        rising = (time_s - self.start_s) / self.rise_s
        falling = (self.end_s - time_s) / self.fall_s
        return self.strength * min(max(min(rising, falling), 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Person:
    """One visit, as it really is."""

    person_id: int
    path: tuple[Waypoint, ...]
    hidden: tuple[tuple[float, float], ...]
    turned: tuple[tuple[float, float, float], ...]
    """(from, to, yaw) of the head; outside of them it faces the camera."""
    fixations: tuple[Fixation, ...]
    rest: tuple[float, ...]
    peaks: tuple[Peak, ...]
    years: float
    gender: Gender
    times: tuple[float, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "times", tuple(point.time_s for point in self.path))

    @property
    def start_s(self) -> float:
        return self.path[0].time_s

    @property
    def end_s(self) -> float:
        return self.path[-1].time_s

    def body(self, time_s: float) -> Box:
        at = self._position(time_s)
        width = BODY_ASPECT * at.height
        return Box(at.x - width / 2, at.y - at.height, width, at.height)

    def left_view_s(self, size: Size) -> float:
        """When the last quarter of the body left the image, to 0.1 s."""
        time_s = self.end_s
        while time_s > self.start_s and not self._is_in_view(time_s, size):
            time_s -= 0.1
        return time_s

    def _is_in_view(self, time_s: float, size: Size) -> bool:
        body = self.body(time_s)
        return body.clipped(size).area >= 0.25 * body.area

    def face(self, time_s: float) -> Box:
        at = self._position(time_s)
        side = FACE_SHARE * at.height
        shift = 0.25 * side * math.sin(self.head_yaw(time_s))
        return Box.around(Point(at.x + shift, at.y - 0.92 * at.height), side * 0.8, side)

    def is_hidden(self, time_s: float) -> bool:
        return any(start <= time_s <= end for start, end in self.hidden)

    def head_yaw(self, time_s: float) -> float:
        return next((yaw for start, end, yaw in self.turned if start <= time_s < end), 0.0)

    def gaze(self, time_s: float) -> Gaze:
        """Where the eyes look; a step that takes 50 ms leads from one fixation to the next."""
        index = max(bisect_right([f.time_s for f in self.fixations], time_s) - 1, 0)
        now = self.fixations[index]
        part = min((time_s - now.time_s) / 0.05, 1.0)
        if index == 0 or part >= 1.0:
            return now.gaze
        before = self.fixations[index - 1].gaze
        return Gaze(
            before.yaw_rad + part * (now.gaze.yaw_rad - before.yaw_rad),
            before.pitch_rad + part * (now.gaze.pitch_rad - before.pitch_rad),
        )

    def expression(self, time_s: float) -> tuple[float, ...]:
        """Intensities that sum to 1."""
        shares = {peak.emotion: peak.at(time_s) for peak in self.peaks if peak.at(time_s) > 0.0}
        resting = max(1.0 - sum(shares.values()), 0.0)
        values = [
            resting * rest + shares.get(emotion, 0.0)
            for emotion, rest in zip(Emotion, self.rest, strict=True)
        ]
        return tuple(value / sum(values) for value in values)

    def _position(self, time_s: float) -> Waypoint:
        index = min(max(bisect_right(self.times, time_s), 1), len(self.path) - 1)
        before, after = self.path[index - 1], self.path[index]
        span = max(after.time_s - before.time_s, 1e-9)
        part = min(max((time_s - before.time_s) / span, 0.0), 1.0)
        return Waypoint(
            time_s,
            before.x + part * (after.x - before.x),
            before.y + part * (after.y - before.y),
            before.height + part * (after.height - before.height),
        )


def somebody(
    rng: random.Random,
    person_id: int,
    start_s: float,
    size: Size,
    behaviour: Behaviour,
    *,
    near: bool,
) -> Person:
    """A random visit that starts at `start_s`; `near` people are large and cut off below."""
    path, stops = _path(rng, start_s, size, behaviour, near=near)
    end_s = path[-1].time_s
    turned = _turns(rng, path, stops)
    return Person(
        person_id=person_id,
        path=path,
        hidden=_occlusions(rng, start_s, end_s, behaviour),
        turned=turned,
        fixations=_fixations(rng, start_s, end_s),
        rest=_resting_face(rng, behaviour),
        peaks=_peaks(rng, start_s, end_s, behaviour),
        years=min(max(rng.gauss(36.0, 16.0), 4.0), 90.0),
        gender=rng.choice(tuple(Gender)),
    )


def _path(
    rng: random.Random, start_s: float, size: Size, behaviour: Behaviour, *, near: bool
) -> tuple[tuple[Waypoint, ...], list[tuple[float, float]]]:
    height = size.height * (rng.uniform(0.9, 1.8) if near else rng.uniform(0.25, 0.6))
    feet = height * rng.uniform(0.95, 1.2) if near else size.height * rng.uniform(0.65, 0.95)
    speed = rng.uniform(*WALKING_HEIGHTS_PER_S) * min(height, size.height)
    margin = BODY_ASPECT * height / 2
    places = [_entry(rng, size, feet, height, behaviour.doors, near=near)]
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        places.append(_inside(rng, size, feet, height))
    places.append(_entry(rng, size, feet, height, behaviour.doors, near=near))
    if math.hypot(places[0][0] - places[-1][0], places[0][1] - places[-1][1]) < 2 * margin:
        x, y, tall = places[-1]
        places[-1] = (size.width - x, y, tall)
    points, stops, time_s = [Waypoint(start_s, *places[0])], [], start_s
    for index, (x, y, tall) in enumerate(places[1:], start=1):
        last = points[-1]
        time_s += max(math.hypot(x - last.x, y - last.y) / speed, 0.5)
        points.append(Waypoint(time_s, x, y, tall))
        if index < len(places) - 1:
            stay_s = rng.lognormvariate(math.log(6.0), 0.8)
            stops.append((time_s, time_s + stay_s))
            time_s += stay_s
            points.append(Waypoint(time_s, x, y, tall))
    return tuple(points), stops


def _entry(
    rng: random.Random, size: Size, feet: float, height: float, doors: float, *, near: bool
) -> tuple[float, float, float]:
    margin = BODY_ASPECT * height / 2
    if rng.random() < doors:
        x, _, _ = _inside(rng, size, feet, height)
        return x, feet, height
    if not near and rng.random() < 0.15:
        return rng.uniform(0.2, 0.8) * size.width, size.height + 1.02 * height, height
    y = feet + rng.uniform(-0.05, 0.05) * size.height
    return rng.choice((-margin * 1.05, size.width + margin * 1.05)), y, height


def _inside(
    rng: random.Random, size: Size, feet: float, height: float
) -> tuple[float, float, float]:
    tall = height * rng.uniform(0.85, 1.2)
    y = feet + (tall - height) * 0.6 + rng.uniform(-0.08, 0.05) * size.height
    return rng.uniform(0.2, 0.8) * size.width, y, tall


def _turns(
    rng: random.Random, path: tuple[Waypoint, ...], stops: list[tuple[float, float]]
) -> tuple[tuple[float, float, float], ...]:
    """Walking heads point ahead, half of the time; standing ones turn away now and then."""
    turned = []
    for before, after in pairwise(path):
        if (before.time_s, after.time_s) in stops:
            continue
        time_s = before.time_s
        ahead = math.copysign(rng.uniform(0.7, 1.4), after.x - before.x)
        while time_s < after.time_s:
            look_s = rng.uniform(0.8, 3.0)
            if rng.random() < 0.5:
                turned.append((time_s, min(time_s + look_s, after.time_s), ahead))
            time_s += look_s
    for start, end in stops:
        time_s = start + rng.expovariate(1 / 8.0)
        while time_s < end:
            away_s = rng.uniform(0.5, 3.0)
            turned.append(
                (time_s, min(time_s + away_s, end), rng.choice((-1, 1)) * rng.gauss(0.9, 0.4))
            )
            time_s += away_s + rng.expovariate(1 / 8.0)
    return tuple(sorted(turned))


def _occlusions(
    rng: random.Random, start_s: float, end_s: float, behaviour: Behaviour
) -> tuple[tuple[float, float], ...]:
    hidden = []
    time_s = start_s + 1.0 + rng.expovariate(behaviour.occlusions_per_minute / 60.0)
    while time_s < end_s - 1.0:
        spell_s = rng.lognormvariate(
            math.log(behaviour.occlusion_median_s), behaviour.occlusion_spread
        )
        hidden.append((time_s, time_s + spell_s))
        time_s += spell_s + 1.0 + rng.expovariate(behaviour.occlusions_per_minute / 60.0)
    return tuple(hidden)


def _fixations(rng: random.Random, start_s: float, end_s: float) -> tuple[Fixation, ...]:
    """Mostly short looks around, now and then a long one into the lens or at some thing."""
    fixations = []
    yaw, pitch = rng.gauss(0.0, 0.3), rng.gauss(0.0, 0.15)
    time_s = start_s
    while time_s < end_s:
        fixations.append(Fixation(time_s, Gaze(yaw, pitch)))
        long = rng.random() < 0.25
        time_s += rng.lognormvariate(math.log(3.0 if long else 0.5), 0.6)
        if rng.random() < 0.3:
            yaw, pitch = rng.gauss(0.0, 0.05), rng.gauss(0.0, 0.05)
        else:
            yaw, pitch = _next_target(rng, yaw, pitch)
    return tuple(fixations)


def _next_target(rng: random.Random, yaw: float, pitch: float) -> tuple[float, float]:
    """Mostly another thing, often another point of the same thing, seldom something between."""
    low, high = rng.choices(GAZE_SHIFTS_RAD, GAZE_SHIFT_SHARES)[0]
    amplitude, angle = rng.uniform(low, high), rng.uniform(-0.6, 0.6)
    away = math.copysign(1.0, -yaw) if abs(yaw) > 0.4 else rng.choice((-1.0, 1.0))
    upward = math.copysign(1.0, -pitch)
    return (
        yaw + away * amplitude * math.cos(angle),
        pitch + upward * amplitude * abs(math.sin(angle)),
    )


def _resting_face(rng: random.Random, behaviour: Behaviour) -> tuple[float, ...]:
    raw = {emotion: rng.gammavariate(0.8, 0.03) + 0.005 for emotion in Emotion}
    kind = rng.random()
    if kind < behaviour.resting_sad:
        raw[Emotion.SADNESS] = rng.uniform(0.25, 0.6)
    elif kind < behaviour.resting_sad + behaviour.resting_cross:
        raw[Emotion.ANGER] = rng.uniform(0.2, 0.5)
    raw[Emotion.NEUTRAL] = 0.0
    raw[Emotion.NEUTRAL] = max(1.0 - sum(raw.values()), 0.1)
    return tuple(raw[emotion] / sum(raw.values()) for emotion in Emotion)


PEAK_SHARES = {
    Emotion.HAPPINESS: 0.55,
    Emotion.SURPRISE: 0.17,
    Emotion.SADNESS: 0.1,
    Emotion.ANGER: 0.1,
    Emotion.DISGUST: 0.03,
    Emotion.FEAR: 0.03,
    Emotion.CONTEMPT: 0.02,
}


def _peaks(
    rng: random.Random, start_s: float, end_s: float, behaviour: Behaviour
) -> tuple[Peak, ...]:
    peaks = []
    time_s = start_s + rng.expovariate(behaviour.peaks_per_minute / 60.0)
    if rng.random() < behaviour.arrives_smiling:
        time_s = start_s - 1.0
    while time_s < end_s:
        emotion = rng.choices(tuple(PEAK_SHARES), tuple(PEAK_SHARES.values()))[0]
        if time_s < start_s:
            emotion = Emotion.HAPPINESS
        peak = Peak(
            emotion=emotion,
            start_s=time_s,
            rise_s=rng.uniform(0.25, 0.7),
            hold_s=rng.lognormvariate(math.log(1.5), 0.6),
            fall_s=rng.uniform(0.3, 1.0),
            strength=rng.uniform(0.25, 0.95),
        )
        peaks.append(peak)
        time_s = peak.end_s + 1.5 + rng.expovariate(behaviour.peaks_per_minute / 60.0)
    return tuple(peaks)
