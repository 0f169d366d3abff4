"""One frame's detections as arrays, and what is remembered of each tracked person."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from edge_agent.domain.detection import Detection, Part, Region
from edge_agent.domain.frame import Instant
from edge_agent.domain.geometry import Box, Point
from edge_agent.domain.track import Track
from edge_agent.tracking.anatomy import HEAD_DOUBT, Relation, coordinates, face_like
from edge_agent.tracking.clothing import Clothing
from edge_agent.tracking.motion import Floats, Mask

EVIDENCE_TO_CONFIRM = 6.0
"""Summed log odds of a track's detections with which it counts as a person."""
TENTATIVE_S = 0.3
"""Seconds without a detection after which a track of a single look is a false box."""
TENTATIVE_S_PER_EVIDENCE = 0.15
"""Seconds more for each of the log odds that its detections have brought together: a detector
that is unsure of somebody misses them for longer."""

_LEAST_EVIDENCE = 0.5  # that an unsure box comes again where it should tells something by itself
_NOWHERE = (0.0, 0.0, 0.0, 0.0)
_LEAST_CONFIDENCE = 0.1
_MOST_CONFIDENCE = 0.99


@dataclass(frozen=True, slots=True)
class Found:
    """The m detections of one frame.

    `faces` and `bodies` are of shape (m, 4) (see `anatomy.coordinates`) and mean something only
    where `has_face` and `has_body`, of shape (m,), are True. A head stands in for a face that was
    not found; `face_doubt`, of shape (m, 4), is the variance that this adds. `confidence`, of shape
    (m,), is kept away from 0.
    """

    detections: tuple[Detection, ...]
    faces: Floats
    has_face: Mask
    face_doubt: Floats
    bodies: Floats
    has_body: Mask
    confidence: Floats

    def __len__(self) -> int:
        return len(self.detections)

    @classmethod
    def of(cls, detections: tuple[Detection, ...]) -> Found:
        faces = [face_like(detection) for detection in detections]
        bodies = [detection.body for detection in detections]
        confidence = np.array([detection.confidence for detection in detections])
        return cls(
            detections,
            *_boxes_of(faces),
            np.array([_doubt_of(face) for face in faces], float).reshape(-1, 4),
            *_boxes_of(bodies),
            confidence.clip(_LEAST_CONFIDENCE, 1.0),
        )


@dataclass(slots=True, eq=False)
class Person:
    """What is remembered of one track besides its filter, which follows the part that leads."""

    track_id: int
    first_seen: Instant
    lead: Part
    last_seen: Instant = field(init=False)
    lead_seen: Instant = field(init=False)
    detection: Detection | None = None
    relation: Relation = field(default_factory=Relation)
    clothing: Clothing = field(default_factory=Clothing)
    hits: int = 0
    evidence: float = 0.0
    has_face: bool = False
    has_body: bool = False

    def __post_init__(self) -> None:
        self.last_seen = self.lead_seen = self.first_seen

    @property
    def is_confirmed(self) -> bool:
        return self.evidence >= EVIDENCE_TO_CONFIRM

    @property
    def strength(self) -> tuple[bool, float, float]:
        """Orders people by how much would be lost with them."""
        return self.is_confirmed, self.last_seen.monotonic_s, self.evidence

    def see(self, found: Found, column: int, now: Instant) -> None:
        """Takes up one detection of this person."""
        self.detection = found.detections[column]
        has_face, has_body = bool(found.has_face[column]), bool(found.has_body[column])
        if has_face and has_body:
            face, body = face_like(self.detection), self.detection.body
            assert face is not None and body is not None
            self.relation.learn(coordinates(face), coordinates(body))
        if has_face if self.lead is Part.FACE else has_body:
            self.lead_seen = now
        self.clothing.learn(self.detection.clothing, now)
        self.has_face |= has_face
        self.has_body |= has_body
        self.last_seen = now
        self.hits += 1
        self.evidence += _log_odds(self.detection.confidence)

    def is_false(self, now: Instant) -> bool:
        """Whether it was a false box: not enough was seen, and no more is."""
        patience_s = TENTATIVE_S + TENTATIVE_S_PER_EVIDENCE * self.evidence
        return not self.is_confirmed and now.since(self.last_seen) > patience_s

    def track(self, lead: Box, other: Box, velocity: Point, is_located: bool) -> Track:
        """The track of this person, whose leading part is at `lead` and the other at `other`."""
        face, body = (lead, other) if self.lead is Part.FACE else (other, lead)
        return Track(
            track_id=self.track_id,
            detection=self.detection,
            face_box=face if self.has_face else None,
            body_box=body if self.has_body else None,
            velocity=velocity,
            first_seen=self.first_seen,
            last_seen=self.last_seen,
            hits=self.hits,
            is_confirmed=self.is_confirmed,
            is_located=self.detection is not None or is_located,
        )


def _boxes_of(regions: Sequence[Region | None]) -> tuple[Floats, Mask]:
    """Coordinates of shape (m, 4), zeros where there is no region, and where there is one."""
    boxes = [coordinates(region) if region is not None else _NOWHERE for region in regions]
    there = np.array([region is not None for region in regions], bool)
    return np.array(boxes, float).reshape(-1, 4), there


def _doubt_of(face: Region | None) -> tuple[float, ...]:
    return HEAD_DOUBT if face is not None and face.part is Part.HEAD else _NOWHERE


def _log_odds(confidence: float) -> float:
    """Log odds of a probability, at most 4.6 (that of 0.99)."""
    confidence = min(max(confidence, 0.5), _MOST_CONFIDENCE)
    return max(math.log(confidence / (1 - confidence)), _LEAST_EVIDENCE)
