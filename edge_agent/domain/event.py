"""What happened in the scene, in the words of the contract."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from uuid import UUID


class EventType(str, Enum):
    APPEARANCE = "appearance"
    DISAPPEARANCE = "disappearance"
    AGE_ESTIMATED = "age_estimated"
    GENDER_ESTIMATED = "gender_estimated"
    FOCUS_LOCKED = "focus_locked"
    EMOTION_DETECTED = "emotion_detected"
    DIRECTION_ESTIMATED = "direction_estimated"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one entity.

    `confidence` is the probability in [0, 1] that it really occurred. `key` names the field of
    the entity, in the same scene, that holds the event's value.
    """

    entity_id: UUID
    type: EventType
    confidence: float
    key: str
    entity_type: str = "human"
