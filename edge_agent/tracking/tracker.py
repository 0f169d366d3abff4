"""Detections become tracks: who is it, where are they going, are they still there."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edge_agent.domain.detection import Detection, Part
from edge_agent.domain.frame import Instant
from edge_agent.domain.geometry import Box, Point, Size
from edge_agent.domain.track import Track
from edge_agent.settings import TrackingSettings
from edge_agent.tracking.anatomy import (
    HEIGHT_M,
    Relation,
    body_of,
    coordinates,
    doubt,
    face_like,
    face_of,
)
from edge_agent.tracking.association import assign
from edge_agent.tracking.motion import BoxFilters, Floats

TENTATIVE_COST = 2.0
MISFIT_LIMIT = 2.0
"""The misfit from which on a detection is rather a new person."""
EVIDENCE_TO_CONFIRM = 6.0
"""Summed log odds of a track's detections with which it counts as a person."""
TENTATIVE_S = 0.3
"""Seconds without a detection after which a track that was never confirmed is a false box."""
LOCATED = 0.07
"""Standard deviation of a predicted centre, in heights of the box, up to which it is relied on."""
LEAD_S = 0.5
"""Seconds for which the leading part is unseen, while the other is, until the other leads."""


class Tracker:
    """Gives each person one `track_id` for as long as they are in view or may come back.

    It holds no class-level state: two trackers never share ids. `dropped` counts the tracks that
    went because more than `settings.max_people` were there.
    """

    def __init__(self, settings: TrackingSettings) -> None:
        self._settings = settings
        self._filters = BoxFilters()
        self._people: list[_Person] = []
        self._next_id = 1
        self._now: Instant | None = None
        self.dropped = 0

    def update(
        self,
        detections: tuple[Detection, ...],
        captured_at: Instant,
        frame_size: Size | None = None,
    ) -> tuple[Track, ...]:
        """Every live track when this frame is done, in the order of their ids.

        `detections` are those of the frame captured at `captured_at`, which is not before that of
        the previous call. With `frame_size`, tracks that walked out of the image are forgotten.
        """
        if self._now is not None:
            self._filters.advance(max(captured_at.since(self._now), 0.0))
        self._now = captured_at
        found = _Found.of(detections)
        for person in self._people:
            person.detection = None
        unclaimed = self._continue(found, captured_at)
        self._begin(found, unclaimed, captured_at)
        self._forget(captured_at, frame_size)
        return self._tracks(frame_size)

    def _continue(self, found: _Found, now: Instant) -> npt.NDArray[np.intp]:
        """Updates the tracks that are seen; the places of the detections that are nobody's."""
        if not self._people or not len(found):
            return np.arange(len(found))
        boxes, extra = self._in_lead(found)
        cost = self._filters.misfit(boxes, extra)
        cost += TENTATIVE_COST * np.array([not p.is_confirmed for p in self._people])[:, None]
        rows, columns = assign(cost, np.full((1, 1), MISFIT_LIMIT))
        chosen = np.broadcast_to(boxes, (*cost.shape, 4))[rows, columns]
        doubts = np.broadcast_to(extra, (*cost.shape, 4))[rows, columns]
        self._filters.correct(rows, chosen, doubts)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            self._people[row].see(found, column, now)
            self._change_lead(row, found, column, now)
        return np.setdiff1d(np.arange(len(found)), columns)

    def _in_lead(self, found: _Found) -> tuple[Floats, Floats]:
        """Each detection as each track's leading part, (n, m, 4), and the doubt in it.

        Axes of length 1 stand for "the same for all".
        """
        face_leads = np.array([person.lead is Part.FACE for person in self._people])[:, None]
        direct = np.where(face_leads, found.has_face, found.has_body)[..., None]
        boxes = np.where(face_leads[..., None], found.faces, found.bodies)
        if direct.all():
            return boxes, np.zeros((1, 1, 4))
        relation = np.array([person.relation.values for person in self._people])[:, None]
        variance = np.array([person.relation.variance for person in self._people])[:, None]
        derived = np.where(
            face_leads[..., None], face_of(found.bodies, relation), body_of(found.faces, relation)
        )
        doubts = np.where(
            face_leads[..., None], doubt(variance, Part.FACE), doubt(variance, Part.BODY)
        )
        return np.where(direct, boxes, derived), np.where(direct, 0.0, doubts)

    def _change_lead(self, row: int, found: _Found, column: int, now: Instant) -> None:
        person = self._people[row]
        other = Part.BODY if person.lead is Part.FACE else Part.FACE
        has_other = found.has_body if other is Part.BODY else found.has_face
        if not has_other[column] or now.since(person.lead_seen) < LEAD_S:
            return
        box = (found.bodies if other is Part.BODY else found.faces)[column]
        person.lead, person.lead_seen = other, now
        self._filters.replace(row, box, HEIGHT_M[other], doubt(person.relation.variance, other))

    def _begin(self, found: _Found, unclaimed: npt.NDArray[np.intp], now: Instant) -> None:
        if not len(unclaimed):
            return
        leads = [Part.FACE if found.has_face[i] else Part.BODY for i in unclaimed]
        boxes = np.where(
            found.has_face[unclaimed, None], found.faces[unclaimed], found.bodies[unclaimed]
        )
        heights = np.array([HEIGHT_M[lead] for lead in leads])
        self._filters.add(boxes, heights, np.zeros((len(leads), 4)))
        for lead, column in zip(leads, unclaimed.tolist(), strict=True):
            person = _Person(self._next_id, now, lead)
            person.see(found, column, now)
            self._people.append(person)
            self._next_id += 1

    def _forget(self, now: Instant, size: Size | None) -> None:
        kept = np.array([not person.is_over(now, self._settings) for person in self._people], bool)
        if size is not None:
            seen = np.array([person.detection is not None for person in self._people], bool)
            kept &= ~self._outside(size) | seen
        self._keep(kept)
        surplus = len(self._people) - self._settings.max_people
        if surplus > 0:
            weakest = sorted(range(len(self._people)), key=lambda i: self._people[i].strength)
            kept = np.ones(len(self._people), bool)
            kept[weakest[:surplus]] = False
            self._keep(kept)
            self.dropped += surplus

    def _keep(self, kept: npt.NDArray[np.bool_]) -> None:
        if not kept.all():
            self._filters.keep(kept)
            self._people = [p for p, keep in zip(self._people, kept, strict=True) if keep]

    def _outside(self, size: Size) -> npt.NDArray[np.bool_]:
        x, y = self._filters.box[:, 0], self._filters.box[:, 1]
        outside: npt.NDArray[np.bool_] = (x < 0) | (x > size.width) | (y < 0) | (y > size.height)
        return outside

    def _located(self, size: Size | None) -> npt.NDArray[np.bool_]:
        """Whether the prediction of each track, were it unseen, is as good as a look."""
        boxes = self._filters.box
        located = self._filters.spread[:, :2].max(-1) < LOCATED * self._filters.height_m
        if size is not None:
            half = np.exp(boxes[:, 2]) / 2
            located &= (boxes[:, 0] > half) & (boxes[:, 0] < size.width - half)
        return located

    def _tracks(self, size: Size | None) -> tuple[Track, ...]:
        boxes = self._filters.box
        sides = np.exp(boxes[:, 2:])
        return tuple(
            person.track(lead, Box(x - w / 2, y - h / 2, w, h), Point(dx, dy), located)
            for person, lead, (x, y, _, _), (w, h), (dx, dy, _, _), located in zip(
                self._people,
                boxes,
                boxes.tolist(),
                sides.tolist(),
                self._filters.velocity.tolist(),
                self._located(size).tolist(),
                strict=True,
            )
        )


@dataclass(slots=True)
class _Found:
    """The detections of one frame as arrays: faces and bodies (m, 4), has_face, has_body (m,)."""

    detections: tuple[Detection, ...]
    faces: Floats
    bodies: Floats
    has_face: npt.NDArray[np.bool_]
    has_body: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.detections)

    @classmethod
    def of(cls, detections: tuple[Detection, ...]) -> _Found:
        count = len(detections)
        faces, bodies = np.zeros((count, 4)), np.zeros((count, 4))
        has_face, has_body = np.zeros(count, bool), np.zeros(count, bool)
        for i, detection in enumerate(detections):
            face = face_like(detection)
            if face is not None:
                faces[i], has_face[i] = coordinates(face), True
            if detection.body is not None:
                bodies[i], has_body[i] = coordinates(detection.body), True
        return cls(detections, faces, bodies, has_face, has_body)


@dataclass(slots=True)
class _Person:
    """What is remembered of one track besides its filter."""

    track_id: int
    first_seen: Instant
    lead: Part
    last_seen: Instant = field(init=False)
    lead_seen: Instant = field(init=False)
    detection: Detection | None = None
    relation: Relation = field(default_factory=Relation)
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
        """Orders tracks by how much would be lost with them."""
        return self.is_confirmed, self.last_seen.monotonic_s, self.evidence

    def see(self, found: _Found, column: int, now: Instant) -> None:
        self.detection = found.detections[column]
        has_face, has_body = bool(found.has_face[column]), bool(found.has_body[column])
        if has_face and has_body:
            self.relation.learn(found.faces[column], found.bodies[column])
        if has_face if self.lead is Part.FACE else has_body:
            self.lead_seen = now
        self.has_face |= has_face
        self.has_body |= has_body
        self.last_seen = now
        self.hits += 1
        self.evidence += _log_odds(self.detection.confidence)

    def is_over(self, now: Instant, settings: TrackingSettings) -> bool:
        unseen_s = now.since(self.last_seen)
        return unseen_s > (settings.memory_s if self.is_confirmed else TENTATIVE_S)

    def track(self, lead: Floats, box: Box, velocity: Point, is_located: bool) -> Track:
        """The track of this person, whose leading part is at `lead` (4,), that is at `box`."""
        return Track(
            track_id=self.track_id,
            detection=self.detection,
            face_box=self._box(Part.FACE, lead, box) if self.has_face else None,
            body_box=self._box(Part.BODY, lead, box) if self.has_body else None,
            velocity=velocity,
            first_seen=self.first_seen,
            last_seen=self.last_seen,
            hits=self.hits,
            is_confirmed=self.is_confirmed,
            is_located=self.detection is not None or is_located,
        )

    def _box(self, part: Part, lead: Floats, box: Box) -> Box:
        if part is self.lead:
            return box
        derive = body_of if part is Part.BODY else face_of
        x, y, log_width, log_height = derive(lead, self.relation.values).tolist()
        return Box.around(Point(x, y), math.exp(log_width), math.exp(log_height))


def _log_odds(confidence: float) -> float:
    """Log odds of a probability, from 0 for even chances to 4.6 at 0.99 and above."""
    confidence = min(max(confidence, 0.5), 0.99)
    return math.log(confidence / (1 - confidence))
