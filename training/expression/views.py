"""The same faces as a camera gives them: from afar, blurred, noisy; and what the daemon reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.devices.manifest import find_model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.geometry import Box
from edge_agent.perception.alignment import Alignment, alignment_of
from edge_agent.perception.face_geometry import FaceGeometryReader
from training.evaluate_alignment import shown
from training.expression.network import CROP_SIDE

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Sight:
    """How a face is seen.

    `side` is that of its crop in pixels of the frame, where it is less than the face has; `blur`
    the standard deviation of a Gaussian, in pixels of the face as it is; `noise` that of the most
    noise in a pixel of the frame, in shares of its range.
    """

    side: int | None = None
    blur: float = 0.0
    noise: float = 0.0

    def of(self, face: Pixels, random: np.random.Generator) -> Picture:
        """A grey face, which is the crop of its box, in a larger picture, seen like this."""
        wide = shown(face, 0.0, CROP_SIDE, 0.0)
        pixels, box = wide.pixels, wide.face
        if self.blur:
            pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), self.blur), np.uint8)
        if self.side is not None:
            scale = self.side / face.shape[0]
            size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
            pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
            box = box.scaled(scale)
        if self.noise:
            noise = random.normal(0, 255 * random.uniform(0, self.noise), pixels.shape)
            pixels = np.clip(pixels + noise, 0, 255).round().astype(np.uint8)
        return Picture(pixels, box)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A grey picture, and where the box of the face in it lies."""

    pixels: Pixels
    face: Box


class Aligner:
    """Says of faces how they stand, by the shipped geometry model, as the daemon does."""

    def __init__(self) -> None:
        self._geometry = FaceGeometryReader(TfliteEngine(find_model("face_geometry")))

    def __call__(self, picture: Picture) -> Alignment:
        return alignment_of(self._geometry.read(picture.pixels, picture.face))


def seen(faces: Iterable[Pixels], sight: Sight) -> list[Picture]:
    """Every face like this; the noise is the same in every run."""
    random = np.random.default_rng(0)
    return [sight.of(face, random) for face in faces]
