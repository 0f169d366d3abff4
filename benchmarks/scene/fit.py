"""Fits the constants of the rules on simulated visits, and prints them.

Each rule that weighs evidence is run over recordings with its evidence and the truth written down
at every look. First a logistic regression over all looks learns what tells true from false; then
its scale and offset are fitted where it matters: at the first look of each episode that reaches a
threshold, over thresholds from 0.5 to 0.98, until they no longer move. The constants of the other
rules (gender, direction, the age shown) are chosen from a grid by the calibration error at the same
looks; that of the age settling by that of the event's reports, the ages read several times over.
Seeds from 10001 on; the benchmark and the tests judge on others.
"""

from __future__ import annotations

import argparse
import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, product
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from benchmarks.scene.noise import ReadingNoise
from benchmarks.scene.people import Person
from benchmarks.scene.playback import TrackedFrame, tracked
from benchmarks.scene.recording import AgeReadings, Recording, record
from benchmarks.scene.reliability import Claim, expected_calibration_error, reliability
from benchmarks.scene.scoring import (
    AGE_TOLERANCE_YEARS,
    gaze_rests,
    is_gone_for_good,
    peak_lasts,
    true_way,
)
from edge_agent.domain.geometry import Size
from edge_agent.scene.calibration import (
    ABSENCE,
    AGE,
    DIRECTION,
    EMOTION,
    FOCUS,
    GENDER,
    PRESENCE,
    AgeConstants,
    DirectionConstants,
    GenderConstants,
    Whereabouts,
)
from edge_agent.scene.confidence import weigh
from edge_agent.scene.demographics import AgePosterior, GenderPosterior
from edge_agent.scene.direction import DirectionRule
from edge_agent.scene.emotion import EmotionRule
from edge_agent.scene.focus import FocusRule
from edge_agent.scene.look import LONGEST_STEP_S, Look, Moment
from edge_agent.scene.presence import Absence, Presence
from edge_agent.scene.reporting import AtMostTwice
from edge_agent.settings import SceneSettings

FIRST_SEED = 10001
MOST_BEYOND_S = 30.0
"""Absences are followed for so long beyond a short occlusion."""
SCALES, SHARES = (0.6, 0.8, 1.0, 1.25), (0.75, 0.8, 0.84, 0.88, 0.92)
SCATTER_LOOKS, TO_COME = (2.5, 3.5, 5.0, 7.0), (0.5, 0.64, 0.8, 1.0)
REDRAWN = 10
"""Times that the ages of each visit are read: so few are unsure that as many visits tell little."""
THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.94, 0.98)

Constants = TypeVar("Constants")
Floats = npt.NDArray[np.float64]
Episode = list[tuple[tuple[float, ...], bool]]
"""One rest, one peak, one candidate: its evidence look by look, and whether a report were true."""


@dataclass(slots=True)
class Samples:
    """The episodes of all recordings, by rule."""

    presence: list[Episode] = field(default_factory=list)
    absence: dict[Whereabouts, list[Episode]] = field(
        default_factory=lambda: {whereabouts: [] for whereabouts in Whereabouts}
    )
    focus: list[Episode] = field(default_factory=list)
    emotion: list[Episode] = field(default_factory=list)
    courses: list[Course] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Course:
    """All looks at one person."""

    person: Person
    looks: list[Look]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=200.0, help="of camera time in all")
    parser.add_argument("--seed", type=int, default=FIRST_SEED)
    parser.add_argument("--true-tracker", action="store_true")
    arguments = parser.parse_args()
    samples = Samples()
    for seed in range(arguments.seed, arguments.seed + round(arguments.minutes / 5.0)):
        recording = record(seed, 300.0)
        collect(recording, tracked(recording, truly=arguments.true_tracker), samples)
    for name, episodes, weights in (
        ("PRESENCE.weights", samples.presence, PRESENCE.weights),
        *(
            (f"ABSENCE.weights[{whereabouts}]", episodes, ABSENCE.weights[whereabouts])
            for whereabouts, episodes in samples.absence.items()
        ),
        ("FOCUS.weights", samples.focus, FOCUS.weights),
        ("EMOTION.weights", samples.emotion, EMOTION.weights),
    ):
        fitted = fit(episodes)
        print(f"{name} = {tuple(round(weight, 3) for weight in fitted)}", flush=True)
        for label, one in (("now", weights), ("fitted", fitted)):
            print(f"  {label:<7} {_summary(episodes, one)}", flush=True)
    beliefs = product(TO_COME, SHARES, SCATTER_LOOKS)
    ages = [replace(AGE, to_come=c, shared_error=h, scatter_looks=n) for c, h, n in beliefs]
    courses = list(redrawn(samples.courses, arguments.seed))
    choose("the age settles", courses, ages, reported_ages)
    ages = [replace(AGE, scale=s) for s in SCALES]
    choose("the age shown", samples.courses, ages, at_first(age_claims))
    genders = [replace(GENDER, scale=s, shared_error=h) for s, h in product(SCALES, SHARES)]
    choose("the gender", samples.courses, genders, at_first(gender_claims))
    noises = product((0.05, 0.08, 0.11, 0.15), (0.06, 0.08, 0.1, 0.12))
    ways = [replace(DIRECTION, noise_deviation=n, noise_growth=g) for n, g in noises]
    choose("the direction", samples.courses, ways, at_first(direction_claims))


def choose(
    name: str,
    courses: list[Course],
    grid: Iterable[Constants],
    reports: Callable[[Course, Constants], Iterable[Claim]],
) -> None:
    """Prints the calibration of each of a grid's constants, best first."""
    found = []
    for constants in grid:
        claims = [claim for course in courses for claim in reports(course, constants)]
        found.append((expected_calibration_error(reliability(claims)), len(claims), constants))
    for error, count, best in sorted(found, key=lambda one: one[0])[:4]:
        print(f"{name}: ECE {error:.3f} of {count}: {best}", flush=True)


def at_first(
    claims: Callable[[Course, Constants], Iterable[Claim]],
) -> Callable[[Course, Constants], Iterator[Claim]]:
    """Of the claims made look by look those that reach a threshold first."""

    def reports(course: Course, constants: Constants) -> Iterator[Claim]:
        told = list(claims(course, constants))
        for threshold in THRESHOLDS:
            yield from islice((claim for claim in told if claim[0] >= threshold), 1)

    return reports


def redrawn(courses: Iterable[Course], seed: int) -> Iterator[Course]:
    """The looks of each at which an age was read, with ages read anew, REDRAWN times."""
    rng, noise = random.Random(seed), ReadingNoise()
    for course, _ in product(courses, range(REDRAWN)):
        ages = AgeReadings(rng, course.person.years, noise)
        looks = []
        for look in course.looks:
            read = look.observation
            if read is not None and read.age is not None:
                age = ages.at(look.time_s, read.face_quality)
                looks.append(replace(look, observation=replace(read, age=age)))
        yield Course(course.person, looks)


def reported_ages(course: Course, constants: AgeConstants) -> Iterator[Claim]:
    """What the event claims, that the estimate stays where it is: of the reports at all thresholds
    each once."""
    posterior = AgePosterior(constants)
    told = [finding for look in course.looks for finding in posterior.advance(look)]
    reported = set()
    for threshold in THRESHOLDS:
        reporter = AtMostTwice(2.0 * (1.0 - threshold), AGE_TOLERANCE_YEARS)
        reported.update(i for i, finding in enumerate(told) if reporter.reports(finding))
    for finding in (told[i] for i in sorted(reported)):
        moved = abs(finding.amount - told[-1].amount)
        yield finding.confidence, moved <= AGE_TOLERANCE_YEARS


def age_claims(course: Course, constants: AgeConstants) -> Iterator[Claim]:
    posterior = AgePosterior(constants)
    for look in course.looks:
        for finding in posterior.advance(look):
            error = abs(finding.amount - course.person.years)
            yield posterior.confidence, error <= AGE_TOLERANCE_YEARS


def gender_claims(course: Course, constants: GenderConstants) -> Iterator[Claim]:
    posterior = GenderPosterior(constants)
    for look in course.looks:
        for finding in posterior.advance(look):
            yield finding.confidence, posterior.gender is course.person.gender


def direction_claims(course: Course, constants: DirectionConstants) -> Iterator[Claim]:
    """Of the first direction only."""
    rule, first = DirectionRule(constants), None
    for look in course.looks:
        for finding in rule.advance(look):
            first = first or finding.episode
            if finding.episode is not first:
                return
            true, _ = true_way(course.person, course.looks[0].time_s, look.time_s)
            yield finding.confidence, true is rule.direction


def collect(recording: Recording, frames: Iterable[TrackedFrame], samples: Samples) -> None:
    """Runs the rules over one recording and writes down their evidence and the truth."""
    people = {person.person_id: person for person in recording.people}
    followed: dict[int, _Followed] = {}
    frames = list(frames)
    owners = frames[-1].owners
    for moment, frame in _moments(frames, recording):
        read = {observation.track_id: observation for observation in frame.observations}
        seen = {track.track_id: track for track in frame.tracks}
        for track_id, track in seen.items():
            if track.is_seen and track_id not in followed:
                owner = owners[track_id]
                person = people[owner] if owner is not None else None
                followed[track_id] = _Followed(person, recording.size)
        for track_id, one in followed.items():
            one.advance(Look(moment, seen.get(track_id), read.get(track_id)))
    for track_id, one in followed.items():
        owner = owners[track_id]
        one.give(samples, [f for k, f in followed.items() if owners[k] == owner and k != track_id])


def fit(episodes: list[Episode]) -> tuple[float, ...]:
    """The weights whose confidences are right where they are reported."""
    everything = [(e, t, 1.0 / len(one)) for one in episodes for e, t in one]
    weights = regression(*_arrays(everything))
    for _ in range(30):
        crossings = list(first_crossings(episodes, tuple(weights)))
        scores = [float(np.dot(weights, evidence)) for evidence, _ in crossings]
        rows = [((1.0, s), t, 1.0) for s, (_, t) in zip(scores, crossings, strict=True)]
        offset, scale = regression(*_arrays(rows), toward=np.array([0.0, 1.0]))
        step = 0.5
        weights = weights * (1.0 + step * (scale - 1.0))
        weights[0] += step * offset
    return tuple(float(weight) for weight in weights)


def first_crossings(
    episodes: list[Episode], weights: tuple[float, ...]
) -> Iterator[tuple[tuple[float, ...], bool]]:
    """What would be reported of each episode, at each threshold."""
    for episode in episodes:
        confidences = [weigh(weights, evidence) for evidence, _ in episode]
        for threshold in THRESHOLDS:
            index = next((i for i, c in enumerate(confidences) if c >= threshold), None)
            if index is not None:
                yield episode[index]


def regression(
    evidence: Floats, truth: Floats, share: Floats, toward: Floats | None = None
) -> Floats:
    """Weighted logistic regression by Newton's method, drawn a little `toward` a prior."""
    prior = np.zeros(evidence.shape[1]) if toward is None else toward
    weights = prior.copy()
    ridge = np.eye(len(prior))
    for _ in range(50):
        probability = 1.0 / (1.0 + np.exp(-np.clip(evidence @ weights, -30, 30)))
        gradient = evidence.T @ (share * (truth - probability)) - ridge @ (weights - prior)
        curvature = (evidence * (share * probability * (1 - probability))[:, None]).T @ evidence
        step = np.linalg.solve(curvature + ridge, gradient)
        weights = weights + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-6:
            break
    return weights


@dataclass(slots=True)
class _Visit:
    """From when the person is held to be there to when they are held to have gone."""

    start_s: float
    end_s: float = math.inf


class _Followed:
    """The rules on one track, and what they went by.

    Who is seen again after their visit is over must appear again.
    """

    def __init__(self, person: Person | None, size: Size) -> None:
        self._person = person
        self._size = size
        self._presence, self._presence_episode = Presence(), list[tuple[tuple[float, ...], bool]]()
        self._absence = Absence(SceneSettings().occlusion_s)
        self._absences: list[tuple[Whereabouts, list[tuple[tuple[float, ...], float]]]] = []
        self._visits: list[_Visit] = []
        self._visit: _Visit | None = None
        self._unseen = False
        self._focus, self._emotion = FocusRule(), EmotionRule()
        self._looks: list[Look] = []
        self._rests: dict[object, Episode] = defaultdict(list)
        self._peaks: dict[object, Episode] = defaultdict(list)

    def advance(self, look: Look) -> None:
        if look.sighting is not None and self._absence.confidence >= THRESHOLDS[0]:
            self._presence, self._visit = Presence(), None
        self._follow_presence(look)
        self._follow_absence(look)
        if look.sighting is not None:
            self._looks.append(look)
        person = self._person
        for finding in self._focus.advance(look):
            if person is not None and finding.evidence is not None:
                true = gaze_rests(person, look.time_s)
                self._rests[finding.episode].append((finding.evidence, true))
        for finding in self._emotion.advance(look):
            if person is not None and finding.evidence is not None:
                true = peak_lasts(person, finding.key, look.time_s)
                self._peaks[finding.key, finding.episode].append((finding.evidence, true))

    def is_visiting(self, time_s: float) -> bool:
        return any(visit.start_s <= time_s < visit.end_s for visit in self._visits)

    def give(self, samples: Samples, others: Sequence[_Followed]) -> None:
        """Adds what was written down; `others` are the other tracks of the same person."""
        if self._presence_episode:
            samples.presence.append(self._presence_episode)
        for whereabouts, looks in self._absences:
            if looks:
                episode = [(evidence, self._is_gone(t, others)) for evidence, t in looks]
                samples.absence[whereabouts].append(episode)
        if self._person is not None:
            samples.courses.append(Course(self._person, self._looks))
        samples.focus += self._rests.values()
        samples.emotion += self._peaks.values()

    def _follow_presence(self, look: Look) -> None:
        self._presence.advance(look)
        evidence = self._presence.evidence
        if look.sighting is not None and evidence is not None and len(self._presence_episode) < 60:
            self._presence_episode.append((evidence, self._person is not None))

    def _follow_absence(self, look: Look) -> None:
        self._absence.advance(look)
        if look.sighting is not None:
            self._unseen = False
            if self._visit is None and self._presence.confidence >= THRESHOLDS[0]:
                self._visit = _Visit(look.time_s)
                self._visits.append(self._visit)
        elif self._visit is not None and not self._unseen:
            self._unseen = True
            self._absences.append((self._absence.whereabouts, []))
        evidence = self._absence.evidence
        if self._unseen and evidence is not None and self._absence.beyond_s < MOST_BEYOND_S:
            self._absences[-1][1].append((evidence, look.time_s))
        if self._visit is not None and self._absence.confidence >= THRESHOLDS[0]:
            self._visit.end_s = min(self._visit.end_s, look.time_s)

    def _is_gone(self, time_s: float, others: Iterable[_Followed]) -> bool:
        """Whether a disappearance at that time were true; nobody's and a double's never is."""
        return (
            self._person is not None
            and is_gone_for_good(self._person, time_s, self._size)
            and not any(other.is_visiting(time_s) for other in others)
        )


def _moments(
    frames: list[TrackedFrame], recording: Recording
) -> Iterator[tuple[Moment, TrackedFrame]]:
    before_s = 0.0
    for frame in frames:
        time_s = frame.captured_at.monotonic_s
        boxes = tuple(track.leading_box for track in frame.tracks if track.is_seen)
        step_s = min(time_s - before_s, LONGEST_STEP_S)
        yield Moment(frame.captured_at, step_s, recording.size, boxes), frame
        before_s = time_s


def _arrays(
    rows: list[tuple[tuple[float, ...], bool, float]],
) -> tuple[Floats, Floats, Floats]:
    evidence = np.array([row[0] for row in rows], dtype=float)
    return evidence, np.array([float(row[1]) for row in rows]), np.array([row[2] for row in rows])


def _summary(episodes: list[Episode], weights: tuple[float, ...]) -> str:
    claims = [(weigh(weights, e), t) for e, t in first_crossings(episodes, weights)]
    bins = reliability(claims)
    text = "  ".join(f"{b.claimed:.2f}:{b.true:.2f} ({b.count})" for b in bins)
    return f"ECE {expected_calibration_error(bins):.3f}  {text}"


if __name__ == "__main__":
    main()
