"""Faces drawn with a few strokes, no two alike, that show an emotion as cartoons do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.domain.observation import Emotion

SIDE = 96
DRAWN = (
    Emotion.NEUTRAL,
    Emotion.HAPPINESS,
    Emotion.SURPRISE,
    Emotion.SADNESS,
    Emotion.ANGER,
    Emotion.FEAR,
)
BROWS = {
    Emotion.NEUTRAL: (0.0, 0.0),
    Emotion.HAPPINESS: (0.02, 0.05),
    Emotion.SURPRISE: (0.09, 0.0),
    Emotion.SADNESS: (0.02, -0.3),
    Emotion.ANGER: (-0.04, 0.45),
    Emotion.FEAR: (0.07, -0.35),
}
"""How far the brows are raised, in widths of the head, and their slope, > 0 down to the nose."""
EYES = {Emotion.SURPRISE: 1.6, Emotion.FEAR: 1.5, Emotion.ANGER: 0.7, Emotion.HAPPINESS: 0.75}
"""How wide they are open; 1 where nothing else is said."""


@dataclass
class Sketch:
    """A grey picture and the pen that draws on it; positions and radii in pixels."""

    picture: npt.NDArray[np.uint8]
    ink: int
    pen: int

    def line(self, *points: tuple[float, float], thin: bool = False) -> None:
        corners = np.array(points).round().astype(np.int32)
        cv2.polylines(
            self.picture, [corners], False, self.ink, 1 if thin else self.pen, cv2.LINE_AA
        )

    def arc(
        self,
        center: tuple[float, float],
        radii: tuple[float, float],
        span_deg: tuple[int, int] = (0, 360),
        *,
        grey: int | None = None,
        thickness: int | None = None,
    ) -> None:
        """A part of an ellipse; filled where the thickness is -1."""
        (x, y), (width, height) = (tuple(map(round, pair)) for pair in (center, radii))
        cv2.ellipse(
            self.picture,
            (x, y),
            (width, height),
            0,
            *span_deg,
            self.ink if grey is None else grey,
            self.pen if thickness is None else thickness,
            cv2.LINE_AA,
        )


def draw_face(emotion: Emotion, random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A grey picture of shape (96, 96): one head in a style drawn at random."""
    back, skin = int(random.integers(20, 120)), int(random.integers(140, 235))
    sketch = Sketch(
        np.full((SIDE, SIDE), back, np.uint8),
        int(random.integers(0, 60)),
        int(random.integers(1, 4)),
    )
    x, y = SIDE / 2 + random.uniform(-4, 4, 2)
    width, height = random.uniform(28, 36), random.uniform(36, 43)
    sketch.arc((x, y), (width, height), grey=skin, thickness=-1)
    if random.random() < 0.6:
        top = random.uniform(0.45, 0.7)
        sketch.arc((x, y - height * top), (width, height * (1 - top) + 6), (180, 360), thickness=-1)
    apart, level = width * random.uniform(0.38, 0.48), y - height * 0.12
    for direction in (-1, 1):
        _draw_eye(sketch, x + direction * apart, level, width, emotion, random)
        _draw_brow(sketch, x + direction * apart, level, width, emotion, direction, random)
    sketch.line((x, y), (x + 2, y + height * 0.15 + 2), thin=True)
    _draw_mouth(sketch, x, y + height * 0.52, width, emotion, random)
    turning = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), random.uniform(-8, 8), 1.0)
    turned = cv2.warpAffine(sketch.picture, turning, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    noisy = turned + random.normal(0, 5, turned.shape)
    return np.clip(cv2.GaussianBlur(noisy, (3, 3), 0), 0, 255).astype(np.uint8)


def draw_folder(folder: Path, per_emotion: int, seed: int) -> Path:
    """A user's folder: `per_emotion` pictures of each emotion, named as people name them."""
    for emotion in DRAWN:
        (folder / emotion.value).mkdir(parents=True)
        for number, face in enumerate(draw_faces(emotion, per_emotion, seed)):
            cv2.imwrite(str(folder / emotion.value / f"drawn {number}.png"), face)
    return folder


def draw_faces(emotion: Emotion, count: int, seed: int) -> list[npt.NDArray[np.uint8]]:
    random = np.random.default_rng([seed, tuple(Emotion).index(emotion)])
    return [draw_face(emotion, random) for _ in range(count)]


def _draw_eye(
    sketch: Sketch, x: float, y: float, width: float, emotion: Emotion, random: np.random.Generator
) -> None:
    openness = EYES.get(emotion, 1.0) * random.uniform(0.9, 1.1)
    radii = width * 0.17, width * 0.11 * openness
    sketch.arc((x, y), radii, grey=250, thickness=-1)
    sketch.arc((x, y), radii, thickness=1)
    pupil = max(width * 0.06, 1)
    sketch.arc((x, y), (pupil, pupil), thickness=-1)


def _draw_brow(
    sketch: Sketch,
    x: float,
    y: float,
    width: float,
    emotion: Emotion,
    direction: int,
    random: np.random.Generator,
) -> None:
    raised, slope = BROWS[emotion]
    slope += random.uniform(-0.06, 0.06)
    half, level = width * 0.24, y - width * (0.27 + raised + random.uniform(-0.02, 0.02))
    across, down = direction * half, slope * half
    sketch.line((x - across, level + down), (x + across, level - down))


def _draw_mouth(
    sketch: Sketch, x: float, y: float, width: float, emotion: Emotion, random: np.random.Generator
) -> None:
    size = random.uniform(0.85, 1.15)
    half, unit = width * 0.42 * size, width * size
    if emotion is Emotion.SURPRISE:
        sketch.arc((x, y), (unit * 0.18, unit * 0.26), thickness=-1)
    elif emotion is Emotion.HAPPINESS:
        filled = -1 if random.random() < 0.5 else None
        sketch.arc((x, y - width * 0.1), (half, unit * 0.26), (10, 170), thickness=filled)
    elif emotion is Emotion.SADNESS:
        sketch.arc((x, y + width * 0.14), (half * 0.8, unit * 0.2), (195, 345))
    elif emotion is Emotion.FEAR:
        wave = [(x + half * (k / 4 - 1), y + width * (0.06, -0.06)[k % 2]) for k in range(9)]
        sketch.line(*wave)
    elif emotion is Emotion.ANGER:
        left, right, tall = x - half * 0.8, x + half * 0.8, unit * 0.1
        top, bottom = y - tall, y + tall
        sketch.line((left, top), (right, top), (right, bottom), (left, bottom), (left, top))
        sketch.line((left, y), (right, y), thin=True)
    else:
        bend = random.uniform(-1.5, 1.5)
        sketch.line((x - half * 0.7, y - bend), (x + half * 0.7, y + bend))
