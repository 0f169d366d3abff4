"""What holds from the detections to the documents, whatever is found and at whatever times."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.domain.detection import Detection, Part, Region
from edge_agent.domain.entity import SceneState
from edge_agent.domain.event import Event
from edge_agent.domain.frame import Instant
from edge_agent.domain.geometry import Box, Size
from edge_agent.domain.observation import (
    AgeEstimate,
    Emotion,
    Expression,
    GenderEstimate,
    Observation,
)
from edge_agent.domain.track import Track
from edge_agent.messages.composer import Composer
from edge_agent.messages.topics import Topics
from edge_agent.scene.scene import Scene
from edge_agent.settings import SceneSettings, TrackingSettings
from edge_agent.tracking.tracker import Tracker
from tests.contract import check

SIZE = Size(640, 480)
EPOCH = datetime(2026, 10, 26, 16, 21, tzinfo=timezone.utc)
INTERVAL_S = 1.0
TOPICS = Topics("edge_agent", "device", "camera")
KINDS = ("appearance", "disappearance")


@dataclass(frozen=True)
class Walker:
    """Somebody on a straight path that crosses those of others; missed in spells."""

    start_s: float
    end_s: float
    x: float
    y: float
    speed: float
    height: float
    miss_rate: float
    has_face: bool

    def detection(self, time_s: float, chance: random.Random) -> Detection | None:
        if not self.start_s <= time_s <= self.end_s or chance.random() < self.miss_rate:
            return None
        shake = [chance.gauss(0.0, 0.02 * self.height) for _ in range(2)]
        x = self.x + self.speed * (time_s - self.start_s) + shake[0]
        whole = Box(x, self.y + shake[1], 0.4 * self.height, self.height).clipped(SIZE)
        if whole.area < 50.0:
            return None
        score = min(max(chance.gauss(0.85, 0.1), 0.5), 0.99)
        face = Box(whole.x + 0.3 * whole.width, whole.y, 0.4 * whole.width, 0.15 * whole.height)
        return Detection(
            body=Region(Part.BODY, whole, score),
            face=Region(Part.FACE, face, score) if self.has_face else None,
        )


@dataclass
class Told:
    """What was published of one film."""

    scenes: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    emptied_s: list[float] = field(default_factory=list)
    end_s: float = 0.0


def _times(chance: random.Random) -> Iterator[tuple[float, float]]:
    """Capture times and how wrong the clock on the wall is: rates change, pauses come."""
    time_s, step_s, error_s = 0.0, chance.choice((1 / 30, 0.1, 0.2)), 0.0
    for _ in range(200):
        yield time_s, error_s
        time_s += step_s * chance.uniform(0.7, 1.3)
        if chance.random() < 0.02:
            step_s = chance.choice((1 / 30, 0.1, 0.2, 0.5))
        if chance.random() < 0.01:
            time_s += chance.uniform(1.0, 40.0)
        if chance.random() < 0.01:
            error_s = chance.uniform(-1e6, 1e6)


def _walker(chance: random.Random) -> Walker:
    start_s, speed = chance.uniform(0.0, 20.0), chance.choice((-1, 1)) * chance.uniform(0, 150)
    return Walker(
        start_s=start_s,
        end_s=start_s + chance.expovariate(1 / 12.0),
        x=chance.uniform(0.0, SIZE.width),
        y=chance.uniform(0.0, 200.0),
        speed=speed,
        height=chance.uniform(60.0, 240.0),
        miss_rate=chance.choice((0.0, 0.1, 0.6)),
        has_face=chance.random() < 0.5,
    )


def _reading(track: Track, chance: random.Random) -> Observation:
    shares = [chance.random() ** 4 for _ in Emotion]
    intensities = tuple(share / sum(shares) for share in shares)
    return Observation(
        track.track_id,
        face_quality=chance.random(),
        expression=Expression(intensities, max(intensities), intensities[1]),
        age=AgeEstimate(chance.uniform(1.0, 90.0), chance.uniform(2.0, 9.0)),
        gender=GenderEstimate(chance.random()),
    )


def _play(seed: int) -> Told:
    chance = random.Random(seed)
    walkers = [_walker(chance) for _ in range(chance.randint(1, 6))]
    tracker, scene = Tracker(TrackingSettings()), Scene(SceneSettings())
    composer, told = Composer(TOPICS, interval_s=INTERVAL_S), Told()
    in_view = 0
    for time_s, error_s in _times(chance):
        now = Instant(EPOCH + timedelta(seconds=time_s + error_s), 1000.0 + time_s)
        found = [one for walker in walkers if (one := walker.detection(time_s, chance))]
        chance.shuffle(found)
        tracks = tracker.update(tuple(found), now, SIZE)
        readings = tuple(
            _reading(track, chance)
            for track in tracks
            if track.detection is not None and track.detection.face is not None
        )
        state, events = scene.advance(tracks, readings, now, SIZE)
        _note(told, composer, time_s, state, events)
        if in_view and not state.present:
            told.emptied_s.append(time_s)
        in_view, told.end_s = len(state.present), time_s
    closed, endings = scene.close(now)
    _note(told, composer, told.end_s, closed, endings)
    return told


def _note(
    told: Told,
    composer: Composer,
    time_s: float,
    state: SceneState,
    events: tuple[Event, ...],
) -> None:
    for message in composer.compose(state, events, SIZE):
        if message.topic == TOPICS.scene:
            told.scenes.append(json.loads(message.payload))
            told.times_s.append(time_s)
        elif message.topic == TOPICS.event:
            told.events.append(json.loads(message.payload))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_every_visit_is_told_from_its_appearance_to_its_disappearance(seed: int) -> None:
    told = _play(seed)
    visits = defaultdict(list)
    for event in told.events:
        visits[event["entity_id"]].append(event["type"])
        assert 0.0 <= event["confidence"] <= 1.0
    for types in visits.values():
        assert types[0] == "appearance"
        assert types[-1] == "disappearance"
        assert [types.count(kind) for kind in KINDS] == [1, 1]
    assert [event["sequence"] for event in told.events] == [*range(1, len(told.events) + 1)]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_every_event_resolves_in_its_document_and_ids_are_used_once(seed: int) -> None:
    told = _play(seed)
    gone: set[str] = set()
    for document in told.scenes:
        check("scene", document)
        assert gone.isdisjoint(document["entities"])
        for event in document["events"]:
            assert document["entities"][event["entity_id"]][event["key"]] is not None
        gone |= {e["entity_id"] for e in document["events"] if e["type"] == "disappearance"}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_document_without_people_follows_when_the_last_one_has_left(seed: int) -> None:
    told = _play(seed)
    for emptied_s in told.emptied_s:
        later = [
            document
            for time_s, document in zip(told.times_s, told.scenes, strict=True)
            if time_s > emptied_s
        ]
        if told.end_s >= emptied_s + INTERVAL_S:
            assert later
            events = later[0]["events"]
            newcomers = {one["entity_id"] for one in events if one["type"] == "appearance"}
            assert set(later[0]["entities"]) == newcomers


def test_the_unsure_appear_at_about_the_same_time_at_every_frame_rate() -> None:
    """The scene does not wait for the tracker to confirm a track, which takes a number of looks."""
    appeared_s = []
    for rate in (5, 10, 30):
        tracker, scene = Tracker(TrackingSettings()), Scene(SceneSettings())
        found = (Detection(body=Region(Part.BODY, Box(300.0, 100.0, 80.0, 200.0), 0.7)),)
        for step in range(5 * rate):
            now = Instant(EPOCH + timedelta(seconds=step / rate), step / rate)
            _, events = scene.advance(tracker.update(found, now, SIZE), (), now, SIZE)
            appeared_s += [step / rate for event in events if event.type.value == "appearance"]
    assert len(appeared_s) == 3
    assert max(appeared_s) - min(appeared_s) <= 0.6
    assert max(appeared_s) <= 2.0
