"""How broadly a mouth smiles, from the shape of its mesh alone.

A logistic regression on the lips, seen from the front, that comes closest to the happiness which
the expression model sees in the same face: its geometric part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409)
INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310)
CHEEKS = (50, 280, 205, 425, 206, 426, 216, 436)
RIGID = (10, 151, 9, 8, 168, 6, 33, 133, 362, 263, 127, 356, 234, 454)
"""Points of forehead, bridge of the nose, corners of the eyes and temples: they do not smile."""
COMPONENTS = 12
_STEPS = 60
_RIDGE = 1e-2


@dataclass(frozen=True, slots=True, eq=False)
class Smiles:
    """The regression from meshes (n, 478, 3) to degrees of smiling (n,) in [0, 1]."""

    rest: Array
    mean: Array
    components: Array
    weights: Array

    @classmethod
    def between(cls, meshes: Array, happiness: Array) -> Smiles:
        rest = _mirrored_mean(meshes)
        shapes = _mouths(meshes, rest)
        mean = shapes.mean(0)
        _, spread, axes = np.linalg.svd(shapes - mean, full_matrices=False)
        components = axes[:COMPONENTS].T / (spread[:COMPONENTS] / np.sqrt(len(shapes)))
        factors = _with_one((shapes - mean) @ components)
        return cls(rest, mean, components, _logistic_fit(factors, happiness))

    def degrees(self, meshes: Array) -> Array:
        factors = _with_one((_mouths(meshes, self.rest) - self.mean) @ self.components)
        return np.asarray(1 / (1 + np.exp(-factors @ self.weights)))


def _mirrored_mean(meshes: Array) -> Array:
    """The rigid points of the first mesh, refined into their mean shape."""
    rest = meshes[0, list(RIGID)] - meshes[0, list(RIGID)].mean(0)
    rest /= np.sqrt((rest**2).sum(1).mean())
    for _ in range(4):
        rest = _aligned(meshes, rest, RIGID).mean(0)
        rest /= np.sqrt((rest**2).sum(1).mean())
    return rest


def _mouths(meshes: Array, rest: Array) -> Array:
    chosen = (*LIPS, *INNER_LIPS, *CHEEKS)
    return _aligned(meshes, rest, chosen).reshape(len(meshes), -1)


def _aligned(meshes: Array, rest: Array, chosen: tuple[int, ...]) -> Array:
    """Points of meshes, moved, turned and scaled so that their rigid points lie on `rest`
    (Umeyama, "Least-Squares Estimation of Transformation Parameters", 1991)."""
    rigid = meshes[:, list(RIGID)]
    middle = rigid.mean(1, keepdims=True)
    left, stretch, right = np.linalg.svd(np.einsum("nki,kj->nij", rigid - middle, rest))
    sign = np.sign(np.linalg.det(left @ right))
    left[:, :, 2] *= sign[:, None]
    stretch[:, 2] *= sign
    scale = (rest**2).sum() / stretch.sum(1)
    turned = np.einsum("nij,nki->nkj", left @ right, meshes[:, list(chosen)] - middle)
    return turned * scale[:, None, None]


def _logistic_fit(factors: Array, target: Array) -> Array:
    """Weights of least cross entropy towards probabilities, by Newton's method."""
    weights = np.zeros(factors.shape[1])
    for _ in range(_STEPS):
        said = 1 / (1 + np.exp(-factors @ weights))
        slope = factors.T @ (said - target) / len(target) + _RIDGE * weights
        curve = (factors * (said * (1 - said))[:, None]).T @ factors / len(target)
        weights -= np.linalg.solve(curve + _RIDGE * np.eye(len(weights)), slope)
    return weights


def _with_one(factors: Array) -> Array:
    return np.concatenate([factors, np.ones((len(factors), 1))], 1)
