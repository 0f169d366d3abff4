"""The documents of the contract, as JSON values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

from edge_agent.domain.detection import FaceLandmarks
from edge_agent.domain.entity import Entity, SceneState
from edge_agent.domain.event import Event
from edge_agent.domain.geometry import Box, Point, Size
from edge_agent.domain.observation import Emotion, Expression

Json = dict[str, Any]

CONFIDENCE_DIGITS = 4
SECONDS_DIGITS = 2


def scene_document(state: SceneState, events: Iterable[Event], frame_size: Size) -> Json:
    """The scene document: everybody in view, and what happened in this frame."""
    return {
        "timestamp": timestamp(state.captured_at.utc),
        "events": [event_fields(event) for event in events],
        "entities": {
            str(entity.entity_id): entity_document(entity, frame_size) for entity in state.entities
        },
    }


def event_fields(event: Event) -> Json:
    return {
        "entity_id": str(event.entity_id),
        "entity_type": event.entity_type,
        "type": event.type.value,
        "confidence": _unit(event.confidence),
        "key": event.key,
    }


def entity_document(entity: Entity, frame_size: Size) -> Json:
    """Every key of the contract; what is not estimated has confidence 0 and a neutral value."""
    head, gaze = entity.head, entity.gaze
    return {
        "face_roi": _box(entity.face, frame_size),
        "face_roi_confidence": _unit(entity.face_roi_confidence if entity.face else 0.0),
        "full_body_roi": _box(entity.body, frame_size),
        "full_body_roi_confidence": _unit(entity.body_confidence if entity.body else 0.0),
        "age": None if entity.age_years is None else round(entity.age_years),
        "age_confidence": _unit(0.0 if entity.age_years is None else entity.age_confidence),
        "gender": None if entity.gender is None else entity.gender.value,
        "gender_confidence": _unit(0.0 if entity.gender is None else entity.gender_confidence),
        **_expression(entity.expression),
        **_landmarks(entity.landmarks, entity.landmarks_confidence, frame_size),
        "gaze": [0.0, 0.0] if gaze is None else _rounded(gaze.yaw_rad, gaze.pitch_rad),
        "gaze_confidence": _unit(0.0 if gaze is None else entity.gaze_confidence),
        "head": [0.0, 0.0, 0.0]
        if head is None
        else _rounded(head.yaw_rad, head.pitch_rad, head.roll_rad),
        "head_confidence": _unit(0.0 if head is None else entity.head_confidence),
        **_eyes_open(entity.eyes_open),
        "direction": entity.direction.value,
        "first_seen": timestamp(entity.first_seen.utc),
        "dwell_s": round(entity.dwell_s, SECONDS_DIGITS),
        "attention_s": round(entity.attention_s, SECONDS_DIGITS),
    }


def timestamp(utc: datetime) -> str:
    """ISO 8601 in UTC, always with microseconds."""
    return utc.astimezone(timezone.utc).isoformat(timespec="microseconds")


def encoded(document: Json) -> bytes:
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()


def emotion_fields(expression: Expression | None) -> dict[str, float]:
    """The intensity of each of the eight emotions by its plain name; zeros when not estimated.

    Digits beyond the fourth are cut, not rounded, so that a sum of at most 1 stays one.
    """
    scale = 10**CONFIDENCE_DIGITS
    return {
        emotion.value: 0.0
        if expression is None
        else int(min(max(expression.intensity(emotion), 0.0), 1.0) * scale) / scale
        for emotion in Emotion
    }


def _expression(expression: Expression | None) -> Json:
    intensities = emotion_fields(expression)
    return {
        **{f"emotion_{name}": intensity for name, intensity in intensities.items()},
        "emotion_smiling_degree": _unit(expression.smiling_degree if expression else 0.0),
        "emotion_confidence": _unit(expression.confidence if expression else 0.0),
    }


def _eyes_open(probability: float | None) -> Json:
    if probability is None:
        return {"eyes_open": None, "eyes_open_confidence": 0.0}
    is_open = probability >= 0.5
    confidence = probability if is_open else 1.0 - probability
    return {"eyes_open": is_open, "eyes_open_confidence": _unit(confidence)}


def _landmarks(landmarks: FaceLandmarks | None, confidence: float, size: Size) -> Json:
    if landmarks is None:
        return {
            "face_eye": [[0, 0], [0, 0]],
            "face_mouth": [0, 0],
            "face_nose": [0, 0],
            "face_confidence": 0.0,
        }
    return {
        "face_eye": [_point(landmarks.left_eye, size), _point(landmarks.right_eye, size)],
        "face_mouth": _point(landmarks.mouth, size),
        "face_nose": _point(landmarks.nose, size),
        "face_confidence": _unit(confidence),
    }


def _box(box: Box | None, size: Size) -> list[int]:
    """Whole pixels, so that both edges are the rounded ones of the box clipped to the frame."""
    if box is None:
        return [0, 0, 0, 0]
    inside = box.clipped(size)
    left, top = round(inside.x), round(inside.y)
    return [left, top, round(inside.right) - left, round(inside.bottom) - top]


def _point(point: Point, size: Size) -> list[int]:
    inside = point.clipped(size)
    return [round(inside.x), round(inside.y)]


def _rounded(*angles: float) -> list[float]:
    return [round(angle, CONFIDENCE_DIGITS) for angle in angles]


def _unit(value: float) -> float:
    return round(min(max(value, 0.0), 1.0), CONFIDENCE_DIGITS)
