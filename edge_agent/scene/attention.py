"""How long a person has paid attention to the camera."""

from __future__ import annotations

import math

from edge_agent.domain.observation import FaceGeometry
from edge_agent.scene.look import LONGEST_STEP_S, Look

CLOSED = 0.3
"""Probability of open eyes below which they are closed, and look nowhere."""


class Attention:
    """Seconds with the gaze, else the head, within a cone around the line into the lens.

    Closed eyes tell nothing: a blink counts as what comes after it, eyes that stay closed do not.
    """

    def __init__(self, cone_rad: float) -> None:
        self._cone_rad = cone_rad
        self._time_s = -math.inf
        self.total_s = 0.0

    def advance(self, look: Look) -> None:
        """Counts the time since the face was read last, if it looks at the camera now."""
        geometry = look.observation.geometry if look.observation is not None else None
        if geometry is None:
            return
        eccentricity_rad = _eccentricity_rad(geometry)
        if eccentricity_rad is None:
            return
        since_s, self._time_s = look.time_s - self._time_s, look.time_s
        if eccentricity_rad <= self._cone_rad and since_s <= LONGEST_STEP_S:
            self.total_s += since_s


def _eccentricity_rad(geometry: FaceGeometry) -> float | None:
    if geometry.gaze is not None:
        return geometry.gaze.eccentricity_rad
    if geometry.eyes_open is not None and geometry.eyes_open < CLOSED:
        return None
    if geometry.head is not None:
        return geometry.head.turn_rad
    return None
