"""A person in view and the scene they are in, as the rest of the world gets to know them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from edge_agent.domain.detection import FaceLandmarks
from edge_agent.domain.frame import Instant
from edge_agent.domain.geometry import Box, Gaze, HeadPose
from edge_agent.domain.observation import Expression, Gender


class Direction(str, Enum):
    """Where a person moves in the image, averaged over the visit."""

    UNKNOWN = "unknown"
    UP = "up"
    RIGHT = "right"
    LEFT = "left"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Entity:
    """One person in view, by all that the visit has told so far.

    None means not estimated; the confidence beside it is then 0. Boxes are in pixels of the full
    frame and clipped to it. `dwell_s` is the time in view, `attention_s` the part of it spent
    looking towards the camera.
    """

    entity_id: UUID
    first_seen: Instant
    dwell_s: float
    attention_s: float
    face: Box | None = None
    face_roi_confidence: float = 0.0
    body: Box | None = None
    body_confidence: float = 0.0
    landmarks: FaceLandmarks | None = None
    landmarks_confidence: float = 0.0
    age_years: float | None = None
    age_confidence: float = 0.0
    gender: Gender | None = None
    gender_confidence: float = 0.0
    expression: Expression | None = None
    head: HeadPose | None = None
    head_confidence: float = 0.0
    gaze: Gaze | None = None
    gaze_confidence: float = 0.0
    eyes_open: float | None = None
    """The probability that the eyes are open."""
    direction: Direction = Direction.UNKNOWN


@dataclass(frozen=True, slots=True)
class SceneState:
    """Everybody in view at one capture time, in the order of their arrival.

    A person whose disappearance is among the events of the same step is still here, with their
    last state; `gone` holds their ids. The next state has them no more.
    """

    captured_at: Instant
    entities: tuple[Entity, ...]
    gone: frozenset[UUID] = frozenset()

    @property
    def present(self) -> tuple[Entity, ...]:
        """Those who are still in view when this step is done."""
        return tuple(entity for entity in self.entities if entity.entity_id not in self.gone)
