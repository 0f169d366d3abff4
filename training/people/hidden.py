"""Faces that something hides in part: what else is in the picture, held or standing before them.

They stay labelled, whole: somebody behind a raised hand, a book or a shoulder is still there.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.perception.corners import coverage
from training.people.scenes import FACE, HEAD, Scene, some_faces

Array = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

HIDDEN = 0.4
"""Share of the faces of a picture that something comes before."""
SMALLEST_SIDE = 10.0
"""In pixels of the picture; a smaller face is hardly seen as it is."""
DEPTH = (0.15, 0.45)
"""How far it reaches into the face, in extents of the face."""
RADIUS = (0.5, 1.1)
"""Of the oval that comes before it, in longer sides of the face."""
SIDES = ((-1, 0), (1, 0), (0, 1), (0, -1))
SIDE_SHARES = (0.3, 0.3, 0.3, 0.1)
"""How often from the left, the right, below and above."""
LEAST_LEFT = 0.85
"""Share of any other face or head that must stay in sight."""
TRIES = 6


def partly_hidden(scene: Scene, random: np.random.Generator) -> Scene:
    """The scene in which pieces of it, none of which shows a face or head, lie over some faces."""
    chosen = some_faces(scene, SMALLEST_SIDE, HIDDEN, random)
    if not chosen.any():
        return scene
    kept = scene.boxes[np.isin(scene.classes, (FACE, HEAD))]
    image = scene.image.copy()
    for box in scene.boxes[chosen]:
        place = _before(box, random)
        is_other = np.maximum(coverage(kept, box[None])[:, 0], coverage(box[None], kept)[0]) < 0.5
        if (coverage(kept[is_other], place[None]) > 1 - LEAST_LEFT).any():
            continue
        piece = _piece(scene, place[2:] - place[:2], kept, random)
        if piece is not None:
            _lay(image, piece, place)
    return replace(scene, image=image)


def _before(box: Array, random: np.random.Generator) -> Array:
    """Corners (4,) of what comes before a face, whole pixels."""
    side = np.array(SIDES[random.choice(len(SIDES), p=SIDE_SHARES)], np.float32)
    extent = box[2:] - box[:2]
    radii = extent.max() * random.uniform(*RADIUS, 2)
    depth = random.uniform(*DEPTH) * extent
    middle = (box[:2] + box[2:]) / 2 + random.uniform(-0.3, 0.3, 2) * extent * (side == 0)
    middle += side * (extent / 2 + radii - depth)
    return np.concatenate([middle - radii, middle + radii]).round().astype(np.float32)


def _piece(scene: Scene, extent: Array, kept: Array, random: np.random.Generator) -> Pixels | None:
    """A part of the picture of that width and height without a face or head, if one is found."""
    width, height = extent.astype(int).tolist()
    spare_x, spare_y = scene.image.shape[1] - width, scene.image.shape[0] - height
    if min(spare_x, spare_y) < 1:
        return None
    for _ in range(TRIES):
        left, top = int(random.integers(spare_x)), int(random.integers(spare_y))
        place = np.array([[left, top, left + width, top + height]], np.float32)
        if not coverage(kept, place).any():
            return scene.image[top : top + height, left : left + width]
    return None


def _lay(image: Pixels, piece: Pixels, place: Array) -> None:
    """Lay an oval of the piece over that place of the image."""
    left, top, right, bottom = place.astype(int).tolist()
    height, width = piece.shape[:2]
    opacity = np.zeros((height, width), np.float32)
    center, axes = (width // 2, height // 2), (width // 2, height // 2)
    cv2.ellipse(opacity, center, axes, 0, 0, 360, 1.0, cv2.FILLED)
    opacity = cv2.GaussianBlur(opacity, (0, 0), 0.4 + 0.01 * width)[..., None]
    rows = slice(max(top, 0), min(bottom, image.shape[0]))
    columns = slice(max(left, 0), min(right, image.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return  # it comes before what of the face the picture does not show
    down = slice(rows.start - top, rows.stop - top)
    across = slice(columns.start - left, columns.stop - left)
    seen = image[rows, columns].astype(np.float32)
    seen += (piece[down, across] - seen) * opacity[down, across]
    image[rows, columns] = seen.astype(np.uint8)
