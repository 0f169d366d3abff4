"""Gaze from where the irises lie between the corners of the eyes.

An iris lies r sin(gaze) from the middle of its eyeball, in the picture, wherever the head points;
the middle of the eye's corners lies d sin(head) from it, before it in the skull. So the gaze is
linear in both offsets, and the two coefficients are fitted to the gaze network, of whose error the
mean over many faces is free.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

IRISES = (468, 473)
CORNERS = ((33, 133), (362, 263))
"""Mesh points: centre of the iris and corners of the eye, the image's left eye first."""


@dataclass(frozen=True, slots=True, eq=False)
class IrisGaze:
    """Gaze (n, 2) from meshes (n, 478, 3) and heads (n, 3): `yaw` has the coefficients of the
    head's yaw and the irises' offset, `pitch` likewise, and a constant."""

    yaw: Array
    pitch: Array

    @classmethod
    def between(cls, meshes: Array, heads: Array, gaze: Array) -> IrisGaze:
        offsets = iris_offsets(meshes, heads[:, 2])
        upright = turned(gaze, -heads[:, 2])
        sideways = np.column_stack([heads[:, 0], offsets[:, 0]])
        upwards = np.column_stack([heads[:, 1], offsets[:, 1], np.ones(len(heads))])
        return cls(
            np.linalg.lstsq(sideways, upright[:, 0], rcond=None)[0],
            np.linalg.lstsq(upwards, upright[:, 1], rcond=None)[0],
        )

    def gaze(self, meshes: Array, heads: Array) -> Array:
        offsets = iris_offsets(meshes, heads[:, 2])
        sideways = np.column_stack([heads[:, 0], offsets[:, 0]])
        upwards = np.column_stack([heads[:, 1], offsets[:, 1], np.ones(len(heads))])
        upright = np.column_stack([sideways @ self.yaw, upwards @ self.pitch])
        return turned(upright, heads[:, 2])


def iris_offsets(meshes: Array, roll_rad: Array) -> Array:
    """Mean offset (n, 2) of both irises from the middles of their eyes, to the right and up in
    the upright head, by the width of the wider eye."""
    corners = np.stack([meshes[:, list(pair), :2] for pair in CORNERS], 1)
    width = np.linalg.norm(corners[:, :, 1] - corners[:, :, 0], axis=2).max(1)
    off = (meshes[:, list(IRISES), :2] - corners.mean(2)).mean(1) / width[:, None]
    cos, sin = np.cos(roll_rad), np.sin(roll_rad)
    right = off[:, 0] * cos + off[:, 1] * sin
    down = off[:, 1] * cos - off[:, 0] * sin
    return np.column_stack([right, -down])


def turned(gaze: Array, turn_rad: Array) -> Array:
    """Yaw and pitch (n, 2) in images turned clockwise by these angles (n,)."""
    yaw, pitch = gaze.T
    x, y, z = np.cos(pitch) * np.sin(yaw), np.sin(pitch), np.cos(pitch) * np.cos(yaw)
    cos, sin = np.cos(turn_rad), np.sin(turn_rad)
    right, up = x * cos + y * sin, y * cos - x * sin
    return np.column_stack([np.arctan2(right, z), np.arctan2(up, np.hypot(right, z))])
