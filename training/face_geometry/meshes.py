"""Face meshes: the mean of what the mesh teacher says of a chip and of its mirror image.

The errors of the two looks have little to do with each other: moved to the labels of `landmarks`,
their mean is 4.6 % of the distance between the eyes off where each alone is 4.8 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import lap
import numpy as np
import numpy.typing as npt

from training.face_geometry.kept import kept_answers
from training.face_geometry.mesh_convention import Frames, shapes_of

MIDLINE = (10, 6, 4, 1, 152)
"""Mesh points from the forehead to the chin which no mirror moves."""

Points = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Meshes:
    """`points` of shape (n, 478, 3) in pixels of the chips called `names`; z grows away from the
    camera. Only the chips in which a face was found are there."""

    names: tuple[str, ...]
    points: Points

    @classmethod
    def read(cls, file: Path) -> Meshes:
        told = kept_answers(file, "mesh")
        return cls(tuple(told["names"].tolist()), mean_of(told["looks"].astype(np.float32)))


def mean_of(looks: Points) -> Points:
    """The meshes (n, 478, 3) of two looks each (n, 2, 478, 3): at a chip and at its mirror image,
    mirrored back in place but not in the order of its points; NaN where that saw no face."""
    there, back = looks[:, 0], looks[:, 1, mirrored_order(looks[:, 0])]
    return np.where(np.isfinite(back), (there + back) / 2, there)


def mirrored_order(meshes: Points) -> npt.NDArray[np.intp]:
    """Which point takes the place of each (478,) in a mirror: those of the mean of the upright
    meshes (n, 478, 3) and of its mirror image that are nearest to each other."""
    upright = shapes_of(meshes.astype(np.float64), Frames.of(meshes.astype(np.float64))).mean(0)
    count = meshes.shape[1]
    shape = np.column_stack([upright[: 2 * count].reshape(count, 2), upright[2 * count :]])
    shape[:, 0] -= shape[list(MIDLINE), 0].mean()
    apart = ((shape[:, None] - shape * [-1, 1, 1]) ** 2).sum(2)
    _, order, _ = lap.lapjv(apart)
    return np.asarray(order, np.intp)
