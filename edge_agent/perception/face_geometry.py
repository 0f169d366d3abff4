"""Face crop -> points, head pose, gaze, and whether eyes are open and the mouth smiles.

The model says how far off it expects each answer to be. With errors distributed as Laplace's first
law, that is the probability that the error is within a tolerance, and this is the confidence. What
is too uncertain, or cannot be seen, is not estimated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_agent.domain.detection import FaceLandmarks
from edge_agent.domain.geometry import Box, Gaze, HeadPose, Point
from edge_agent.domain.observation import FaceGeometry
from edge_agent.perception.crops import cut, grey, quality, square_around, whole_pixels
from edge_agent.perception.tensors import Engine, Pixels, Tensor

POINTS_TOLERANCE = 0.10
"""Mean distance, as a share of the distance between the eyes, within which points are right."""
HEAD_TOLERANCE_RAD = math.radians(10)
"""Mean difference of the three angles within which a head pose is right."""
GAZE_TOLERANCE_RAD = 0.2
"""Mean difference of the two angles within which a gaze is right."""
LEAST_CONFIDENCE_POINTS = 0.25
LEAST_CONFIDENCE_HEAD = 0.25
LEAST_CONFIDENCE_GAZE = 0.25
"""Confidence below which a value is not estimated."""
LEAST_VISIBLE = 0.5
LEAST_PLACED = 0.35
"""Probability that the face can be seen and its points be placed, were the crop as good as can be.
Below either of these nothing of the face is estimated. Heads from behind that the detector takes
for faces look a little like faces, but nobody can say where their eyes are. Of those labelled in
crowds seen from above (held back, 18 pixels and more) 68 % fall to the former and 44 % of the rest
to the latter; of the faces that pass the former none of 707 of `landmarks`, made 12 pixels wide,
but 2 of 47 bare and 5 % of the masked ones in street and crowd, of 12 pixels and more."""
TELLING_SIDE = 20.0
"""Pixels of the frame from which a face that cannot be seen is none. Of 450 labelled ones of that
size in street and crowd (held back) two cannot be seen, of 104 below 12 pixels every fourth."""
LEAST_EYES_OPEN = 0.5
"""Probability that the eyes are open below which there is no gaze."""
LEAST_INSIDE = 0.5
"""Share of the crop that must lie in the image."""
LOG_ERROR_LIMIT = 10.0
"""Logarithm of an error beyond which it is as good as endless."""

MIRRORED_POINTS = (1, 0, 2, 4, 3)
"""The five points in the order in which a mirror shows them."""
_MIRROR_POINT = np.array([-1, 1], np.float32)
_MIRROR_HEAD = np.array([-1, 1, -1], np.float32)
_MIRROR_GAZE = np.array([-1, 1], np.float32)

NOTHING = FaceGeometry()
NO_FACE = FaceGeometry(shows_face=False)


@dataclass(frozen=True, slots=True)
class ErrorScales:
    """By what the errors that the model expects are multiplied to be true of faces that it was not
    trained on."""

    points: float = 1.0
    head: float = 1.0
    gaze: float = 1.0


@dataclass(frozen=True, slots=True)
class GeometryAnswer:
    """All that the model says of a crop, sure or not.

    `landmarks` in shares of the crop's side from its upper left corner; the errors are the mean
    absolute ones that it expects: of the points in shares of the distance between the eyes, of head
    and gaze in radian; `eyes_open`, `smile` and `visible` are probabilities.
    """

    landmarks: FaceLandmarks
    head: HeadPose
    gaze: Gaze
    points_error: float
    head_error_rad: float
    gaze_error_rad: float
    eyes_open: float
    smile: float
    visible: float


class FaceGeometryReader:
    """Reads the geometry of a face.

    The model's parameters: `crop_side` and `crop_shift_down` place the upright crop about the face
    box; `points_error_scale`, `head_error_scale` and `gaze_error_scale` make the errors that it
    expects true for faces that it was not trained on. Where there is `points_lie_right`, the model
    looks at the crop's mirror image, too, and the mean of both counts: what it errs in to one side
    it errs in to the other the second time. It is by how much its points, like the labels that they
    were learned from, lie right of what they mark, in shares of the crop's side. Its outputs:
    `points` (10,), `head` (3,), `gaze` (2,), `errors` (3,) and `logits` (3,); `answer_from` says
    what they mean.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        parameters = engine.parameters
        self._crop_side = parameters["crop_side"]
        self._crop_shift_down = parameters["crop_shift_down"]
        self._lie_right = parameters.get("points_lie_right")
        self._scales = ErrorScales(
            points=parameters["points_error_scale"],
            head=parameters["head_error_scale"],
            gaze=parameters["gaze_error_scale"],
        )

    def read(self, pixels: Pixels, face: Box) -> FaceGeometry:
        """Of the face at `face` in a BGR or grey frame, in pixels of it; `NOTHING` where the crop
        shows too little, `NO_FACE` where it shows another thing, such as the back of a head."""
        square = square_around(face, self._crop_side, self._crop_shift_down)
        crop = cut(pixels, square, self._engine.input_size.width, LEAST_INSIDE)
        if crop is None:
            return NOTHING
        crop = grey(crop)
        trust = quality(crop, square)
        if trust == 0.0:
            return NOTHING
        answer = self.answer(crop)
        if answer.visible < LEAST_VISIBLE and min(face.width, face.height) >= TELLING_SIDE:
            return NO_FACE
        return geometry_from(answer, whole_pixels(square), trust)

    def answer(self, crop: Pixels) -> GeometryAnswer:
        """That to a grey crop of the model's size."""
        outputs = self._engine.infer(crop)
        if self._lie_right is not None:
            mirror = self._engine.infer(np.ascontiguousarray(crop[:, ::-1]))
            other = mirrored(mirror, self._lie_right)
            outputs = {name: _mean(outputs[name], other[name]) for name in outputs}
        return answer_from(outputs, self._scales)


def mirrored(outputs: Mapping[str, Tensor], lie_right: float) -> dict[str, Tensor]:
    """The model's outputs for a crop, from those for its mirror image; in both, points lie right of
    what they mark by `lie_right`, in shares of the crop's side."""
    points = outputs["points"].reshape(5, 2)[list(MIRRORED_POINTS)] * _MIRROR_POINT
    points[:, 0] += 1 + 2 * lie_right
    return {
        **outputs,
        "points": points.ravel(),
        "head": outputs["head"] * _MIRROR_HEAD,
        "gaze": outputs["gaze"] * _MIRROR_GAZE,
    }


def answer_from(
    outputs: Mapping[str, Tensor],
    scales: ErrorScales = ErrorScales(),
) -> GeometryAnswer:
    """The model's outputs by their meaning.

    `points`: x and y of the image's left eye, its right eye, the nose's tip, the image's left and
    its right corner of the mouth, in shares of the crop's side; `head`: yaw, pitch, roll; `gaze`:
    yaw, pitch relative to the camera, all in radian; `errors`: natural logarithms of the mean
    absolute errors of points, head and gaze; `logits`: of eyes being open, a smile, and the face
    being there to see.
    """
    points = np.asarray(outputs["points"], np.float64).reshape(5, 2)
    logs = np.clip(np.asarray(outputs["errors"], np.float64), -LOG_ERROR_LIMIT, LOG_ERROR_LIMIT)
    points_error, head_error, gaze_error = (float(error) for error in np.exp(logs))
    eyes_open, smile, visible = (_logistic(float(logit)) for logit in outputs["logits"])
    return GeometryAnswer(
        landmarks=FaceLandmarks(*(Point(float(x), float(y)) for x, y in points)),
        head=HeadPose(*(float(angle) for angle in outputs["head"])),
        gaze=Gaze(*(float(angle) for angle in outputs["gaze"])),
        points_error=points_error * scales.points,
        head_error_rad=head_error * scales.head,
        gaze_error_rad=gaze_error * scales.gaze,
        eyes_open=eyes_open,
        smile=smile,
        visible=visible,
    )


def geometry_from(answer: GeometryAnswer, square: Box, trust: float = 1.0) -> FaceGeometry:
    """What can be told of the face in a crop: each value that is sure enough, else None.

    `square` is where the crop lies in the frame, in pixels; `trust` in [0, 1] is its quality. A
    confidence is the probability that the value is within its tolerance, times that of the face
    being there to see (of the eyes being open, too, for the gaze), times `trust`. Eyes that are
    seen badly are as likely open as closed.
    """
    placed = answer.visible * probability_within(POINTS_TOLERANCE, answer.points_error)
    if answer.visible < LEAST_VISIBLE or placed < LEAST_PLACED:
        return NOTHING
    seen, points = answer.visible * trust, placed * trust
    head = seen * probability_within(HEAD_TOLERANCE_RAD, answer.head_error_rad)
    gaze = seen * probability_within(GAZE_TOLERANCE_RAD, answer.gaze_error_rad)
    gaze *= answer.eyes_open if answer.eyes_open >= LEAST_EYES_OPEN else 0.0
    has_points = points >= LEAST_CONFIDENCE_POINTS
    has_head = head >= LEAST_CONFIDENCE_HEAD
    has_gaze = gaze >= LEAST_CONFIDENCE_GAZE
    return FaceGeometry(
        landmarks=_placed(answer.landmarks, square) if has_points else None,
        landmarks_confidence=points if has_points else 0.0,
        head=answer.head if has_head else None,
        head_confidence=head if has_head else 0.0,
        gaze=answer.gaze if has_gaze else None,
        gaze_confidence=gaze if has_gaze else 0.0,
        eyes_open=0.5 + seen * (answer.eyes_open - 0.5),
        smiling_degree=answer.smile,
    )


def probability_within(tolerance: float, mean_error: float) -> float:
    """That an error distributed as Laplace's first law is at most `tolerance`."""
    return -math.expm1(-tolerance / mean_error) if mean_error > 0 else 1.0


def _mean(one: Tensor, other: Tensor) -> Tensor:
    return np.asarray((one + other) / 2, np.float32)


def _placed(landmarks: FaceLandmarks, square: Box) -> FaceLandmarks:
    return FaceLandmarks(
        *(
            Point(square.x + point.x * square.width, square.y + point.y * square.height)
            for point in landmarks.points
        )
    )


def _logistic(logit: float) -> float:
    return 0.5 + 0.5 * math.tanh(0.5 * logit)
