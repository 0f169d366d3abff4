"""Which events were true, and which true happenings were reported.

For each type: when an event counts as true, and which happenings a scene can be asked to report.

appearance     the person is there and has no other entity; asked: seen for 1 s or more in all
disappearance  the person has left for good, first report of it; asked: appeared, and left 15 s or
               more before the end
emotion        a peak of that emotion lasts (to 0.5 s after it) and was not reported; asked: of
               strength 0.4 or more, its upper half read for 0.6 s or more after the appearance
focus          the true gaze was within 0.15 rad of its mean for the last second, and has left the
               place reported before; asked: a rest (by dispersion, without noise) that was read
               throughout for 1.5 s or more after the appearance
direction      the true way since the first sighting lies in that quadrant; asked: it was a size of
               the box or more in one quadrant for 1 s while the person was seen, for 2 s or more
age            the estimate has settled: to the end of the visit it stays within 5 years; asked: the
               face was read for 5 s or more
gender         the right one; asked: the same
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from uuid import UUID

from benchmarks.scene.people import Peak, Person
from benchmarks.scene.playback import Report, TrackedFrame
from benchmarks.scene.recording import Recording
from edge_agent.domain.entity import Direction, Entity
from edge_agent.domain.event import EventType
from edge_agent.domain.geometry import Gaze, Size
from edge_agent.domain.observation import Emotion

FOCUS_RADIUS_RAD = 0.15
AGE_TOLERANCE_YEARS = 5.0


@dataclass(frozen=True, slots=True)
class Happening:
    """Something true that a scene is asked to report; `start_s` is when it could be known."""

    person_id: int
    start_s: float
    what: object = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One report, whether it was true, and of which happening."""

    confidence: float
    is_true: bool
    happening: Happening | None = None
    delay_s: float = 0.0


@dataclass(slots=True)
class Score:
    """All verdicts on one type of event, and the happenings that were asked."""

    verdicts: list[Verdict] = field(default_factory=list)
    asked: list[Happening] = field(default_factory=list)

    def add(self, other: Score) -> None:
        self.verdicts += other.verdicts
        self.asked += other.asked

    @property
    def precision(self) -> float:
        return _ratio(sum(verdict.is_true for verdict in self.verdicts), len(self.verdicts))

    @property
    def recall(self) -> float:
        """Over happenings of one recording only, or pooled ones (they are told by identity)."""
        met = {id(verdict.happening) for verdict in self.verdicts if verdict.is_true}
        return _ratio(sum(id(one) in met for one in self.asked), len(self.asked))

    @property
    def median_delay_s(self) -> float:
        delays = sorted(verdict.delay_s for verdict in self.verdicts if verdict.is_true)
        return delays[len(delays) // 2] if delays else math.nan


@dataclass(slots=True)
class Watched:
    """When one person was seen, and when their face was read."""

    seen: list[float] = field(default_factory=list)
    read: list[float] = field(default_factory=list)
    gazed: list[float] = field(default_factory=list)


def score(
    recording: Recording, frames: Iterable[TrackedFrame], reports: list[Report]
) -> dict[EventType, Score]:
    """Judges the reports of one recording."""
    judge = _Judge(recording, _watched(recording), _last_ages(reports))
    for report in reports:
        judge.judge(report)
    return judge.scores()


def false_appearances(reports: Iterable[Report]) -> int:
    """Appearances of nobody."""
    return sum(r.event.type is EventType.APPEARANCE and r.person_id is None for r in reports)


def gaze_rests(person: Person, time_s: float) -> bool:
    """Whether the gaze was within the radius of its mean for the last second."""
    return _last_second(person, time_s)[1] <= FOCUS_RADIUS_RAD


def peak_lasts(person: Person, key: str, time_s: float) -> bool:
    """Whether that emotion peaks, or did 0.5 s ago."""
    emotion = Emotion(key.removeprefix("emotion_"))
    return any(
        peak.emotion is emotion and peak.start_s <= time_s <= peak.end_s + 0.5
        for peak in person.peaks
    )


def is_gone_for_good(person: Person, time_s: float, size: Size) -> bool:
    """Whether the person has left the view at `time_s`."""
    return time_s >= person.left_view_s(size)


def rests(person: Person) -> list[tuple[float, float]]:
    """The true rests of 1 s or more, by dispersion and without noise, read or not."""
    step_s = 0.05
    gazes = [
        person.gaze(person.start_s + step_s * i)
        for i in range(int((person.end_s - person.start_s) / step_s))
    ]
    found = []
    start = 0
    while start < len(gazes):
        end, mean = start, gazes[start]
        while end + 1 < len(gazes) and gazes[end + 1].distance_to(mean) <= FOCUS_RADIUS_RAD:
            end += 1
            share = 1.0 / (end - start + 1)
            mean = Gaze(
                mean.yaw_rad + share * (gazes[end].yaw_rad - mean.yaw_rad),
                mean.pitch_rad + share * (gazes[end].pitch_rad - mean.pitch_rad),
            )
        if (end - start) * step_s >= 0.95:
            found.append((person.start_s + step_s * start, person.start_s + step_s * end))
        start = end + 1
    return found


def _last_second(person: Person, time_s: float) -> tuple[Gaze, float]:
    """The mean of the gaze over the last second, and the greatest distance from it."""
    gazes = [person.gaze(time_s - 0.02 * i) for i in range(50)]
    mean = Gaze(
        sum(gaze.yaw_rad for gaze in gazes) / len(gazes),
        sum(gaze.pitch_rad for gaze in gazes) / len(gazes),
    )
    return mean, max(gaze.distance_to(mean) for gaze in gazes)


def _has_left(person: Person, place: Gaze, from_s: float, to_s: float) -> bool:
    """Whether the gaze was away from `place` at some time."""
    steps = max(int((to_s - from_s) / 0.02), 1)
    return any(
        person.gaze(from_s + (to_s - from_s) * i / steps).distance_to(place) > FOCUS_RADIUS_RAD
        for i in range(steps)
    )


class _Judge:
    """Goes through the reports of one recording in their order."""

    def __init__(
        self, recording: Recording, watched: dict[int, Watched], last_ages: dict[UUID, float]
    ) -> None:
        self._people = {person.person_id: person for person in recording.people}
        self._watched = watched
        self._last_ages = last_ages
        self._end_s = recording.end_s
        self._size = recording.size
        self._live: dict[int, set[object]] = defaultdict(set)
        self._appeared: dict[int, Happening] = {}
        self._appeared_s: dict[int, float] = {}
        self._gone: dict[int, Happening] = {}
        self._peaks: dict[int, dict[Peak, Happening]] = defaultdict(dict)
        self._rested: dict[int, tuple[Gaze, float]] = {}
        self._rests: dict[int, dict[tuple[float, float], Happening]] = defaultdict(dict)
        self._met: set[int] = set()
        self._scores = {event_type: Score() for event_type in EventType}
        self._ways: dict[int, Happening] = {}
        self._looks: dict[tuple[EventType, int], Happening] = {}
        self._true_rests = {key: rests(self._people[key]) for key in watched}

    def judge(self, report: Report) -> None:
        event = report.event
        verdict = Verdict(event.confidence, is_true=False)
        if report.person_id is not None:
            person = self._people[report.person_id]
            verdict = _JUDGES[event.type](self, person, report)
        self._scores[event.type].verdicts.append(verdict)

    def scores(self) -> dict[EventType, Score]:
        for person in self._people.values():
            watch = self._watched.get(person.person_id)
            if watch is not None:
                for event_type, happening in self._asked(person, watch):
                    self._scores[event_type].asked.append(happening)
        return self._scores

    def appearance(self, person: Person, report: Report) -> Verdict:
        live = self._live[person.person_id]
        live.add(report.event.entity_id)
        if person.person_id in self._appeared:
            return Verdict(report.event.confidence, is_true=False)
        first_s = self._watched[person.person_id].seen[0]
        happening = Happening(person.person_id, first_s)
        self._appeared[person.person_id] = happening
        self._appeared_s[person.person_id] = report.time_s
        return _true(report, happening)

    def disappearance(self, person: Person, report: Report) -> Verdict:
        live = self._live[person.person_id]
        live.discard(report.event.entity_id)
        left_s = self._left_s(person)
        if live or report.time_s < left_s or person.person_id in self._gone:
            return Verdict(report.event.confidence, is_true=False)
        happening = self._gone[person.person_id] = Happening(person.person_id, left_s)
        return _true(report, happening)

    def emotion(self, person: Person, report: Report) -> Verdict:
        emotion = Emotion(report.event.key.removeprefix("emotion_"))
        met = self._peaks[person.person_id]
        for peak in person.peaks:
            lasts = peak.start_s <= report.time_s <= peak.end_s + 0.5
            if peak.emotion is emotion and lasts and peak not in met:
                met[peak] = Happening(person.person_id, peak.start_s, peak)
                return _true(report, met[peak])
        return Verdict(report.event.confidence, is_true=False)

    def focus(self, person: Person, report: Report) -> Verdict:
        """True if the gaze has rested for 1 s, and has left the place reported before."""
        time_s = report.time_s
        mean, radius = _last_second(person, time_s)
        before = self._rested.get(person.person_id)
        if radius > FOCUS_RADIUS_RAD or (before and not _has_left(person, *before, time_s)):
            return Verdict(report.event.confidence, is_true=False)
        self._rested[person.person_id] = (mean, time_s)
        for rest in self._true_rests[person.person_id]:
            if rest[0] + 0.9 <= time_s <= rest[1] + 0.3:
                happening = Happening(person.person_id, rest[0] + 1.0, rest)
                happening = self._rests[person.person_id].setdefault(rest, happening)
                return _true(report, happening)
        return Verdict(report.event.confidence, is_true=True, delay_s=0.0)

    def direction(self, person: Person, report: Report) -> Verdict:
        first_s = self._watched[person.person_id].seen[0]
        shown = _entity(report).direction
        is_true = true_way(person, first_s, report.time_s)[0] is shown
        if not is_true:
            return Verdict(report.event.confidence, is_true=False)
        happening = self._ways.setdefault(
            person.person_id, Happening(person.person_id, first_s + 1.0)
        )
        return _true(report, happening)

    def age(self, person: Person, report: Report) -> Verdict:
        years = _entity(report).age_years
        assert years is not None
        moved = abs(years - self._last_ages[report.event.entity_id])
        return self._look(person, report, moved <= AGE_TOLERANCE_YEARS)

    def gender(self, person: Person, report: Report) -> Verdict:
        return self._look(person, report, _entity(report).gender is person.gender)

    def _look(self, person: Person, report: Report, is_true: bool) -> Verdict:
        first_s = self._watched[person.person_id].read[0]
        happening = self._looks.setdefault(
            (report.event.type, person.person_id), Happening(person.person_id, first_s)
        )
        return _true(report, happening) if is_true else Verdict(report.event.confidence, False)

    def _left_s(self, person: Person) -> float:
        """When the person was last in view, seen or not."""
        return max(person.left_view_s(self._size), self._watched[person.person_id].seen[-1])

    def _asked(self, person: Person, watch: Watched) -> Iterator[tuple[EventType, Happening]]:
        key = person.person_id
        if _time_covered(watch.seen) >= 1.0:
            yield (
                EventType.APPEARANCE,
                self._appeared.get(key) or Happening(key, watch.seen[0]),
            )
        if key not in self._appeared:
            return
        if self._left_s(person) <= self._end_s - 15.0:
            gone = self._gone.get(key) or Happening(key, self._left_s(person))
            yield EventType.DISAPPEARANCE, gone
        from_s = self._appeared_s[key]
        for peak in person.peaks:
            if _is_readable(peak, [t for t in watch.read if t >= from_s]):
                met = self._peaks[key].get(peak)
                yield EventType.EMOTION_DETECTED, met or Happening(key, peak.start_s, peak)
        for rest in self._true_rests[key]:
            read = [t for t in watch.gazed if max(rest[0], from_s) <= t <= rest[1]]
            if _time_covered(read) >= 1.5:
                met = self._rests[key].get(rest)
                yield EventType.FOCUS_LOCKED, met or Happening(key, rest[0] + 1.0, rest)
        if _moves_clearly(person, watch):
            yield EventType.DIRECTION_ESTIMATED, self._ways.get(key) or Happening(key, from_s)
        if _time_covered(watch.read) >= 5.0:
            for event_type in (EventType.AGE_ESTIMATED, EventType.GENDER_ESTIMATED):
                met = self._looks.get((event_type, key))
                yield event_type, met or Happening(key, watch.read[0])


_JUDGES = {
    EventType.APPEARANCE: _Judge.appearance,
    EventType.DISAPPEARANCE: _Judge.disappearance,
    EventType.EMOTION_DETECTED: _Judge.emotion,
    EventType.FOCUS_LOCKED: _Judge.focus,
    EventType.DIRECTION_ESTIMATED: _Judge.direction,
    EventType.AGE_ESTIMATED: _Judge.age,
    EventType.GENDER_ESTIMATED: _Judge.gender,
}


def true_way(person: Person, from_s: float, to_s: float) -> tuple[Direction, float]:
    """The quadrant of the way from one time to another, and its length in sizes of the body."""
    x = y = 0.0
    steps = max(int((to_s - from_s) * 5), 1)
    before = person.body(from_s)
    for step in range(1, steps + 1):
        now = person.body(from_s + (to_s - from_s) * step / steps)
        size = math.sqrt((before.area + now.area) / 2)
        x += (now.center.x - before.center.x) / size
        y += (now.center.y - before.center.y) / size
        before = now
    if abs(x) >= abs(y):
        return (Direction.RIGHT if x > 0 else Direction.LEFT), math.hypot(x, y)
    return (Direction.DOWN if y > 0 else Direction.UP), math.hypot(x, y)


def _moves_clearly(person: Person, watch: Watched) -> bool:
    """Whether for 1 s, 2 s or more after the start, the way was a size or more in one quadrant."""
    first_s = since_s = watch.seen[0]
    last: Direction | None = None
    for time_s in watch.seen[::3]:
        quadrant, length = true_way(person, first_s, time_s)
        if time_s - first_s < 1.0 or length < 1.0:
            last = None
        elif quadrant is not last:
            last, since_s = quadrant, time_s
        elif time_s - since_s >= 1.0:
            return True
    return False


def _is_readable(peak: Peak, read: list[float]) -> bool:
    upper = [t for t in read if peak.at(t) >= 0.5 * peak.strength]
    return peak.strength >= 0.4 and _time_covered(upper) >= 0.6


def _time_covered(times: list[float]) -> float:
    """Seconds between times that follow one another within half a second."""
    return sum(b - a for a, b in pairwise(times) if b - a <= 0.5)


def _watched(recording: Recording) -> dict[int, Watched]:
    watched: dict[int, Watched] = defaultdict(Watched)
    for frame in recording.frames:
        time_s = frame.captured_at.monotonic_s
        for sighting in frame.sightings:
            if sighting.person_id is None:
                continue
            watch = watched[sighting.person_id]
            watch.seen.append(time_s)
            reading = sighting.reading
            if reading is not None:
                watch.read.append(time_s)
                if reading.geometry is not None and reading.geometry.gaze is not None:
                    watch.gazed.append(time_s)
    return dict(watched)


def _last_ages(reports: Iterable[Report]) -> dict[UUID, float]:
    """The age of each visit as it was shown last."""
    ages = {}
    for report in reports:
        years = _entity(report).age_years
        if years is not None:
            ages[report.event.entity_id] = years
    return ages


def _entity(report: Report) -> Entity:
    return next(e for e in report.state.entities if e.entity_id == report.event.entity_id)


def _true(report: Report, happening: Happening) -> Verdict:
    return Verdict(report.event.confidence, True, happening, report.time_s - happening.start_s)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
