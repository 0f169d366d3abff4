"""Everybody in view, and what has just happened to them."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

from edge_agent.domain.entity import SceneState
from edge_agent.domain.event import Event
from edge_agent.domain.frame import Instant
from edge_agent.domain.geometry import Size
from edge_agent.domain.observation import Observation
from edge_agent.domain.track import Track
from edge_agent.scene.look import LONGEST_STEP_S, Look, Moment
from edge_agent.scene.visit import Visit
from edge_agent.settings import SceneSettings


class Scene:
    """The floor: one visit per person, begun when they are seen, dropped when they have gone.

    A track that is taken up again after its visit has ended begins a new one, with a new id.
    Tracks count from their first detection on, also while `Track.is_confirmed` is False: that is
    the tracker's count of looks, for drawing tracks by themselves. Here `presence` weighs the same
    looks, by time instead of number, and says how probable it is that somebody is there; a second
    bar before it would only have people appear later at lower frame rates.
    """

    def __init__(self, settings: SceneSettings, *, new_id: Callable[[], UUID] = uuid4) -> None:
        self._settings = settings
        self._new_id = new_id
        self._visits: dict[int, Visit] = {}
        self._latest: Instant | None = None

    def advance(
        self,
        tracks: tuple[Track, ...],
        observations: tuple[Observation, ...],
        captured_at: Instant,
        frame_size: Size,
    ) -> tuple[SceneState, tuple[Event, ...]]:
        """Takes up one frame. Frames come in the order of their capture, at any rate.

        The state shows everybody who has appeared, and a last time those who have just gone.
        """
        boxes = tuple(track.leading_box for track in tracks if track.is_seen)
        moment = Moment(captured_at, self._step_s(captured_at), frame_size, boxes)
        seen = {track.track_id: track for track in tracks}
        read = {observation.track_id: observation for observation in observations}
        self._welcome(seen, captured_at)
        events: list[Event] = []
        for track_id, visit in self._visits.items():
            events += visit.advance(Look(moment, seen.get(track_id), read.get(track_id)))
        return self._settle(captured_at), tuple(events)

    def close(self, captured_at: Instant) -> tuple[SceneState, tuple[Event, ...]]:
        """Ends every visit, because the agent stops; everybody is shown a last time."""
        events = [event for visit in self._visits.values() for event in visit.close()]
        return self._settle(captured_at), tuple(events)

    def _step_s(self, captured_at: Instant) -> float:
        step_s = captured_at.since(self._latest) if self._latest is not None else 0.0
        self._latest = captured_at
        return min(max(step_s, 0.0), LONGEST_STEP_S)

    def _welcome(self, seen: dict[int, Track], captured_at: Instant) -> None:
        for track_id, track in seen.items():
            if track.is_seen and track_id not in self._visits:
                self._visits[track_id] = Visit(self._new_id(), captured_at, self._settings)

    def _settle(self, captured_at: Instant) -> SceneState:
        shown = [visit for visit in self._visits.values() if visit.has_appeared]
        state = SceneState(
            captured_at=captured_at,
            entities=tuple(visit.entity(captured_at) for visit in shown),
            gone=frozenset(visit.entity_id for visit in shown if visit.is_over),
        )
        self._visits = {key: visit for key, visit in self._visits.items() if not visit.is_over}
        return state
