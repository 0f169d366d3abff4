"""One person's stay in view, from the first sighting to the disappearance."""

from __future__ import annotations

from uuid import UUID

from edge_agent.domain.entity import Entity
from edge_agent.domain.event import Event, EventType
from edge_agent.domain.frame import Instant
from edge_agent.scene.attention import Attention
from edge_agent.scene.demographics import AGE_TOLERANCE_YEARS, AgePosterior, GenderPosterior
from edge_agent.scene.direction import DirectionRule
from edge_agent.scene.emotion import EmotionRule
from edge_agent.scene.focus import FocusRule
from edge_agent.scene.look import Look
from edge_agent.scene.portrait import BODY_KEY, FACE_KEY, Portrait
from edge_agent.scene.presence import Absence, Presence
from edge_agent.scene.reporting import AtMostTwice, OncePerEpisode, Reporter, Rule, threshold
from edge_agent.settings import SceneSettings

SILENT_THRESHOLD = 0.65
"""Confidence from which a person counts as there, or as gone, when that event is turned off."""

CANDIDATE_THRESHOLD = 0.5
"""Confidence from which one who never appeared counts as gone: that of the highest sensitivity."""

GENDER_MOVE = 0.5
"""Between 0 (female) and 1 (male): only the other gender has moved."""


class Visit:
    """Everything known of one person, and which of it has been reported.

    Until the appearance is reported the visit is a candidate: nothing is shown of it and no other
    event comes out. It then gathers evidence all the same, so that nothing it learns is late.
    """

    def __init__(self, entity_id: UUID, first_seen: Instant, settings: SceneSettings) -> None:
        sensitivity = settings.sensitivity
        self.entity_id = entity_id
        self.has_appeared = False
        self.is_over = False
        self._first_seen = self._last_seen = first_seen
        self._key = ""
        self._appearance_threshold = threshold(sensitivity.appearance)
        self._disappearance_threshold = threshold(sensitivity.disappearance)
        self._presence = Presence()
        self._absence = Absence(settings.occlusion_s)
        self._portrait = Portrait(settings.smoothing_s)
        self._attention = Attention(settings.attention_cone_rad)
        self._age = AgePosterior()
        self._gender = GenderPosterior()
        self._direction = DirectionRule()
        self._rules: tuple[tuple[EventType, Rule, Reporter], ...] = (
            (
                EventType.DIRECTION_ESTIMATED,
                self._direction,
                OncePerEpisode(sensitivity.direction_estimated),
            ),
            (
                EventType.AGE_ESTIMATED,
                self._age,
                AtMostTwice(sensitivity.age_estimated, AGE_TOLERANCE_YEARS),
            ),
            (
                EventType.GENDER_ESTIMATED,
                self._gender,
                AtMostTwice(sensitivity.gender_estimated, GENDER_MOVE),
            ),
            (EventType.FOCUS_LOCKED, FocusRule(), OncePerEpisode(sensitivity.focus_locked)),
            (
                EventType.EMOTION_DETECTED,
                EmotionRule(),
                OncePerEpisode(sensitivity.emotion_detected),
            ),
        )

    def advance(self, look: Look) -> list[Event]:
        """Takes up one frame; gives the events in their order, a disappearance last."""
        self._presence.advance(look)
        self._absence.advance(look)
        self._portrait.advance(look)
        self._attention.advance(look)
        if look.sighting is not None:
            self._last_seen = look.moment.captured_at
        events = [] if self.has_appeared else self._appearance(look)
        return [*events, *self._happenings(look), *self._disappearance()]

    def close(self) -> list[Event]:
        """Ends the visit because the agent stops: it is over for certain."""
        self.is_over = True
        if not self.has_appeared or self._disappearance_threshold is None:
            return []
        return [self._event(EventType.DISAPPEARANCE, 1.0, self._key)]

    def entity(self, now: Instant) -> Entity:
        """What is shown of the person at `now`."""
        time_s = now.monotonic_s
        portrait = self._portrait
        face, face_confidence = portrait.face.shown(time_s, always=self._key == FACE_KEY)
        body, body_confidence = portrait.body.shown(time_s, always=self._key == BODY_KEY)
        landmarks, landmarks_confidence = portrait.landmarks(time_s, face)
        head, head_confidence = portrait.head(time_s)
        gaze, gaze_confidence = portrait.gaze(time_s)
        return Entity(
            entity_id=self.entity_id,
            first_seen=self._first_seen,
            dwell_s=self._last_seen.since(self._first_seen),
            attention_s=self._attention.total_s,
            face=face,
            face_roi_confidence=face_confidence,
            body=body,
            body_confidence=body_confidence,
            landmarks=landmarks,
            landmarks_confidence=landmarks_confidence,
            age_years=self._age.years,
            age_confidence=self._age.confidence,
            gender=self._gender.gender,
            gender_confidence=self._gender.confidence,
            expression=portrait.expression(time_s),
            head=head,
            head_confidence=head_confidence,
            gaze=gaze,
            gaze_confidence=gaze_confidence,
            eyes_open=portrait.eyes_open(time_s),
            direction=self._direction.direction,
        )

    def _appearance(self, look: Look) -> list[Event]:
        confidence = self._presence.confidence
        least = (
            SILENT_THRESHOLD if self._appearance_threshold is None else self._appearance_threshold
        )
        key = self._portrait.seen_key
        if look.sighting is None or key is None or confidence < least:
            return []
        self.has_appeared = True
        self._key = key
        if self._appearance_threshold is None:
            return []
        return [self._event(EventType.APPEARANCE, confidence, key)]

    def _happenings(self, look: Look) -> list[Event]:
        """The events between appearance and disappearance. The rules learn before it, too."""
        return [
            self._event(event_type, finding.confidence, finding.key)
            for event_type, rule, reporter in self._rules
            for finding in rule.advance(look)
            if self.has_appeared and reporter.reports(finding)
        ]

    def _disappearance(self) -> list[Event]:
        confidence = self._absence.confidence
        if not self.has_appeared:
            self.is_over = confidence >= CANDIDATE_THRESHOLD
            return []
        least = self._disappearance_threshold
        self.is_over = confidence >= (SILENT_THRESHOLD if least is None else least)
        if not self.is_over or least is None:
            return []
        return [self._event(EventType.DISAPPEARANCE, confidence, self._key)]

    def _event(self, event_type: EventType, confidence: float, key: str) -> Event:
        return Event(self.entity_id, event_type, confidence, key)
