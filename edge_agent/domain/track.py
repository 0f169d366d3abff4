"""One identity over time."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.domain.detection import Detection
from edge_agent.domain.frame import Instant
from edge_agent.domain.geometry import Box, Point


@dataclass(frozen=True, slots=True)
class Track:
    """What the tracker knows of one person when a frame is done.

    `track_id` is unique within one tracker and never used again. `detection` is the person in this
    frame, or None while the track is carried on without having been seen. `face_box` and `body_box`
    are the filtered boxes of what has ever been seen of the person (None when it never was), in
    pixels of the full frame, not clipped. `velocity` is that of the leading box's centre in
    pixels per second. `first_seen` and `last_seen` are the capture times of the first and the
    latest frame with a detection; `hits` counts those frames. `is_confirmed` tells that enough was
    seen for a person to be there rather than a false box; it never goes back. `is_located`
    tells that the boxes can be relied on: the person was seen, or is unseen for so short and
    was followed so well that the prediction is about as good as a look.
    """

    track_id: int
    detection: Detection | None
    face_box: Box | None
    body_box: Box | None
    velocity: Point
    first_seen: Instant
    last_seen: Instant
    hits: int
    is_confirmed: bool = True
    is_located: bool = True

    @property
    def is_seen(self) -> bool:
        """Whether the person was found in this very frame."""
        return self.detection is not None

    @property
    def is_output(self) -> bool:
        """Whether the person and the boxes are fit to be shown as in view in this frame."""
        return self.is_confirmed and self.is_located

    @property
    def leading_box(self) -> Box:
        """The body where one is known, else the face."""
        box = self.body_box or self.face_box
        assert box is not None, "a track has been seen by a face or a body"
        return box
