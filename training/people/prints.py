"""Prints on people's clothes that look a little like faces and are none: what a detector that has
never been shown otherwise takes for faces.

They are drawn onto chests and backs, by the generator that is given, and leave the labels alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.perception.corners import iou
from training.people.scenes import BODY, FACE, HEAD, Scene

Array = npt.NDArray[np.float32]

WORN = 0.7
"""Share of the people of a picture who wear one."""
SMALLEST_SIDE = 10
"""In pixels of the picture; a smaller print is a spot."""
FACE_LIKE, SPOTS = 0.55, 0.25
"""Shares of the prints; the rest are words."""
_GREY_SPREAD = 4.0
"""Between the channels of a pixel: below it a place counts as grey, and its print is."""


def printed(scene: Scene, random: np.random.Generator) -> Scene:
    """The scene in which people wear prints, each in a place where no face or head is labelled."""
    kept = scene.boxes[np.isin(scene.classes, (FACE, HEAD))]
    image = scene.image.copy()
    for torso in _torsos(scene):
        if random.random() >= WORN:
            continue
        left, top, side = _place(torso, random)
        right, bottom = left + side, top + side
        if side < SMALLEST_SIDE or min(left, top) < 0:
            continue
        if right > image.shape[1] or bottom > image.shape[0]:
            continue
        place = np.array([[left, top, right, bottom]], np.float32)
        if not iou(place, kept).any():
            _wear(image[top:bottom, left:right], _drawn(side, random))
    return replace(scene, image=image)


@dataclass(frozen=True, slots=True)
class _Print:
    """`ink` (side, side, 3) in [0, 255] and its opacity (side, side, 1) in [0, 1]."""

    ink: Array
    opacity: Array


class _Sheet:
    """What is drawn on it covers: `ink` holds the colours, `mask` where there is any."""

    def __init__(self, side: int, random: np.random.Generator) -> None:
        self.side = side
        self._inks = random.uniform(0, 255, (4, 3)).tolist()
        self._ink = np.zeros((side, side, 3), np.uint8)
        self._mask = np.zeros((side, side), np.uint8)

    def ellipse(
        self, center: tuple[float, float], radii: tuple[float, float], ink: int, turn: float = 0.0
    ) -> None:
        """Centre and radii as shares of the side; `turn` in degrees."""
        middle = tuple(int(self.side * share) for share in center)
        axes = tuple(max(int(self.side * share), 1) for share in radii)
        cv2.ellipse(self._ink, middle, axes, turn, 0, 360, self._inks[ink], cv2.FILLED)
        cv2.ellipse(self._mask, middle, axes, turn, 0, 360, 255, cv2.FILLED)

    def word(self, text: str, left: float, baseline: float, ink: int) -> None:
        start = (int(self.side * left), int(self.side * baseline))
        face, size, thickness = cv2.FONT_HERSHEY_SIMPLEX, self.side / 110, max(self.side // 25, 1)
        cv2.putText(self._ink, text, start, face, size, self._inks[ink], thickness)
        cv2.putText(self._mask, text, start, face, size, 255, thickness)

    def printed(self, blur: float, strength: float) -> _Print:
        ink = cv2.GaussianBlur(self._ink.astype(np.float32), (0, 0), blur)
        mask = cv2.GaussianBlur(self._mask.astype(np.float32) / 255, (0, 0), blur)
        return _Print(np.asarray(ink, np.float32), np.asarray(strength * mask[..., None]))


def _drawn(side: int, random: np.random.Generator) -> _Print:
    sheet = _Sheet(side, random)
    chance = random.random()
    if chance < FACE_LIKE:
        _draw_face(sheet, random)
    elif chance < FACE_LIKE + SPOTS:
        _draw_spots(sheet, random)
    else:
        _draw_words(sheet, random)
    return sheet.printed(0.3 + side * random.uniform(0.004, 0.02), random.uniform(0.5, 1.0))


def _draw_face(sheet: _Sheet, random: np.random.Generator) -> None:
    """Two eyes and a mouth in a few strokes, some with an outline, a nose, a cap of hair."""
    if random.random() < 0.7:
        sheet.ellipse((0.5, 0.5), (random.uniform(0.3, 0.48), random.uniform(0.35, 0.49)), 0)
    apart, height = random.uniform(0.1, 0.2), 0.5 - random.uniform(0.02, 0.18)
    radius = random.uniform(0.03, 0.1)
    eye = (radius, radius * random.uniform(0.5, 1.4))
    for x in (0.5 - apart, 0.5 + apart):
        sheet.ellipse((x, height), eye, 1)
    if random.random() < 0.6:
        sheet.ellipse((0.5, 0.55), (0.7 * radius, 1.2 * radius), 2)
    mouth = (0.5 + random.uniform(-0.04, 0.04), 0.5 + random.uniform(0.15, 0.3))
    sheet.ellipse(mouth, (random.uniform(0.08, 0.2), random.uniform(0.02, 0.08)), 2)
    if random.random() < 0.5:
        sheet.ellipse((0.5, 0.08), (0.35, 0.14), 3)


def _draw_spots(sheet: _Sheet, random: np.random.Generator) -> None:
    for _ in range(random.integers(3, 9)):
        (x, y), (wide, high) = random.uniform(0.15, 0.85, 2), random.uniform(0.03, 0.2, 2)
        sheet.ellipse((x, y), (wide, high), int(random.integers(4)), random.uniform(0, 180))


def _draw_words(sheet: _Sheet, random: np.random.Generator) -> None:
    for line in range(random.integers(1, 4)):
        letters = random.integers(ord("A"), ord("Z") + 1, random.integers(3, 7))
        sheet.word("".join(map(chr, letters)), 0.05, 0.3 + 0.25 * line, ink=line)


def _torsos(scene: Scene) -> Iterator[tuple[float, float, float, float]]:
    """Left, top, width and height of the upper bodies: of labelled people; where none are, of what
    must be below the faces."""
    people = scene.boxes[scene.classes == BODY]
    for left, top, right, bottom in people.tolist():
        height = bottom - top
        yield left, top + 0.2 * height, right - left, 0.4 * height
    if len(people):
        return
    for left, top, right, bottom in scene.boxes[scene.classes == FACE].tolist():
        width, height = right - left, bottom - top
        yield left - 0.5 * width, bottom + 0.3 * height, 2 * width, 2 * height


def _place(
    torso: tuple[float, float, float, float], random: np.random.Generator
) -> tuple[int, int, int]:
    """Left, top and side of a print there, somewhere about its middle."""
    left, top, width, height = torso
    side = int(min(width, 2 * height) * random.uniform(0.3, 0.7))
    x = left + width * (0.5 + random.uniform(-0.1, 0.1))
    y = top + height * (0.5 + random.uniform(-0.25, 0.25))
    return int(x - side / 2), int(y - side / 2), side


def _wear(cloth: npt.NDArray[np.uint8], a_print: _Print) -> None:
    """Print on the pixels of `cloth`, under its own light and folds; grey on grey pictures."""
    seen = cloth.astype(np.float32)
    grey = np.ptp(seen, axis=2).mean() <= _GREY_SPREAD
    ink = a_print.ink.mean(axis=2, keepdims=True) if grey else a_print.ink
    shade = np.clip(seen.mean(axis=2, keepdims=True) / max(float(seen.mean()), 1.0), 0.5, 1.6)
    worn = seen * (1 - a_print.opacity) + ink * shade * a_print.opacity
    cloth[...] = np.clip(worn, 0, 255).astype(np.uint8)
