"""What is shown of a person: the readings of their looks, smoothed in seconds."""

from __future__ import annotations

from edge_agent.domain.detection import Detection, FaceLandmarks, Part, Region
from edge_agent.domain.geometry import Box, Gaze, HeadPose, Point, Size
from edge_agent.domain.observation import Expression, FaceGeometry, Observation
from edge_agent.domain.track import Track
from edge_agent.scene.look import Look
from edge_agent.scene.smoothing import Smoothed

SHOWN_S = 2.0
"""How long a reading stays shown after the last look that gave it."""

FACE_KEY = "face_roi"
BODY_KEY = "full_body_roi"


class PartView:
    """One part of a person, its box as the tracker filters it, and how sure it is."""

    def __init__(self, part: Part, smoothing_s: float) -> None:
        self._part = part
        self._confidence = Smoothed(smoothing_s)
        self._box: Box | None = None

    @property
    def has_been_seen(self) -> bool:
        return self._box is not None

    def advance(self, detection: Detection, box: Box | None, size: Size, time_s: float) -> None:
        region = detection.region(self._part)
        if region is None:
            return
        clipped = (box or region.box).clipped(size)
        if clipped.area > 0.0:
            self._box = clipped
            self._confidence.add((region.confidence,), time_s)

    def shown(self, time_s: float, *, always: bool) -> tuple[Box | None, float]:
        """The box and its confidence; an old one only if it is `always` shown."""
        confidence = self._confidence.value
        recent = self._confidence.recent(time_s, SHOWN_S) is not None
        if self._box is None or confidence is None or not (always or recent):
            return None, 0.0
        return self._box, confidence[0]


class Portrait:
    """The smoothed readings of one person.

    What was found as a face and, looked at closely, is none, such as the back of a head, is not
    shown as one; only where nothing else is known of the person it still tells their place.
    """

    def __init__(self, smoothing_s: float) -> None:
        self.face = PartView(Part.FACE, smoothing_s)
        self.body = PartView(Part.BODY, smoothing_s)
        self._expression = Smoothed(smoothing_s)
        self._head = Smoothed(smoothing_s)
        self._gaze = Smoothed(smoothing_s)
        self._eyes_open = Smoothed(smoothing_s)
        self._landmarks = Smoothed(smoothing_s)
        self._shows_face = True

    def advance(self, look: Look) -> None:
        track = look.sighting
        if look.observation is not None and look.observation.geometry is not None:
            self._shows_face = look.observation.geometry.shows_face
        if track is not None and track.detection is not None:
            size = look.moment.frame_size
            self.body.advance(track.detection, track.body_box, size, look.time_s)
            if self._shows_face or not self.body.has_been_seen:
                self.face.advance(track.detection, track.face_box, size, look.time_s)
            if self._shows_face:
                self._read_landmarks(track, look)
        if look.observation is not None:
            self._read(look.observation, look.time_s)

    @property
    def seen_key(self) -> str | None:
        """The key of the box by which the person has been seen: the body's, else the face's."""
        if self.body.has_been_seen:
            return BODY_KEY
        return FACE_KEY if self.face.has_been_seen else None

    def expression(self, time_s: float) -> Expression | None:
        """Intensities that sum to 1, however they summed when they were read."""
        values = self._expression.recent(time_s, SHOWN_S)
        if values is None:
            return None
        *intensities, confidence, smiling_degree = values
        total = max(sum(intensities), 1e-9)
        return Expression(tuple(v / total for v in intensities), confidence, smiling_degree)

    def head(self, time_s: float) -> tuple[HeadPose | None, float]:
        values = self._head.recent(time_s, SHOWN_S)
        return (None, 0.0) if values is None else (HeadPose(*values[:3]), values[3])

    def gaze(self, time_s: float) -> tuple[Gaze | None, float]:
        values = self._gaze.recent(time_s, SHOWN_S)
        return (None, 0.0) if values is None else (Gaze(*values[:2]), values[2])

    def eyes_open(self, time_s: float) -> float | None:
        values = self._eyes_open.recent(time_s, SHOWN_S)
        return None if values is None else values[0]

    def landmarks(self, time_s: float, face: Box | None) -> tuple[FaceLandmarks | None, float]:
        """The points, which are kept relative to the face so that they move with it."""
        values = self._landmarks.recent(time_s, SHOWN_S)
        if values is None or face is None:
            return None, 0.0
        points = [
            Point(face.x + x * face.width, face.y + y * face.height)
            for x, y in zip(values[0:10:2], values[1:10:2], strict=True)
        ]
        return FaceLandmarks(*points), values[10]

    def _read(self, observation: Observation, time_s: float) -> None:
        quality = observation.face_quality
        expression, geometry = observation.expression, observation.geometry
        if expression is not None:
            sample = (*expression.intensities, expression.confidence, expression.smiling_degree)
            self._expression.add(sample, time_s, quality * expression.confidence)
        if geometry is not None and geometry.head is not None:
            head, confidence = geometry.head, geometry.head_confidence
            sample = (head.yaw_rad, head.pitch_rad, head.roll_rad, confidence)
            self._head.add(sample, time_s, confidence)
        if geometry is not None and geometry.gaze is not None:
            gaze, confidence = geometry.gaze, geometry.gaze_confidence
            self._gaze.add((gaze.yaw_rad, gaze.pitch_rad, confidence), time_s, confidence)
        if geometry is not None and geometry.eyes_open is not None:
            self._eyes_open.add((geometry.eyes_open,), time_s)

    def _read_landmarks(self, track: Track, look: Look) -> None:
        assert track.detection is not None
        geometry = look.observation.geometry if look.observation is not None else None
        found = best_landmarks(geometry, track.detection.face)
        box = track.face_box
        if found is None or box is None or box.area <= 0.0:
            return
        landmarks, confidence = found
        sample = [
            value
            for point in landmarks.points
            for value in ((point.x - box.x) / box.width, (point.y - box.y) / box.height)
        ]
        self._landmarks.add((*sample, confidence), look.time_s, confidence)


def best_landmarks(
    geometry: FaceGeometry | None, face: Region | None
) -> tuple[FaceLandmarks, float] | None:
    """Those of the geometry model, else those that the detector found."""
    if geometry is not None and geometry.landmarks is not None:
        return geometry.landmarks, geometry.landmarks_confidence
    if face is not None and face.landmarks is not None:
        return face.landmarks, face.confidence
    return None
