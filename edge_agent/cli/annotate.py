"""Drawing what was found over the picture."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

from edge_agent.devices.images import Image
from edge_agent.domain.entity import Entity
from edge_agent.domain.errors import OutputError
from edge_agent.domain.geometry import Box, Point, Size

FACE_COLOUR = (80, 220, 80)
BODY_COLOUR = (220, 160, 60)
POINT_COLOUR = (240, 240, 240)
HEAD_COLOUR = (60, 160, 255)
GAZE_COLOUR = (60, 230, 255)
TEXT_COLOUR = (20, 20, 20)
FONT = cv2.FONT_HERSHEY_SIMPLEX
ID_DIGITS = 4
HEAD_REACH, GAZE_REACH = 0.9, 0.6
"""Length of an arrow that points sideways, in widths of the face."""
SHORTEST_ARROW = 4.0
"""In pixels: what points into the lens has no direction in the image."""


def annotated(pixels: Image, entities: tuple[Entity, ...], *, with_ids: bool) -> Image:
    """A copy of the picture with boxes, the face's points, an arrow to where the head points and
    one from each eye to where it looks, the likeliest expression and, if wanted, ids."""
    canvas: Image = pixels.copy()
    height, width = pixels.shape[:2]
    thickness = max(round(max(height, width) / 500), 1)
    for entity in entities:
        if entity.body is not None:
            _box(canvas, entity.body, BODY_COLOUR, thickness)
        if entity.face is not None:
            _box(canvas, entity.face, FACE_COLOUR, thickness)
            _geometry(canvas, entity, entity.face.width, thickness)
        at = entity.face or entity.body
        caption = _caption(entity, with_ids=with_ids)
        if at is not None and caption:
            colour = FACE_COLOUR if entity.face else BODY_COLOUR
            _label(canvas, at, caption, colour, max(height, width) / 1400)
    return canvas


class ClipWriter:
    """An annotated clip, written frame by frame; the format follows from the file's ending."""

    def __init__(self, path: Path, rate: float) -> None:
        self._path = path
        self._rate = rate
        self._writer: cv2.VideoWriter | None = None

    def __enter__(self) -> ClipWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.release()

    def write(self, pixels: Image) -> None:
        """The size of the first frame is that of the clip."""
        if self._writer is None:
            self._writer = self._opened(Size(pixels.shape[1], pixels.shape[0]))
        self._writer.write(pixels)

    def _opened(self, size: Size) -> cv2.VideoWriter:
        code = "MJPG" if self._path.suffix.lower() == ".avi" else "mp4v"
        writer = cv2.VideoWriter(
            str(self._path), cv2.VideoWriter.fourcc(*code), self._rate, (size.width, size.height)
        )
        if not writer.isOpened():
            raise OutputError(f"--save {self._path} cannot be written; name a .mp4, .mkv or .avi")
        return writer


def save_image(path: Path, pixels: Image) -> None:
    """Raises OutputError where the picture cannot be written under that name."""
    try:
        was_written = cv2.imwrite(str(path), pixels)
    except cv2.error:
        was_written = False
    if not was_written:
        raise OutputError(f"--save {path} cannot be written; name a .jpg or .png that can be made")


def _caption(entity: Entity, *, with_ids: bool) -> str:
    words = [str(entity.entity_id)[:ID_DIGITS]] if with_ids else []
    if entity.expression is not None:
        leading = entity.expression.leading
        words.append(f"{leading.value} {entity.expression.intensity(leading):.0%}")
    return " ".join(words)


def _box(canvas: Image, box: Box, colour: tuple[int, int, int], thickness: int) -> None:
    corners = (round(box.x), round(box.y)), (round(box.right), round(box.bottom))
    cv2.rectangle(canvas, *corners, colour, thickness, cv2.LINE_AA)


def _geometry(canvas: Image, entity: Entity, face_width: float, thickness: int) -> None:
    landmarks, head, gaze = entity.landmarks, entity.head, entity.gaze
    if landmarks is None:
        return
    eyes = landmarks.left_eye, landmarks.right_eye
    radius = max(round(face_width / 50), 1)
    for point in landmarks.points:
        cv2.circle(canvas, _pixel(point), radius, POINT_COLOUR, cv2.FILLED, cv2.LINE_AA)
    if head is not None:
        nod = _across_and_down(head.yaw_rad, head.pitch_rad, HEAD_REACH * face_width)
        arrow = _turned(nod, head.roll_rad)
        _arrow(canvas, landmarks.nose, arrow, HEAD_COLOUR, thickness)
    if gaze is not None:
        arrow = _across_and_down(gaze.yaw_rad, gaze.pitch_rad, GAZE_REACH * face_width)
        for eye in eyes:
            _arrow(canvas, eye, arrow, GAZE_COLOUR, thickness)


def _across_and_down(yaw_rad: float, pitch_rad: float, length: float) -> Point:
    """How far a rod reaches that points there, across and down the face, or the image."""
    return Point(length * math.sin(yaw_rad) * math.cos(pitch_rad), -length * math.sin(pitch_rad))


def _turned(reach: Point, roll_rad: float) -> Point:
    """The same in the image, of a face with that roll: a head's yaw and pitch are the face's."""
    across, down = math.cos(roll_rad), math.sin(roll_rad)
    return Point(reach.x * across - reach.y * down, reach.x * down + reach.y * across)


def _arrow(
    canvas: Image, start: Point, reach: Point, colour: tuple[int, int, int], thickness: int
) -> None:
    if math.hypot(reach.x, reach.y) >= SHORTEST_ARROW:
        end = Point(start.x + reach.x, start.y + reach.y)
        cv2.arrowedLine(
            canvas, _pixel(start), _pixel(end), colour, thickness, cv2.LINE_AA, tipLength=0.25
        )


def _pixel(point: Point) -> tuple[int, int]:
    return round(point.x), round(point.y)


def _label(canvas: Image, at: Box, text: str, colour: tuple[int, int, int], scale: float) -> None:
    scale = max(scale, 0.4)
    (width, height), baseline = cv2.getTextSize(text, FONT, scale, 1)
    pad = max(round(4 * scale), 2)
    left = int(np.clip(round(at.x), 0, max(canvas.shape[1] - width - 2 * pad, 0)))
    above = round(at.y) - height - baseline - 2 * pad
    top = above if above >= 0 else min(round(at.bottom), canvas.shape[0] - height - 2 * pad)
    bottom_right = (left + width + 2 * pad, top + height + baseline + 2 * pad)
    cv2.rectangle(canvas, (left, top), bottom_right, colour, cv2.FILLED)
    cv2.putText(
        canvas, text, (left + pad, top + height + pad), FONT, scale, TEXT_COLOUR, 1, cv2.LINE_AA
    )
