"""The Open Model Zoo networks that are compared with, and whose gaze is learned from.

They run with the package openvino, which nothing else needs. Their files are in `teachers`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.face_geometry.chips import Chip

EYE_SCALE = 1.8
"""Side of an eye's picture by the distance between the corners of the eye."""
EYE_WIDTH = 0.43
"""That distance by the one between the eyes, where only their centres are known."""
MIRROR_HEAD, MIRROR_GAZE = np.array([-1.0, 1, -1]), np.array([-1.0, 1])
"""By which the angles seen in a mirror image are those of the face."""
_EYE_SIDE = 60

Array = npt.NDArray[np.float64]


def mirror_image(image: Chip) -> Chip:
    return np.ascontiguousarray(image[:, ::-1])


class OpenModelZoo:
    """Points, head and gaze of faces as landmarks-regression-retail-0009,
    head-pose-estimation-adas-0001 and gaze-estimation-adas-0002 see them."""

    def __init__(self, folder: Path) -> None:
        import openvino

        core = openvino.Core()

        def compiled(name: str) -> Any:
            options = {"INFERENCE_NUM_THREADS": "1", "PERFORMANCE_HINT": "LATENCY"}
            return core.compile_model(str(folder / f"{name}.xml"), "CPU", options)

        self._points = compiled("landmarks-regression-retail-0009")
        self._head = compiled("head-pose-estimation-adas-0001")
        self._gaze = compiled("gaze-estimation-adas-0002")

    def points(self, face: Chip) -> Array:
        """Left eye, right eye, nose, left and right corner of the mouth as seen in the image, of
        shape (5, 2), as shares of the sides of a face crop."""
        (given,) = self._points(_blob(face, 48)).values()
        return np.asarray(given, np.float64).reshape(5, 2)

    def head(self, face: Chip) -> Array:
        """Yaw, pitch and roll in radian, with the contract's signs, of a face crop."""
        given = self._head(_blob(face, 60))
        degrees = [float(given[f"angle_{axis}_fc"].item()) for axis in "ypr"]
        return np.radians(degrees) * HEAD_SIGNS

    def gaze(self, image: Chip, eyes: Array, widths: Array, head: Array) -> Array:
        """Yaw and pitch in radian, relative to the camera, with the contract's signs.

        `eyes` (2, 2) are the centres in the image, the one on its left first, `widths` (2,) their
        sizes from corner to corner, all in pixels; `head` as `head` gives it. As in the Open Model
        Zoo demo the eyes are looked at upright, and the gaze is turned back by the roll.
        """
        left, right = (
            _upright_eye(image, eye, width * EYE_SCALE, head[2])
            for eye, width in zip(eyes, widths, strict=True)
        )
        yaw, pitch, _ = np.degrees(head) * HEAD_SIGNS
        given = self._gaze(
            {
                EYE_INPUTS[0]: _blob(left, _EYE_SIDE),
                EYE_INPUTS[1]: _blob(right, _EYE_SIDE),
                "head_pose_angles": np.array([[yaw, pitch, 0.0]], np.float32),
            }
        )
        (vector,) = given.values()
        x, y, z = np.asarray(vector, np.float64).ravel()
        cos, sin = np.cos(head[2]), np.sin(head[2])
        # y grows upwards here, so clockwise in the image is the negative sense.
        x, y = x * cos + y * sin, y * cos - x * sin
        # z grows away from the camera, whatever the page of the network says.
        return np.array([np.arctan2(x, -z), np.arctan2(y, np.hypot(x, z))])


HEAD_SIGNS = np.array([1.0, -1.0, 1.0])
EYE_INPUTS = ("left_eye_image", "right_eye_image")


def _blob(image: Chip, side: int) -> npt.NDArray[np.float32]:
    resized = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return resized.transpose(2, 0, 1)[None].astype(np.float32)


def _upright_eye(image: Chip, center: Array, side: float, roll_rad: float) -> Chip:
    """The square of `side` pixels about an eye, turned back by the head's roll."""
    scale = _EYE_SIDE / max(side, 1.0)
    cos, sin = np.cos(roll_rad) * scale, np.sin(roll_rad) * scale
    turn = np.array([[cos, sin], [-sin, cos]])
    shift = np.full(2, _EYE_SIDE / 2) - turn @ center
    return np.asarray(
        cv2.warpAffine(
            image,
            np.column_stack([turn, shift]),
            (_EYE_SIDE, _EYE_SIDE),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    )
