"""Open and closed eyes: how open the lids are, and pictures in which they are shut by force.

Closed eyes are rare in photographs. Here the skin above an eye is drawn down over it to the lower
lid, lashes with it, which is what an eyelid does.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from training.face_geometry.mesh_convention import LEFT_EYE, RIGHT_EYE

Array = npt.NDArray[np.float64]

UPPER_LIDS = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (362, 398, 384, 385, 386, 387, 388, 466, 263),
)
LOWER_LIDS = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133),
    (362, 382, 381, 380, 374, 373, 390, 249, 263),
)
"""Mesh points from the left to the right corner of each eye, the image's left eye first."""
OPEN_RATIO, CLOSED_RATIO = 0.2, 0.11
"""Heights by widths of both eyes' mean from which they count as open, and up to which as closed."""


def aspect_ratios(meshes: Array) -> Array:
    """Height by width (Soukupova, Cech, "Real-Time Eye Blink Detection using Facial Landmarks",
    2016) of the two eyes of meshes (n, 478, 3), as (n, 2)."""
    contours = np.stack([meshes[:, LEFT_EYE, :2], meshes[:, RIGHT_EYE, :2]], 1)
    first = np.linalg.norm(contours[:, :, 1] - contours[:, :, 5], axis=-1)
    second = np.linalg.norm(contours[:, :, 2] - contours[:, :, 4], axis=-1)
    width = np.linalg.norm(contours[:, :, 0] - contours[:, :, 3], axis=-1)
    return np.asarray((first + second) / np.maximum(2 * width, 1e-6))


def with_closed_eyes(
    image: npt.NDArray[np.uint8], mesh: Array, random: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """A nearly upright face with this mesh (478, 3), its eyes shut."""
    height, width = image.shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height) + 0.0)
    source = rows.copy()
    for upper, lower in zip(UPPER_LIDS, LOWER_LIDS, strict=True):
        source = _drawn_down(source, rows, mesh[list(upper), :2], mesh[list(lower), :2], random)
    shut = cv2.remap(
        image,
        columns,
        source.astype(np.float32),
        interpolation=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(shut, np.uint8)


def _drawn_down(
    source: Array, rows: Array, upper: Array, lower: Array, random: np.random.Generator
) -> Array:
    """From which row each pixel comes once the lid of one eye is down."""
    at = np.arange(rows.shape[1]) + 0.5
    first, last = float(upper[0, 0]), float(upper[-1, 0])
    span = max(last - first, 1.0)
    top = np.interp(at, *_increasing(upper)) - 0.5
    bottom = np.interp(at, *_increasing(lower)) - 0.5
    opening = np.maximum(bottom - top, 0.0)
    # What is to be covered begins with the lashes and ends with the lower rim.
    top, bottom = top - 0.1 * opening, bottom + 0.15 * opening
    seam = bottom - random.uniform(0.0, 0.25) * (bottom - top)
    reach = random.uniform(0.35, 0.6) * span
    above, below = top - reach, bottom + 0.5 * reach
    stretched = above + (rows - above) * (top - above) / (seam - above)
    pulled = bottom + (rows - seam) * (below - bottom) / (below - seam)
    wanted = np.where(rows < seam, stretched, pulled)
    changed = (rows > above) & (rows < below) & (at > first) & (at < last)
    return np.where(changed, source + wanted - rows, source)


def _increasing(line: Array) -> tuple[Array, Array]:
    order = np.argsort(line[:, 0])
    return line[order, 0], line[order, 1]
