"""How a face stands before the camera, for the models that see it upright and from the front."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge_agent.domain.detection import FaceLandmarks
from edge_agent.domain.geometry import Box, Point
from edge_agent.domain.observation import FaceGeometry
from edge_agent.perception.crops import UPRIGHT_WITHIN_RAD

SURE_POINTS = 0.5
"""Confidence of the points from which crops are turned by them."""
BOX_SIDE = 1.70
"""Side of an upright face's box, as the detector mostly gives it, by the root of the squared
distances between the eyes and from them to the mouth."""
BOX_SHIFT_DOWN = -0.02
"""How far below the middle between eyes and mouth that box's centre lies, by the same."""
HALF_TRUST_RAD = math.radians(50)
"""Turn of the head at which a face tells half as much as from the front."""
FALL_POWER = 4
"""How sharply that falls: 0.93 at 26 degrees, 0.5 at 50, 0.09 at 90."""
UNKNOWN_FRONTALITY = 0.5
"""That of a face whose head pose was looked for and not found."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where a face is cut out, by what its crop is turned, and how much of the face is seen.

    `roll_rad` is the tilt of the face, > 0 clockwise as seen in the image; `box`, where not None,
    is its box in its own upright frame, in the place of the detector's, which is larger and higher
    around a tilted face; `frontality` in [0, 1] is how far it can be trusted to show what it would
    show from the front. `turn_rad` is how far the head is known to be turned: of a small face whose
    pose is too uncertain to be told nothing is known, but one in which nothing at all can be made
    out counts as turned by `HALF_TRUST_RAD`.
    """

    roll_rad: float = 0.0
    frontality: float = 1.0
    box: Box | None = None
    turn_rad: float = 0.0

    @property
    def is_tilted(self) -> bool:
        """Whether crops are turned at all."""
        return abs(self.roll_rad) > UPRIGHT_WITHIN_RAD


AS_IT_STANDS = Alignment()


def alignment_of(geometry: FaceGeometry | None) -> Alignment:
    """That of a face by its geometry; `AS_IT_STANDS` where nobody looked for it."""
    if geometry is None:
        return AS_IT_STANDS
    head, landmarks = geometry.head, geometry.landmarks
    trust = UNKNOWN_FRONTALITY if head is None else frontality(head.turn_rad)
    unknown_rad = HALF_TRUST_RAD if geometry.is_hidden else 0.0
    turn_rad = unknown_rad if head is None else head.turn_rad
    if landmarks is None or geometry.landmarks_confidence < SURE_POINTS:
        return Alignment(frontality=trust, turn_rad=turn_rad)
    return Alignment(landmarks.roll_rad, trust, box_by(landmarks), turn_rad)


def frontality(turn_rad: float) -> float:
    """Falls smoothly from 1, from the front, over 1/2 at `HALF_TRUST_RAD`, with the turn."""
    return 1.0 / (1.0 + hidden_by_turn(turn_rad))


def hidden_by_turn(turn_rad: float) -> float:
    """How much of a face is hidden, by how much is seen: 0 from the front, 1 at `HALF_TRUST_RAD`,
    10 from the side."""
    return (turn_rad / HALF_TRUST_RAD) ** FALL_POWER


def box_by(landmarks: FaceLandmarks) -> Box:
    """The box of a face by its points, as the detector would give it were the face upright."""
    left, right, mouth = landmarks.left_eye, landmarks.right_eye, landmarks.mouth
    eyes = Point((left.x + right.x) / 2, (left.y + right.y) / 2)
    extent = math.hypot(left.distance_to(right), eyes.distance_to(mouth))
    shift, roll_rad = BOX_SHIFT_DOWN * extent, landmarks.roll_rad
    center = Point(
        (eyes.x + mouth.x) / 2 - shift * math.sin(roll_rad),
        (eyes.y + mouth.y) / 2 + shift * math.cos(roll_rad),
    )
    return Box.around(center, BOX_SIDE * extent, BOX_SIDE * extent)
