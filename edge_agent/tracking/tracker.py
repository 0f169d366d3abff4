"""Detections become tracks: who is it, where are they going, are they still there."""

from __future__ import annotations

import numpy as np

from edge_agent.domain.detection import Detection, Part
from edge_agent.domain.frame import Instant
from edge_agent.domain.geometry import Box, Point, Size
from edge_agent.domain.track import Track
from edge_agent.settings import TrackingSettings
from edge_agent.tracking.anatomy import HEIGHT_M, body_of, doubt, face_of
from edge_agent.tracking.association import assign
from edge_agent.tracking.clothing import clothing_evidence
from edge_agent.tracking.motion import BoxFilters, Floats, Indices, Mask
from edge_agent.tracking.person import Found, Person

MISFIT_LIMIT = 2.0
"""The misfit from which on a detection is rather a new person."""
TENTATIVE_COST = 2.0
"""Added to the misfit of tracks that are not confirmed: known people choose first."""
LOCATED = 0.08
"""Standard deviation of a predicted centre, in heights of the box, up to which it is relied on."""
LEAST_SHOWN = 0.2
"""Share of a box's width or height that must be in the image for somebody to be found there."""
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
        self._people: list[Person] = []
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
        for person in self._people:
            person.detection = None
        self._forget_lost(captured_at)
        found = Found.of(detections)
        unclaimed = np.ones(len(found), bool)
        unclaimed[self._continue(found, captured_at, frame_size)] = False
        self._begin(found, np.flatnonzero(unclaimed), captured_at)
        self._forget(captured_at, frame_size)
        return self._tracks(frame_size)

    def _continue(self, found: Found, now: Instant, size: Size | None) -> Indices:
        """Updates the tracks that are seen; the places of their detections."""
        if not self._people or not len(found):
            return np.empty(0, np.intp)
        cost, boxes, doubts = self._fit(found, size)
        cost = cost - clothing_evidence(
            [person.clothing.histogram for person in self._people],
            [detection.clothing for detection in found.detections],
        )
        cost += (
            TENTATIVE_COST * np.array([not person.is_confirmed for person in self._people])[:, None]
        )
        rows, columns = assign(cost, MISFIT_LIMIT)
        self._filters.correct(
            rows, boxes[rows, columns], doubts[rows, columns], found.confidence[columns]
        )
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            self._people[row].see(found, column, now)
            self._change_lead(row, found, column, now)
        return columns

    def _fit(self, found: Found, size: Size | None) -> tuple[Floats, Floats, Floats]:
        """How badly each detection fits each track, (n, m), by the part of it that fits best.

        With it that part as the track's leading part, (n, m, 4), and the doubt in it, (n, m, 4).
        """
        shape = (len(self._people), len(found), 4)
        face_leads = np.array([person.lead is Part.FACE for person in self._people])[:, None]
        direct = np.where(face_leads, found.has_face, found.has_body)
        boxes = np.where(face_leads[..., None], found.faces, found.bodies)
        doubts = np.where(face_leads[..., None], found.face_doubt, 0.0)
        cut_off = np.zeros(4)
        if size is not None:
            boxes, cut_off = self._filters.completed(boxes, size)
        cost = self._filters.misfit(boxes, doubts, found.confidence)
        doubts = doubts + cut_off
        other = np.where(face_leads, found.has_body, found.has_face)
        if other.any():
            derived, more = self._derived(found, face_leads[..., None])
            by_other = self._filters.misfit(derived, more, found.confidence)
            better = other & (~direct | (by_other < cost))
            cost = np.where(better, by_other, cost)
            boxes = np.where(better[..., None], derived, boxes)
            doubts = np.where(better[..., None], more, doubts)
        return cost, np.broadcast_to(boxes, shape), np.broadcast_to(doubts, shape)

    def _derived(self, found: Found, face_leads: Mask) -> tuple[Floats, Floats]:
        """The leading part as it follows from the other one, (n, m, 4), and the doubt in that."""
        relation = np.array([person.relation.values for person in self._people])[:, None]
        variance = np.array([person.relation.variance for person in self._people])[:, None]
        boxes = np.where(
            face_leads, face_of(found.bodies, relation), body_of(found.faces, relation)
        )
        by_face = doubt(variance, Part.BODY) + found.face_doubt
        return boxes, np.where(face_leads, doubt(variance, Part.FACE), by_face)

    def _change_lead(self, row: int, found: Found, column: int, now: Instant) -> None:
        """Lets the other part lead once the leading one is not seen any more."""
        person = self._people[row]
        other = Part.BODY if person.lead is Part.FACE else Part.FACE
        has_other = found.has_body if other is Part.BODY else found.has_face
        if not has_other[column] or now.since(person.lead_seen) < LEAD_S:
            return
        box = (found.bodies if other is Part.BODY else found.faces)[column]
        person.lead, person.lead_seen = other, now
        extra = doubt(np.array(person.relation.variance), other)
        self._filters.replace(row, box, HEIGHT_M[other], extra)

    def _begin(self, found: Found, unclaimed: Indices, now: Instant) -> None:
        """A new track for each detection that is nobody's."""
        if not len(unclaimed):
            return
        leads = [Part.FACE if found.has_face[i] else Part.BODY for i in unclaimed]
        boxes = np.where(found.has_face[:, None], found.faces, found.bodies)[unclaimed]
        self._filters.add(boxes, np.array([HEIGHT_M[lead] for lead in leads]))
        for lead, column in zip(leads, unclaimed.tolist(), strict=True):
            person = Person(self._next_id, now, lead)
            person.see(found, column, now)
            self._people.append(person)
            self._next_id += 1

    def _forget_lost(self, now: Instant) -> None:
        """Drops those who cannot be recognised any more; a pause of the camera counts as well."""
        memory_s = self._settings.memory_s
        self._keep(np.array([now.since(p.last_seen) <= memory_s for p in self._people], bool))

    def _forget(self, now: Instant, size: Size | None) -> None:
        """Drops false boxes, those who walked out, and the weakest of too many."""
        kept = np.array([not person.is_false(now) for person in self._people], bool)
        if size is not None:
            seen = np.array([person.detection is not None for person in self._people], bool)
            kept &= seen | ~self._outside(size)
        self._keep(kept)
        surplus = len(self._people) - self._settings.max_people
        if surplus > 0:
            weakest = sorted(range(len(self._people)), key=lambda i: self._people[i].strength)
            kept = np.ones(len(self._people), bool)
            kept[weakest[:surplus]] = False
            self._keep(kept)
            self.dropped += surplus

    def _keep(self, kept: Mask) -> None:
        if not kept.all():
            self._filters.keep(kept)
            self._people = [p for p, keep in zip(self._people, kept, strict=True) if keep]

    def _outside(self, size: Size) -> Mask:
        """Of whom the image would show too little for them to be found."""
        boxes = self._filters.box
        half = (0.5 - LEAST_SHOWN) * np.exp(boxes[:, 2:])
        low, high = boxes[:, :2] - half, boxes[:, :2] + half
        outside: Mask = np.any((high < 0) | (low > (size.width, size.height)), axis=-1)
        return outside

    def _located(self, size: Size | None) -> Mask:
        """Whose prediction, were they unseen, is about as good as a look."""
        boxes = self._filters.box
        located: Mask = self._filters.spread[:, :2].max(-1) < LOCATED * self._filters.height_m
        if size is not None:
            half = np.exp(boxes[:, 2]) / 2
            located &= (boxes[:, 0] > half) & (boxes[:, 0] < size.width - half)
        return located

    def _tracks(self, size: Size | None) -> tuple[Track, ...]:
        return tuple(
            person.track(lead, other, Point(dx, dy), located)
            for person, lead, other, (dx, dy, _, _), located in zip(
                self._people,
                _boxes(self._filters.box),
                _boxes(self._others()),
                self._filters.velocity.tolist(),
                self._located(size).tolist(),
                strict=True,
            )
        )

    def _others(self) -> Floats:
        """Where the parts that do not lead must be, (n, 4)."""
        leads = self._filters.box
        if not any(person.has_face and person.has_body for person in self._people):
            return leads
        face_leads = np.array([person.lead is Part.FACE for person in self._people])[:, None]
        relation = np.array([person.relation.values for person in self._people])
        return np.where(face_leads, body_of(leads, relation), face_of(leads, relation))


def _boxes(coordinates: Floats) -> list[Box]:
    """The boxes of coordinates of shape (n, 4)."""
    return [
        Box(x - w / 2, y - h / 2, w, h)
        for (x, y, _, _), (w, h) in zip(
            coordinates.tolist(), np.exp(coordinates[:, 2:]).tolist(), strict=True
        )
    ]
