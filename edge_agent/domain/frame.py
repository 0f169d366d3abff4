"""What a camera delivers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from edge_agent.domain.geometry import Size


@dataclass(frozen=True, slots=True)
class Instant:
    """A capture time on two clocks.

    `utc` is for people and documents and may jump; `monotonic_s` is for durations and never goes
    back. Only differences of `monotonic_s` mean anything.
    """

    utc: datetime
    monotonic_s: float

    def since(self, earlier: Instant) -> float:
        """Seconds that passed from `earlier` to this instant."""
        return self.monotonic_s - earlier.monotonic_s


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One image with its capture time.

    `pixels` is uint8 of shape (height, width, 3) in BGR order, as upright as the camera's
    configured rotation makes it. No value that leaves perception refers to it. `lores`, where the
    camera delivers it, is the same view with fewer pixels, to look for people in.
    """

    pixels: npt.NDArray[np.uint8]
    captured_at: Instant
    lores: npt.NDArray[np.uint8] | None = None

    @property
    def size(self) -> Size:
        height, width = self.pixels.shape[:2]
        return Size(width, height)

    def at_least(self, long_side: int) -> npt.NDArray[np.uint8]:
        """The smallest picture of this view whose long side has that many pixels, if any has."""
        if self.lores is not None and max(self.lores.shape[:2]) >= long_side:
            return self.lores
        return self.pixels
