"""How a face stands before the camera, for the models that see it upright and from the front."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge_agent.domain.observation import FaceGeometry

SURE_POINTS = 0.5
"""Confidence of the points from which crops are turned by them."""
HALF_TRUST_RAD = math.radians(50)
"""Turn of the head at which a face tells half as much as from the front."""
FALL_POWER = 4
"""How sharply that falls: 0.93 at 26 degrees, 0.5 at 50, 0.09 at 90."""
UNKNOWN_FRONTALITY = 0.5
"""That of a face whose head pose was looked for and not found."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """By what a crop is to be turned, and how much of the face is seen.

    `roll_rad` is the tilt of the face, > 0 clockwise as seen in the image; `frontality` in [0, 1]
    is how far it can be trusted to show what it would show from the front.
    """

    roll_rad: float = 0.0
    frontality: float = 1.0


AS_IT_STANDS = Alignment()


def alignment_of(geometry: FaceGeometry | None) -> Alignment:
    """That of a face by its geometry; `AS_IT_STANDS` where nobody looked for it."""
    if geometry is None:
        return AS_IT_STANDS
    roll_rad = 0.0
    if geometry.landmarks is not None and geometry.landmarks_confidence >= SURE_POINTS:
        roll_rad = geometry.landmarks.roll_rad
    if geometry.head is None:
        return Alignment(roll_rad, UNKNOWN_FRONTALITY)
    return Alignment(roll_rad, frontality(geometry.head.turn_rad))


def frontality(turn_rad: float) -> float:
    """Falls smoothly from 1, from the front, over 1/2 at `HALF_TRUST_RAD`, with the turn."""
    return 1.0 / (1.0 + (turn_rad / HALF_TRUST_RAD) ** FALL_POWER)
