"""A second look at heads that were too small for their faces to be found.

Under the ceiling people are whole and small. Where a head must be, or a face was suspected, a
square of the frame is cut out at full resolution; the squares are laid side by side into one
picture, so that one more run of the same model finds the faces of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_agent.domain.detection import Detection, FaceLandmarks, Region
from edge_agent.domain.geometry import Box, Point, Size
from edge_agent.perception.crops import cut
from edge_agent.perception.tensors import LETTERBOX_GREY, Pixels

TILE_SIDE = 64
"""Pixels of the model's input for one head and what is around it."""
REGION_PER_HEAD = 2.0
"""Side of the square that is cut out, in heads."""
LARGE_ENOUGH = 24.0
"""Pixels of the model's input from which on a head's face is found at the first look."""
SMALLEST_HEAD = 9.0
"""Pixels of the frame below which a head shows no face at any resolution."""
HEAD_PER_FACE = 1.3
"""Side of a head in sides of its face, where the head was not found."""
SAME_FACE_IOU = 0.4
HEAD_PER_BODY = (0.45, 0.17)
"""Side of a head in widths and in heights of its body, where no head was found."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One square of the frame and where its upper left corner lies in the laid-out picture."""

    source: Box
    corner: Point

    @property
    def scale(self) -> float:
        """Pixels of the laid-out picture per pixel of the frame."""
        return TILE_SIDE / self.source.width

    def holds(self, box: Box) -> bool:
        """Whether a box of the laid-out picture is about this tile's head: in its middle."""
        middle = self.corner.x + TILE_SIDE / 2, self.corner.y + TILE_SIDE / 2
        reach = TILE_SIDE / REGION_PER_HEAD / 2
        off = abs(box.center.x - middle[0]), abs(box.center.y - middle[1])
        return max(off) <= reach and max(box.width, box.height) <= TILE_SIDE

    def region_in_frame(self, face: Region, frame: Size) -> Region:
        return replace(
            face,
            box=self._box(face.box).clipped(frame),
            landmarks=None if face.landmarks is None else self._landmarks(face.landmarks, frame),
        )

    def _box(self, box: Box) -> Box:
        moved = box.moved(-self.corner.x, -self.corner.y).scaled(1 / self.scale)
        return moved.moved(self.source.x, self.source.y)

    def _landmarks(self, landmarks: FaceLandmarks, frame: Size) -> FaceLandmarks:
        boxes = (self._box(Box(point.x, point.y, 0, 0)) for point in landmarks.points)
        return FaceLandmarks(*(Point(box.x, box.y).clipped(frame) for box in boxes))


def tiles_for(
    persons: Sequence[Detection], doubtful: Sequence[Region], input_scale: float, size: Size
) -> list[Tile]:
    """Squares around small heads without a face, and around doubtful faces, surest person first.

    As many as fit into a picture of `size`. Nothing is to be gained where the frame itself has no
    more pixels than the model's input.
    """
    if input_scale >= 1:
        return []
    heads = [head_of(person) for person in persons if person.face is None]
    heads += [face.box.grown(HEAD_PER_FACE) for face in doubtful]
    tiles: list[Tile] = []
    columns, rows = size.width // TILE_SIDE, size.height // TILE_SIDE
    for head in heads:
        if head is None or len(tiles) == columns * rows:
            continue
        side = float(np.sqrt(head.area))
        known = any(tile.source.center.distance_to(head.center) < side / 2 for tile in tiles)
        if not known and side * input_scale < LARGE_ENOUGH and side >= SMALLEST_HEAD:
            row, column = divmod(len(tiles), columns)
            source = Box.around(head.center, side * REGION_PER_HEAD, side * REGION_PER_HEAD)
            tiles.append(Tile(source, Point(column * TILE_SIDE, row * TILE_SIDE)))
    return tiles


def laid_out(pixels: Pixels, tiles: Sequence[Tile], size: Size) -> Pixels:
    """The tiles' squares of a frame as one picture, the rest of it in grey."""
    picture = np.full((size.height, size.width, 3), LETTERBOX_GREY, np.uint8)
    for tile in tiles:
        crop = cut(pixels, tile.source, TILE_SIDE)
        if crop is not None:
            left, top = int(tile.corner.x), int(tile.corner.y)
            picture[top : top + TILE_SIDE, left : left + TILE_SIDE] = crop
    return picture


def new_faces(
    tiles: Sequence[Tile], faces: Sequence[Region], known: Sequence[Region], frame: Size
) -> list[Region]:
    """The surest face, of `faces` given surest first, at each tile's head, in pixels of the frame.

    Those that are among the `known` faces, or that another tile has shown, are left out.
    """
    found: list[Region] = []
    for tile in tiles:
        face = next((face for face in faces if tile.holds(face.box)), None)
        if face is not None:
            placed = tile.region_in_frame(face, frame)
            others = [*known, *found]
            if all(placed.box.iou(other.box) < SAME_FACE_IOU for other in others):
                found.append(placed)
    return found


def head_of(person: Detection) -> Box | None:
    """Where the person's head is: as found, else at the top of the body."""
    if person.head is not None:
        return person.head.box
    if person.body is None:
        return None
    body = person.body.box
    side = min(HEAD_PER_BODY[0] * body.width, HEAD_PER_BODY[1] * body.height)
    return Box(body.center.x - side / 2, body.y, side, side)
