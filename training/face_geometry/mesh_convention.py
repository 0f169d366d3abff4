"""Where the labellers of `landmarks` would have put the 68 points on a face mesh.

The mesh and the labels mark other places (the tip of the nose differs by a tenth of the distance
between the eyes), so the points are regressed from the shape of the mesh: ridge regression on its
principal components, in the frame of the eyes, fitted to pictures that have both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

LEFT_EYE = (33, 160, 158, 133, 153, 144)
RIGHT_EYE = (362, 385, 387, 263, 373, 380)
"""Mesh points in the order of the 68 points' eye contours, left and right as seen in the image."""
COMPONENTS = 80
RIDGE = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Upright frames of n faces: pixels = origin + matrix @ coordinates."""

    origins: Array
    matrices: Array

    @classmethod
    def of(cls, meshes: Array) -> Frames:
        """Those of meshes (n, 478, 3): the centre and the spread of the points, the eyes' line."""
        flat = meshes[:, :468, :2]
        origins = flat.mean(1)
        across = flat[:, RIGHT_EYE].mean(1) - flat[:, LEFT_EYE].mean(1)
        angle = np.arctan2(across[:, 1], across[:, 0])
        size = np.sqrt(((flat - origins[:, None]) ** 2).sum(2).mean(1))
        cos, sin = np.cos(angle) * size, np.sin(angle) * size
        return cls(origins, np.stack([np.stack([cos, -sin], 1), np.stack([sin, cos], 1)], 1))

    def inside(self, points: Array) -> Array:
        """Pixels (n, k, 2) in coordinates of the frames."""
        inverse = np.linalg.inv(self.matrices)
        return np.einsum("nij,nkj->nki", inverse, points - self.origins[:, None])

    def outside(self, coordinates: Array) -> Array:
        return np.einsum("nij,nkj->nki", self.matrices, coordinates) + self.origins[:, None]


@dataclass(frozen=True, slots=True, eq=False)
class Convention:
    """The regression from meshes (n, 478, 3) to the labellers' points (n, 68, 2), in pixels."""

    mean: Array
    components: Array
    weights: Array

    @classmethod
    def between(cls, meshes: Array, points: Array) -> Convention:
        frames = Frames.of(meshes)
        shapes = shapes_of(meshes, frames)
        mean = shapes.mean(0)
        _, spread, axes = np.linalg.svd(shapes - mean, full_matrices=False)
        components = axes[:COMPONENTS].T / (spread[:COMPONENTS] / np.sqrt(len(shapes)))
        factors = _with_one((shapes - mean) @ components)
        wanted = frames.inside(points).reshape(len(points), -1)
        # The constant is not held back: it is where the points lie.
        held_back = np.append(np.full(factors.shape[1] - 1, RIDGE), 0.0)
        damped = factors.T @ factors + np.diag(held_back)
        return cls(mean, components, np.linalg.solve(damped, factors.T @ wanted))

    def points(self, meshes: Array) -> Array:
        frames = Frames.of(meshes)
        factors = _with_one((shapes_of(meshes, frames) - self.mean) @ self.components)
        return frames.outside((factors @ self.weights).reshape(len(meshes), -1, 2))


def shapes_of(meshes: Array, frames: Frames) -> Array:
    """Meshes (n, 478, 3) in their frames, flat: x and y of all points, then their depths."""
    flat = frames.inside(meshes[..., :2])
    depth = meshes[..., 2] / np.sqrt(np.linalg.det(frames.matrices))[:, None]
    return np.concatenate([flat.reshape(len(meshes), -1), depth], 1)


def _with_one(factors: Array) -> Array:
    return np.concatenate([factors, np.ones((len(factors), 1))], 1)
