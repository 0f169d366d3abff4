"""Which model heads run on which track in this frame, within what a frame may cost."""

from __future__ import annotations

from dataclasses import replace

from edge_agent.domain.detection import Region
from edge_agent.domain.frame import Frame
from edge_agent.domain.observation import Expression, FaceGeometry, Observation
from edge_agent.domain.track import Track
from edge_agent.perception.alignment import alignment_of
from edge_agent.perception.demographics import NOTHING, DemographicsReader
from edge_agent.perception.expression import ExpressionReader
from edge_agent.perception.face_geometry import FaceGeometryReader

FACES_PER_FRAME = 8
"""Faces that are read in one frame; with more in view they take turns."""
DEMOGRAPHICS_INTERVAL_S = 0.3
"""Least time between two looks at the age and gender of one face: they change slowly."""
SMILE_BY_SHAPE = 0.5
"""Share of what the mouth's shape tells in the degree of a smile; the rest is the expression's."""


class Observer:
    """Reads the faces of the tracks. Heads that are switched off are None and never run.

    The geometry comes first: it places the crops of the others and turns them upright, and tells
    how frontal the face is. Where it sees none, such as in the back of a head, nothing else is
    read. Head pose and gaze are told only where they are wanted, whatever they are needed for.
    """

    def __init__(
        self,
        expression: ExpressionReader | None = None,
        demographics: DemographicsReader | None = None,
        geometry: FaceGeometryReader | None = None,
        *,
        head: bool = True,
        gaze: bool = True,
        faces_per_frame: int = FACES_PER_FRAME,
    ) -> None:
        self._expression = expression
        self._demographics = demographics
        self._geometry = geometry
        self._tells_head = head
        self._tells_gaze = gaze
        self._faces_per_frame = faces_per_frame
        self._last_read: dict[int, float] = {}
        self._last_told: dict[int, float] = {}

    def observe(self, frame: Frame, tracks: tuple[Track, ...]) -> tuple[Observation, ...]:
        """Observations of the tracks whose face is seen, those first that have waited longest."""
        now = frame.captured_at.monotonic_s
        self._forget_all_but(tracks)
        seen = [t for t in tracks if t.detection is not None and t.detection.face is not None]
        seen.sort(key=lambda track: self._last_read.get(track.track_id, float("-inf")))
        chosen = seen[: self._faces_per_frame]
        for track in chosen:
            self._last_read[track.track_id] = now
        return tuple(self._read(frame, track) for track in chosen)

    def look_at(
        self, frame: Frame, face: Region, track_id: int = 0, *, demographics: bool = True
    ) -> Observation:
        """All that the heads read off one face; age and gender only with `demographics`."""
        geometry = None
        if self._geometry is not None:
            geometry = self._geometry.read(frame.pixels, face.box)
            if geometry.is_hidden:
                return Observation(track_id, geometry=geometry)
        alignment = alignment_of(geometry)
        expression, quality = None, 0.0
        if self._expression is not None:
            expression, quality = self._expression.read(frame.pixels, face.box, alignment)
        told = NOTHING
        if self._demographics is not None and demographics:
            told = self._demographics.read(frame.pixels, face.box, alignment)
        return Observation(
            track_id,
            face_quality=max(quality, told.quality),
            expression=with_shape_of_mouth(expression, geometry),
            age=told.age,
            gender=told.gender,
            geometry=self._wanted(geometry),
        )

    def _wanted(self, geometry: FaceGeometry | None) -> FaceGeometry | None:
        if geometry is not None and not self._tells_head:
            geometry = replace(geometry, head=None, head_confidence=0.0)
        if geometry is not None and not self._tells_gaze:
            geometry = replace(geometry, gaze=None, gaze_confidence=0.0, eyes_open=None)
        return geometry

    def _read(self, frame: Frame, track: Track) -> Observation:
        assert track.detection is not None
        assert track.detection.face is not None
        now = frame.captured_at.monotonic_s
        waited = now - self._last_told.get(track.track_id, float("-inf"))
        observation = self.look_at(
            frame,
            track.detection.face,
            track.track_id,
            demographics=waited >= DEMOGRAPHICS_INTERVAL_S,
        )
        if observation.age is not None or observation.gender is not None:
            self._last_told[track.track_id] = now
        return observation

    def _forget_all_but(self, tracks: tuple[Track, ...]) -> None:
        live = {track.track_id for track in tracks}
        self._last_read = {key: at for key, at in self._last_read.items() if key in live}
        self._last_told = {key: at for key, at in self._last_told.items() if key in live}


def with_shape_of_mouth(
    expression: Expression | None, geometry: FaceGeometry | None
) -> Expression | None:
    """The expression, its smile weighed with that of the geometry where both were read."""
    if expression is None or geometry is None or geometry.smiling_degree is None:
        return expression
    shape = SMILE_BY_SHAPE * geometry.smiling_degree
    return replace(
        expression, smiling_degree=shape + (1 - SMILE_BY_SHAPE) * expression.smiling_degree
    )
