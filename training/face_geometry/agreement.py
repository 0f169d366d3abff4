"""What the geometry model says of how far off it is, beside how far off it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge_agent.devices.manifest import Model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.perception.face_geometry import GeometryAnswer
from training.face_geometry.evaluate import answers, errors_between, heads_of
from training.face_geometry.labels import Faces

Array = npt.NDArray[np.floating]


def error_scales(model: Model, faces: Faces) -> dict[str, float]:
    """What multiplies the stated errors so that they are true of these faces: the likeliest scale
    of a Laplace distribution is the mean of the errors."""
    told, points = answers(TfliteEngine(model), list(faces.images))
    actual = actual_errors(told, points, faces)
    stated = stated_errors(told)
    return {
        f"{name}_error_scale": round(float(np.nanmean(actual[name] / stated[name])), 3)
        for name in ("points", "head", "gaze")
    }


def stated_errors(told: Sequence[GeometryAnswer]) -> dict[str, Array]:
    """Each (n,), as the reader states them."""
    return {
        "points": np.array([answer.points_error for answer in told]),
        "head": np.array([answer.head_error_rad for answer in told]),
        "gaze": np.array([answer.gaze_error_rad for answer in told]),
    }


def actual_errors(told: Sequence[GeometryAnswer], points: Array, faces: Faces) -> dict[str, Array]:
    """Each (n,), by the same names; of the gaze, where the teacher saw one, else NaN."""
    errors = errors_between(points, heads_of(told), faces.points)
    gaze = np.array([[answer.gaze.yaw_rad, answer.gaze.pitch_rad] for answer in told])
    return {
        "points": errors.points.mean(1),
        "head": errors.head.mean(1),
        "gaze": np.abs(gaze - faces.gaze).mean(1),
    }
