"""The port through which perception runs a model, and the letterbox that fits a frame to one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.domain.geometry import Box, Point, Size

Pixels = npt.NDArray[np.uint8]
Tensor = npt.NDArray[np.float32]

LETTERBOX_GREY = 114


class Engine(Protocol):
    """A loaded model: real-valued pixels in, real-valued tensors out.

    Quantization stays behind it: the model's real input is pixel / 255 in [0, 1], its outputs are
    dequantized and named as in the manifest, without the batch axis.
    """

    @property
    def input_size(self) -> Size:
        """The size of the image that `infer` takes now."""

    @property
    def parameters(self) -> dict[str, float]:
        """The free numbers that the manifest has for the model's decoder."""

    def resize(self, size: Size) -> None:
        """Take images of another size from now on; raises ModelError where the model cannot."""

    def infer(self, image: Pixels) -> dict[str, Tensor]:
        """Run the model on a uint8 image of shape (height, width, channels) as it asks for."""


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How an image was fitted into a model's input: scaled, and set at the upper left corner."""

    scale: float
    source: Size

    @classmethod
    def fitting(cls, source: Size, target: Size) -> Letterbox:
        return cls(min(target.width / source.width, target.height / source.height), source)

    def apply(self, pixels: Pixels, target: Size) -> Pixels:
        """`pixels` as an image of `target` size, the rest of it in grey."""
        width = min(max(round(self.source.width * self.scale), 1), target.width)
        height = min(max(round(self.source.height * self.scale), 1), target.height)
        canvas = np.full((target.height, target.width, 3), LETTERBOX_GREY, np.uint8)
        # Area averaging keeps small faces; it is also the only one that does not alias.
        method = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_LINEAR
        canvas[:height, :width] = cv2.resize(pixels, (width, height), interpolation=method)
        return canvas

    def box_in_source(self, box: Box) -> Box:
        """A box of the model's input in pixels of the image that was fitted."""
        return box.scaled(1 / self.scale)

    def point_in_source(self, point: Point) -> Point:
        return Point(point.x / self.scale, point.y / self.scale)
