"""Tells stories to a scene: who is where when, what their face shows; and notes the events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import count
from uuid import UUID

from edge_agent.domain.detection import Detection, FaceLandmarks, Part, Region
from edge_agent.domain.entity import Entity, SceneState
from edge_agent.domain.event import Event, EventType
from edge_agent.domain.frame import Instant
from edge_agent.domain.geometry import Box, Gaze, HeadPose, Point, Size
from edge_agent.domain.observation import (
    AgeEstimate,
    Emotion,
    Expression,
    FaceGeometry,
    GenderEstimate,
    Observation,
)
from edge_agent.domain.track import Track
from edge_agent.scene.scene import Scene
from edge_agent.settings import SceneSettings, SensitivitySettings

SIZE = Size(640, 480)
EPOCH = datetime(2026, 10, 26, 16, 21, tzinfo=timezone.utc)


def instant(time_s: float, clock_error_s: float = 0.0) -> Instant:
    """A capture time; the wall clock may be wrong, the monotonic one is not."""
    return Instant(EPOCH + timedelta(seconds=time_s + clock_error_s), 1000.0 + time_s)


def settings(**sensitivities: float) -> SceneSettings:
    """The default settings with these sensitivities."""
    return SceneSettings(sensitivity=SensitivitySettings(**sensitivities))


def expression(**intensities: float) -> Expression:
    """An expression of these intensities; neutral takes the rest."""
    named = {Emotion(name): value for name, value in intensities.items()}
    named[Emotion.NEUTRAL] = 1.0 - sum(named.values())
    values = tuple(named.get(emotion, 0.0) for emotion in Emotion)
    return Expression(values, max(values), named.get(Emotion.HAPPINESS, 0.0))


A_BODY = Box(250.0, 100.0, 100.0, 260.0)
A_FACE = Box(280.0, 105.0, 36.0, 45.0)
STILL = Point(0.0, 0.0)


@dataclass(frozen=True)
class Shown:
    """One person in one frame, as the story tells it. None: not seen, not read."""

    body: Box | None = A_BODY
    face: Box | None = A_FACE
    score: float = 0.95
    face_score: float | None = None
    """That of the face, where it differs."""
    shows_face: bool = True
    """Whether what was found as a face is one."""
    expression: Expression | None = field(default_factory=expression)
    gaze: Gaze | None = None
    head: HeadPose | None = None
    years: float | None = None
    years_deviation: float = 3.0
    female: float | None = None
    eyes_open: float = 1.0
    quality: float = 0.9
    velocity: Point = STILL
    """In pixels per second, as a tracker tells it."""


@dataclass(frozen=True)
class Said:
    """One event, when it was given and the entity that it is about, in the same state."""

    time_s: float
    event: Event
    entity: Entity

    @property
    def type(self) -> EventType:
        return self.event.type


Story = Callable[[float], Shown | None]
"""What is seen of a person at a time in seconds; None when nothing is."""


class Stage:
    """A scene with a perfect tracker before it; `people` are their stories by track id."""

    def __init__(self, settings: SceneSettings | None = None) -> None:
        self.scene = Scene(settings or SceneSettings(), new_id=numbered_ids())
        self.said: list[Said] = []
        self.states: list[SceneState] = []
        self._tracks: dict[int, Track] = {}

    def play(
        self,
        people: dict[int, Story],
        until_s: float,
        *,
        from_s: float = 0.0,
        frame_rate: float = 10.0,
        clock_error_s: Callable[[float], float] = lambda _: 0.0,
    ) -> list[Said]:
        """Plays the stories; gives everything said so far."""
        steps = round((until_s - from_s) * frame_rate)
        for step in range(steps):
            time_s = from_s + step / frame_rate
            shown = {track_id: story(time_s) for track_id, story in people.items()}
            self.frame(time_s, shown, clock_error_s(time_s))
        return self.said

    def frame(
        self, time_s: float, shown: dict[int, Shown | None], clock_error_s: float = 0.0
    ) -> SceneState:
        now = instant(time_s, clock_error_s)
        for track_id, one in shown.items():
            self._follow(track_id, one, now)
        observations = tuple(
            observation_of(track_id, one) for track_id, one in shown.items() if one is not None
        )
        state, events = self.scene.advance(tuple(self._tracks.values()), observations, now, SIZE)
        return self._note(time_s, state, events)

    def close(self, time_s: float) -> SceneState:
        state, events = self.scene.close(instant(time_s))
        return self._note(time_s, state, events)

    def forget(self, track_id: int) -> None:
        """The tracker gives up on a track."""
        self._tracks.pop(track_id, None)

    def of(self, event_type: EventType) -> list[Said]:
        return [said for said in self.said if said.type is event_type]

    def _note(self, time_s: float, state: SceneState, events: tuple[Event, ...]) -> SceneState:
        self.states.append(state)
        entities = {entity.entity_id: entity for entity in state.entities}
        self.said += [Said(time_s, event, entities[event.entity_id]) for event in events]
        return state

    def _follow(self, track_id: int, shown: Shown | None, now: Instant) -> None:
        track = self._tracks.get(track_id)
        detection = detection_of(shown) if shown is not None else None
        if detection is None:
            if track is not None:
                self._tracks[track_id] = carried_on(track)
            return
        self._tracks[track_id] = track_of(track_id, track, detection, shown.velocity, now)


def numbered_ids() -> Callable[[], UUID]:
    numbers: Iterator[int] = count(1)
    return lambda: UUID(int=next(numbers), version=4)


def detection_of(shown: Shown) -> Detection | None:
    if shown.body is None and shown.face is None:
        return None
    return Detection(
        face=Region(
            Part.FACE, shown.face, shown.face_score or shown.score, landmarks_in(shown.face)
        )
        if shown.face is not None
        else None,
        body=Region(Part.BODY, shown.body, shown.score) if shown.body is not None else None,
    )


def landmarks_in(face: Box) -> FaceLandmarks:
    def at(x: float, y: float) -> Point:
        return Point(face.x + x * face.width, face.y + y * face.height)

    return FaceLandmarks(at(0.3, 0.4), at(0.7, 0.4), at(0.5, 0.6), at(0.35, 0.8), at(0.65, 0.8))


def observation_of(track_id: int, shown: Shown) -> Observation:
    if not shown.shows_face:
        return Observation(track_id, geometry=FaceGeometry(shows_face=False))
    geometry = FaceGeometry(
        head=shown.head,
        head_confidence=0.9 if shown.head else 0.0,
        gaze=shown.gaze,
        gaze_confidence=0.9 if shown.gaze else 0.0,
        eyes_open=shown.eyes_open,
    )
    return Observation(
        track_id,
        face_quality=shown.quality,
        expression=shown.expression,
        age=AgeEstimate(shown.years, shown.years_deviation) if shown.years is not None else None,
        gender=GenderEstimate(shown.female) if shown.female is not None else None,
        geometry=geometry,
    )


def track_of(
    track_id: int, before: Track | None, detection: Detection, velocity: Point, now: Instant
) -> Track:
    face = detection.face.box if detection.face else (before.face_box if before else None)
    body = detection.body.box if detection.body else (before.body_box if before else None)
    return Track(
        track_id=track_id,
        detection=detection,
        face_box=face,
        body_box=body,
        velocity=velocity,
        first_seen=before.first_seen if before else now,
        last_seen=now,
        hits=before.hits + 1 if before else 1,
    )


def carried_on(track: Track) -> Track:
    return Track(
        track_id=track.track_id,
        detection=None,
        face_box=track.face_box,
        body_box=track.body_box,
        velocity=track.velocity,
        first_seen=track.first_seen,
        last_seen=track.last_seen,
        hits=track.hits,
    )


def value_at_key(entity: Entity, key: str) -> object:
    """What the document shows under an event's key."""
    if key.startswith("emotion_"):
        shown = entity.expression
        return None if shown is None else shown.intensity(Emotion(key.removeprefix("emotion_")))
    return {
        "full_body_roi": entity.body,
        "face_roi": entity.face,
        "age": entity.age_years,
        "gender": entity.gender,
        "gaze": entity.gaze,
        "direction": entity.direction,
    }[key]
