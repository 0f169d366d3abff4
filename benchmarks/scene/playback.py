"""Plays a recording to a tracker and a scene."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from benchmarks.scene.recording import Recording, Sighting, SimulatedFrame
from edge_agent.domain.detection import Detection
from edge_agent.domain.entity import SceneState
from edge_agent.domain.event import Event, EventType
from edge_agent.domain.frame import Instant
from edge_agent.domain.geometry import Box, Point, Size
from edge_agent.domain.observation import Observation
from edge_agent.domain.track import Track
from edge_agent.scene.scene import Scene
from edge_agent.settings import SceneSettings, TrackingSettings
from edge_agent.tracking.tracker import Tracker


@dataclass(frozen=True, slots=True)
class TrackedFrame:
    """One frame as it enters the scene; `owners` says whose each track so far is."""

    captured_at: Instant
    tracks: tuple[Track, ...]
    observations: tuple[Observation, ...]
    owners: dict[int, int | None]


@dataclass(frozen=True, slots=True)
class Report:
    """One event, when it was given, in what state, and whose it is (None: nobody's)."""

    event: Event
    state: SceneState
    person_id: int | None

    @property
    def time_s(self) -> float:
        return self.state.captured_at.monotonic_s


class TrueTracker:
    """Knows whose each detection is: what a perfect tracker would make of them."""

    def __init__(self, memory_s: float = 10.0) -> None:
        self._memory_s = memory_s
        self._tracks: dict[int, Track] = {}
        self._next_id = 1
        self._sources: dict[int, int] = {}

    def identify(self, sightings: tuple[Sighting, ...]) -> None:
        self._sources = {id(sighting.detection): sighting.source for sighting in sightings}

    def update(
        self, detections: tuple[Detection, ...], captured_at: Instant, frame_size: Size | None
    ) -> tuple[Track, ...]:
        found = {self._sources[id(detection)]: detection for detection in detections}
        for source, track in tuple(self._tracks.items()):
            if captured_at.since(track.last_seen) > self._memory_s:
                del self._tracks[source]
            else:
                self._tracks[source] = replace(track, detection=None)
        for source, detection in found.items():
            self._tracks[source] = self._seen(self._tracks.get(source), detection, captured_at)
        return tuple(self._tracks.values())

    def _seen(self, before: Track | None, detection: Detection, now: Instant) -> Track:
        face = detection.face.box if detection.face is not None else None
        body = detection.body.box if detection.body is not None else None
        if before is None:
            track_id, self._next_id = self._next_id, self._next_id + 1
            return Track(track_id, detection, face, body, Point(0.0, 0.0), now, now, 1)
        return replace(
            before,
            detection=detection,
            face_box=face or _carried(before.face_box, before.body_box, body),
            body_box=body or _carried(before.body_box, before.face_box, face),
            velocity=_velocity(before, detection, now),
            last_seen=now,
            hits=before.hits + 1,
        )


def tracked(recording: Recording, *, truly: bool = False) -> list[TrackedFrame]:
    """The frames of a recording after the tracker, or one that `truly` knows, went over them."""
    tracker = TrueTracker() if truly else Tracker(TrackingSettings())
    owners: dict[int, Counter[int | None]] = defaultdict(Counter)
    last_seen_s: dict[int, float] = {}
    frames = []
    for frame in recording.frames:
        if isinstance(tracker, TrueTracker):
            tracker.identify(frame.sightings)
        detections = tuple(sighting.detection for sighting in frame.sightings)
        tracks = tracker.update(detections, frame.captured_at, recording.size)
        _forget_owners(tracks, frame.captured_at, owners, last_seen_s)
        frames.append(_attributed(frame, tracks, owners))
    return frames


def play(
    frames: Iterable[TrackedFrame],
    size: Size,
    settings: SceneSettings,
    new_id: Callable[[], UUID] = uuid4,
) -> list[Report]:
    """Every event that a scene gives for these frames."""
    scene = Scene(settings, new_id=new_id)
    reports: list[Report] = []
    track_ids: dict[UUID, int] = {}
    for frame in frames:
        state, events = scene.advance(frame.tracks, frame.observations, frame.captured_at, size)
        for event in events:
            if event.type is EventType.APPEARANCE:
                track_ids[event.entity_id] = _track_shown_by(event, state, frame, size)
            owner = frame.owners[track_ids[event.entity_id]]
            reports.append(Report(event, state, owner))
    return reports


def _forget_owners(
    tracks: tuple[Track, ...],
    now: Instant,
    owners: dict[int, Counter[int | None]],
    last_seen_s: dict[int, float],
) -> None:
    """Whoever a track takes up after so long that the visit may be over may be somebody else."""
    for track in tracks:
        if track.is_seen:
            before_s = last_seen_s.get(track.track_id, now.monotonic_s)
            if now.monotonic_s - before_s > SceneSettings().occlusion_s:
                owners[track.track_id].clear()
            last_seen_s[track.track_id] = now.monotonic_s


def _attributed(
    frame: SimulatedFrame,
    tracks: tuple[Track, ...],
    owners: dict[int, Counter[int | None]],
) -> TrackedFrame:
    """The frame with the tracks' owners: of each, whose detections it has had most, of late."""
    by_detection = {id(sighting.detection): sighting for sighting in frame.sightings}
    observations = []
    for track in tracks:
        if track.detection is None:
            continue
        sighting = by_detection[id(track.detection)]
        owners[track.track_id][sighting.person_id] += 1
        if sighting.reading is not None:
            observations.append(replace(sighting.reading, track_id=track.track_id))
    majority = {key: counts.most_common(1)[0][0] for key, counts in owners.items()}
    return TrackedFrame(frame.captured_at, tracks, tuple(observations), majority)


def _track_shown_by(event: Event, state: SceneState, frame: TrackedFrame, size: Size) -> int:
    """The track of an entity that has just appeared: the one whose box it shows."""
    entity = next(one for one in state.entities if one.entity_id == event.entity_id)
    for track in frame.tracks:
        boxes = (track.body_box, track.face_box)
        if track.is_seen and any(
            box is not None and box.clipped(size) in (entity.body, entity.face) for box in boxes
        ):
            return track.track_id
    raise AssertionError("an entity appeared without a track that was seen")


def _carried(box: Box | None, other: Box | None, other_now: Box | None) -> Box | None:
    """The box of a part that is not seen: it goes where the other part goes."""
    if box is None or other is None or other_now is None:
        return box
    return box.moved(other_now.center.x - other.center.x, other_now.center.y - other.center.y)


def _velocity(before: Track, detection: Detection, now: Instant) -> Point:
    """A running mean of the centre's speed with a time constant of 0.3 s."""
    region = detection.body or detection.face
    assert region is not None
    earlier = before.body_box if detection.body is not None else before.face_box
    step_s = now.since(before.last_seen)
    if earlier is None or step_s <= 0.0:
        return before.velocity
    share = 1.0 - math.exp(-step_s / 0.3)
    moved_x = (region.box.center.x - earlier.center.x) / step_s
    moved_y = (region.box.center.y - earlier.center.y) / step_s
    return Point(
        before.velocity.x + share * (moved_x - before.velocity.x),
        before.velocity.y + share * (moved_y - before.velocity.y),
    )
