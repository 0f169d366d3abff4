"""One person in one frame: everything that a visit learns from it."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.domain.frame import Instant
from edge_agent.domain.geometry import Box, Size
from edge_agent.domain.observation import Observation
from edge_agent.domain.track import Track

LONGEST_STEP_S = 1.0
"""The most that the time between two frames counts as watched. In a longer pause of the camera
nobody was seen, and nobody was missed."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame as the scene takes it up; `step_s` is the watched time since the frame before."""

    captured_at: Instant
    step_s: float
    frame_size: Size
    seen_boxes: tuple[Box, ...] = ()
    """The leading boxes of everybody who was found in this frame."""

    @property
    def time_s(self) -> float:
        return self.captured_at.monotonic_s


@dataclass(frozen=True, slots=True)
class Look:
    """What one frame tells of one person: nothing at all (`track` None or unseen) up to all."""

    moment: Moment
    track: Track | None
    observation: Observation | None

    @property
    def time_s(self) -> float:
        return self.moment.time_s

    @property
    def step_s(self) -> float:
        return self.moment.step_s

    @property
    def sighting(self) -> Track | None:
        """The track, if the person was found in this very frame."""
        return self.track if self.track is not None and self.track.is_seen else None
