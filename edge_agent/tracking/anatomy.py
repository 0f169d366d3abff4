"""Where the face of a body must be, and the body of a face.

One `Relation` per track tells how its two boxes lie to each other. It begins with what holds for
people at large and learns the one person (their build, how much of them the image cuts off) from
every frame that shows both parts. A face keeps its place below the top of the body's box even
where the rest of the body is cut off or hidden, so all is measured from there.
"""

from __future__ import annotations

import math

import numpy as np

from edge_agent.domain.detection import Detection, Part, Region
from edge_agent.tracking.motion import Floats

HEIGHT_M = {Part.FACE: 0.2, Part.BODY: 1.7}
"""How tall the box of a part is, about, in metres."""

_FACE_OF_HEAD, _FACE_BELOW_HEAD, _FACE_OF_HEAD_SD = 0.65, 0.33, 0.14
"""Of a face in its head's box: its height in heights of the head, how far its middle lies below
that of the head in heights of the face, and by how much both vary."""

HEAD_DOUBT = (
    (_FACE_OF_HEAD_SD * HEIGHT_M[Part.FACE]) ** 2,
    (_FACE_OF_HEAD_SD * HEIGHT_M[Part.FACE]) ** 2,
    _FACE_OF_HEAD_SD**2,
    _FACE_OF_HEAD_SD**2,
)
"""The variances (metres, logarithms) that a head adds which stands in for its face."""

Coordinates = tuple[float, float, float, float]

_PRIOR: tuple[float, ...] = (0.0, 0.7, 1.2, 2.0)
_PRIOR_SD = (0.6, 0.35, 0.4, 0.5)
_LEARNED_SD = (0.3, 0.15, 0.15, 0.15)
_LEARNING = 0.1
_SMALLEST_PX = 0.5
_LARGEST_PX = 1e6
_FARTHEST_PX = 1e7


class Relation:
    """How a face lies to its body.

    `values` are: the face's centre right of the body's and below the body's top, both in heights
    of the face, and the logarithms of body width to face width and body height to face height;
    `variance` holds theirs.
    """

    def __init__(self) -> None:
        self.values = _PRIOR
        self.looks = 0

    @property
    def variance(self) -> tuple[float, ...]:
        if not self.looks:
            return tuple(sd**2 for sd in _PRIOR_SD)
        return tuple(
            (prior / (1 + self.looks)) ** 2 + learned**2
            for prior, learned in zip(_PRIOR_SD, _LEARNED_SD, strict=True)
        )

    def learn(self, face: Coordinates, body: Coordinates) -> None:
        """Takes up one look at both parts."""
        height = math.exp(face[3])
        top = body[1] - math.exp(body[3]) / 2
        look = (
            (face[0] - body[0]) / height,
            (face[1] - top) / height,
            body[2] - face[2],
            body[3] - face[3],
        )
        self.looks += 1
        weight = max(_LEARNING, 1 / self.looks)
        self.values = tuple(
            old + weight * (new - old) for old, new in zip(self.values, look, strict=True)
        )


def coordinates(region: Region) -> Coordinates:
    """A region's centre x, centre y, log width, log height; a head as the face that it bears."""
    box = region.box
    is_head = region.part is Part.HEAD
    grown = _FACE_OF_HEAD if is_head else 1.0
    below = _FACE_BELOW_HEAD * grown * box.height if is_head else 0.0
    return (
        _clamp(box.x + box.width / 2, -_FARTHEST_PX, _FARTHEST_PX),
        _clamp(box.y + box.height / 2 + below, -_FARTHEST_PX, _FARTHEST_PX),
        math.log(_clamp(box.width * grown, _SMALLEST_PX, _LARGEST_PX)),
        math.log(_clamp(box.height * grown, _SMALLEST_PX, _LARGEST_PX)),
    )


def face_like(detection: Detection) -> Region | None:
    """The face, or the head where no face was found."""
    return detection.face or detection.head


def face_of(body: Floats, relation: Floats) -> Floats:
    """Where the face must be; `body` and `relation` broadcast over all but the last axis."""
    body, relation = np.broadcast_arrays(body, relation)
    face = np.empty(body.shape)
    face[..., 2] = body[..., 2] - relation[..., 2]
    face[..., 3] = body[..., 3] - relation[..., 3]
    height = np.exp(face[..., 3])
    face[..., 0] = body[..., 0] + relation[..., 0] * height
    face[..., 1] = body[..., 1] - np.exp(body[..., 3]) / 2 + relation[..., 1] * height
    return face


def body_of(face: Floats, relation: Floats) -> Floats:
    """Where the body must be; `face` and `relation` broadcast over all but the last axis."""
    face, relation = np.broadcast_arrays(face, relation)
    height = np.exp(face[..., 3])
    body = np.empty(face.shape)
    body[..., 2] = face[..., 2] + relation[..., 2]
    body[..., 3] = face[..., 3] + relation[..., 3]
    top = face[..., 1] - relation[..., 1] * height
    body[..., 0] = face[..., 0] - relation[..., 0] * height
    body[..., 1] = top + np.exp(body[..., 3]) / 2
    return body


def doubt(relation_variance: Floats, lead: Part) -> Floats:
    """What a box derived through a relation adds to the variances of a filter (metres, logs).

    `relation_variance` is of shape (..., 4), and so is the answer.
    """
    extra = np.empty(relation_variance.shape)
    face_m, body_m = HEIGHT_M[Part.FACE], HEIGHT_M[Part.BODY]
    extra[..., :2] = relation_variance[..., :2] * face_m**2
    extra[..., 2:] = relation_variance[..., 2:]
    if lead is Part.BODY:  # the body's centre hangs below its top by half of an unsure height
        extra[..., 1] += relation_variance[..., 3] * (body_m / 2) ** 2
    return extra


def _clamp(value: float, least: float, most: float) -> float:
    return min(max(value, least), most)
