"""Heads from behind: drawn over faces, with the picture's own hair and skin, and taught as none.

The scenes show few of them as large as a person near the camera does, and a nape between two ears
looks a little like a face.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from training.people.scenes import FACE, Scene, some_faces

Array = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

TURNED = 0.5
"""Share of the faces of a picture that turn their backs."""
SMALLEST_SIDE = 14.0
"""In pixels of the picture; of a smaller head nothing can be drawn."""
OWN_HAIR = 0.5
"""Share of the heads whose hair has the colour of what is above the face."""
HAIR = ((24, 22, 26), (30, 34, 44), (40, 52, 72), (70, 100, 140), (120, 120, 122), (190, 192, 196))
"""Other colours, BGR: black, dark and light brown, blond, grey, white."""
HIDDEN = 0.9
"""How near the middle of another face may come, in sides of this one, to be hidden by its head."""
REACH = 1.6
"""Of what is drawn from the middle of the face, by its longer side."""


def seen_from_behind(scene: Scene, random: np.random.Generator) -> Scene:
    """The scene in which some people have turned round, if they hide nobody else's face then;
    their own are no longer there."""
    is_face = scene.classes == FACE
    extents = scene.boxes[:, 2:] - scene.boxes[:, :2]
    chosen = some_faces(scene, SMALLEST_SIDE, TURNED, random)
    middles = (scene.boxes[:, 2:] + scene.boxes[:, :2]) / 2
    off = np.abs(middles[:, None] - middles[None, is_face])
    near = (off < HIDDEN * extents[:, None]).all(axis=2).sum(axis=1)
    chosen &= near == 1  # its own
    if not chosen.any():
        return scene
    image = scene.image.copy()
    for box in scene.boxes[chosen].tolist():
        _turn_round(image, box, random)
    kept = ~chosen
    return replace(
        scene,
        image=image,
        boxes=scene.boxes[kept],
        classes=scene.classes[kept],
        points=scene.points[kept],
        masked=scene.masked[kept],
    )


@dataclass(frozen=True, slots=True)
class _Layer:
    """A colour (3,) and where it covers, (h, w) in [0, 1]."""

    colour: Array
    opacity: Array
    is_hair: bool


def _turn_round(picture: Pixels, box: list[float], random: np.random.Generator) -> None:
    """Draw the back of the head whose face is at `box`, in place."""
    image, (left, top, right, bottom) = _about(picture, box)
    width, height = right - left, bottom - top
    x, y = (left + right) / 2 + random.uniform(-0.08, 0.08) * width, (top + bottom) / 2
    hair = _hair(image, (left, top, width, height), random)
    skin = _skin(image, (left, top, width, height)) * np.float32(random.uniform(0.7, 1.05))
    hairline = y + random.uniform(0.1, 0.45) * height
    collar = max(hairline + random.uniform(0.2, 0.55) * height, bottom + 0.05 * height)
    neck = _polygon(image, _neck(x, hairline, collar, width, random), skin, is_hair=False)
    apart = random.uniform(0.52, 0.62) * width
    ears = [
        _ellipse(image, (x + side * apart, y), (0.09 * width, 0.17 * height), skin, is_hair=False)
        for side in (-1, 1)
        if random.random() < 0.85
    ]
    skull = _ellipse(image, (x, y - 0.2 * height), (0.6 * width, 0.62 * height), hair, is_hair=True)
    nape = _polygon(image, _nape(x, hairline, width, height, random), hair, is_hair=True)
    seen, light = image.astype(np.float32), _light(image, x, y, width, random)
    streaks = _streaks(image, width, random)
    for layer in (neck, *ears, skull, nape):
        opacity = cv2.GaussianBlur(layer.opacity, (0, 0), 0.4 + 0.02 * width)[..., None]
        shade = light * streaks if layer.is_hair else light
        seen += (layer.colour * shade - seen) * opacity
    image[...] = np.clip(seen, 0, 255).astype(np.uint8)


def _about(picture: Pixels, box: list[float]) -> tuple[Pixels, tuple[float, float, float, float]]:
    """The part of the picture that is drawn on, and the box in it."""
    left, top, right, bottom = box
    reach = REACH * max(right - left, bottom - top)
    x, y = (left + right) / 2, (top + bottom) / 2
    begin_x, begin_y = max(int(x - reach), 0), max(int(y - reach), 0)
    part = picture[begin_y : int(y + reach) + 1, begin_x : int(x + reach) + 1]
    return part, (left - begin_x, top - begin_y, right - begin_x, bottom - begin_y)


def _neck(
    x: float, y: float, collar: float, width: float, random: np.random.Generator
) -> list[tuple[float, float]]:
    """From behind the hair down to the collar, below where the chin was."""
    wide, flare = random.uniform(0.36, 0.46) * width, random.uniform(1.0, 1.25)
    return [
        (x - wide, y - 0.4 * width),
        (x + wide, y - 0.4 * width),
        (x + flare * wide, collar),
        (x - flare * wide, collar),
    ]


def _nape(
    x: float, y: float, width: float, height: float, random: np.random.Generator
) -> list[tuple[float, float]]:
    """Hair from the ears down to the hairline, straight or in a point."""
    point, wide = random.uniform(-0.1, 0.2) * height, random.uniform(0.3, 0.46) * width
    return [
        (x - 0.56 * width, y - 0.45 * height),
        (x + 0.56 * width, y - 0.45 * height),
        (x + wide, y),
        (x, y + point),
        (x - wide, y),
    ]


def _polygon(
    image: Pixels, corners: list[tuple[float, float]], colour: Array, *, is_hair: bool
) -> _Layer:
    opacity = np.zeros(image.shape[:2], np.float32)
    cv2.fillPoly(opacity, [np.array(corners).round().astype(np.int32)], 1.0)
    return _Layer(colour, opacity, is_hair)


def _ellipse(
    image: Pixels,
    center: tuple[float, float],
    radii: tuple[float, float],
    colour: Array,
    *,
    is_hair: bool,
) -> _Layer:
    opacity = np.zeros(image.shape[:2], np.float32)
    middle = (round(center[0]), round(center[1]))
    axes = (max(round(radii[0]), 1), max(round(radii[1]), 1))
    cv2.ellipse(opacity, middle, axes, 0, 0, 360, 1.0, cv2.FILLED)
    return _Layer(colour, opacity, is_hair)


def _hair(
    image: Pixels, face: tuple[float, float, float, float], random: np.random.Generator
) -> Array:
    """The colour of what is right above the face, or that of somebody else's hair."""
    left, top, width, height = face
    above = _region(image, left + 0.3 * width, top - 0.3 * height, 0.4 * width, 0.2 * height)
    if above.size and random.random() < OWN_HAIR:
        return np.asarray(np.median(above.reshape(-1, 3), axis=0), np.float32)
    shade = random.uniform(0.7, 1.2)
    return np.asarray(HAIR[random.integers(len(HAIR))], np.float32) * np.float32(shade)


def _skin(image: Pixels, face: tuple[float, float, float, float]) -> Array:
    """The colour between and above the eyes, which no mask covers."""
    left, top, width, height = face
    brow = _region(image, left + 0.35 * width, top + 0.1 * height, 0.3 * width, 0.3 * height)
    if not brow.size:
        return np.full(3, 128, np.float32)
    return np.asarray(np.median(brow.reshape(-1, 3), axis=0), np.float32)


def _region(image: Pixels, left: float, top: float, width: float, height: float) -> Pixels:
    """Those pixels, as far as the picture has them."""
    x, y = max(int(left), 0), max(int(top), 0)
    return image[y : max(int(top + height) + 1, 0), x : max(int(left + width) + 1, 0)]


def _light(image: Pixels, x: float, y: float, width: float, random: np.random.Generator) -> Array:
    """Factors (h, w, 1): one side lighter than the other."""
    across = (np.arange(image.shape[1], dtype=np.float32) - x) / max(width, 1)
    down = (np.arange(image.shape[0], dtype=np.float32) - y) / max(width, 1)
    to_right, to_bottom = random.uniform(-0.35, 0.35, 2)
    slope = to_right * across[None] + to_bottom * down[:, None]
    return np.asarray(1 + np.clip(slope, -0.4, 0.4)[..., None], np.float32)


def _streaks(image: Pixels, width: float, random: np.random.Generator) -> Array:
    """Factors (h, w, 1), as of hair that falls."""
    noise = random.normal(0, 1, image.shape[:2]).astype(np.float32)
    fine = max(width * random.uniform(0.01, 0.03), 0.3)
    streaks = cv2.GaussianBlur(noise, (0, 0), sigmaX=fine, sigmaY=fine * random.uniform(1, 5))
    streaks *= random.uniform(0.03, 0.15) / max(float(streaks.std()), 1e-6)
    return np.asarray(np.clip(1 + streaks, 0.3, 1.7)[..., None], np.float32)
