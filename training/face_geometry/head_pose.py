"""Head pose from 68 points of a face and a mean 3-D face: the perspective-n-point problem.

Rotations are R = Rz(roll) Ry(yaw) Rx(pitch): turning the picture in its plane changes the roll by
that angle and nothing else. All signs are the contract's: yaw > 0 towards the image's right, pitch
> 0 up, roll > 0 clockwise as seen in the image; all are 0 for a face straight into the camera.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from training.face_geometry.mean_face import MEAN_FACE

Array = npt.NDArray[np.float64]

FOCAL_IN_FACES = 12.0
"""Focal length by the height of the points' box: a long lens, for crops do not tell theirs."""
_TO_CAMERA = np.diag([1.0, -1.0, -1.0])
"""From x right, y up, z towards the camera to the camera's x right, y down, z away."""


def solved(points: Array) -> Array:
    """Yaw, pitch and roll in radian, of shape (3,), of a face with these points (68, 2) in pixels.

    The principal point is the middle of the points: where a face is in its picture says nothing
    of where its head points.
    """
    low, high = points.min(0), points.max(0)
    focal = FOCAL_IN_FACES * float((high - low).max())
    middle = (low + high) / 2
    camera = np.array([[focal, 0, middle[0]], [0, focal, middle[1]], [0, 0, 1.0]])
    start = _TO_CAMERA @ orthographic(points)
    depth = FOCAL_IN_FACES * float(np.ptp(MEAN_FACE, axis=0).max())
    turned, _ = cv2.Rodrigues(start)
    _, turned, _ = cv2.solvePnP(
        MEAN_FACE,
        points.astype(np.float64),
        camera,
        None,
        turned.copy(),
        np.array([[0.0], [0.0], [depth]]),
        useExtrinsicGuess=True,
        flags=cv2.SOLVEPNP_ITERATIVE,
    )
    rotation, _ = cv2.Rodrigues(turned)
    return angles_of(_TO_CAMERA @ rotation)


def orthographic(points: Array) -> Array:
    """The rotation (3, 3) of the mean face, in axes x right, y up, z towards the camera, whose
    scaled orthographic image comes closest (DeMenthon, Davis, "Model-Based Object Pose in 25 Lines
    of Code", 1995: the step of POS)."""
    seen = (points - points.mean(0)) * [1, -1]
    shape = MEAN_FACE - MEAN_FACE.mean(0)
    rows = np.linalg.lstsq(shape, seen, rcond=None)[0].T
    left, _, right = np.linalg.svd(rows, full_matrices=False)
    first, second = left @ right
    return np.stack([first, second, np.cross(first, second)])


def angles_of(rotation: Array) -> Array:
    """Yaw, pitch and roll of a rotation in axes x right, y up, z towards the camera."""
    # In these axes a turn about z by +roll is counter-clockwise: roll is its negative.
    roll = -np.arctan2(rotation[1, 0], rotation[0, 0])
    yaw = np.arcsin(np.clip(-rotation[2, 0], -1, 1))
    pitch = -np.arctan2(rotation[2, 1], rotation[2, 2])
    return np.array([yaw, pitch, roll])


def rotation_of(yaw_rad: float, pitch_rad: float, roll_rad: float) -> Array:
    """The inverse of `angles_of`."""
    cy, sy = np.cos(yaw_rad), np.sin(yaw_rad)
    cp, sp = np.cos(-pitch_rad), np.sin(-pitch_rad)
    cr, sr = np.cos(-roll_rad), np.sin(-roll_rad)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


def projected(yaw_rad: float, pitch_rad: float, roll_rad: float, *, scale: float) -> Array:
    """The mean face turned so, as its points (68, 2) in an orthographic image about (0, 0);
    `scale` is in pixels per cm."""
    turned = MEAN_FACE @ rotation_of(yaw_rad, pitch_rad, roll_rad).T
    return np.asarray(turned[:, :2] * [scale, -scale])
