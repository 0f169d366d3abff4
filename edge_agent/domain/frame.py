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
    configured rotation makes it. No value that leaves perception refers to it.
    """

    pixels: npt.NDArray[np.uint8]
    captured_at: Instant

    @property
    def size(self) -> Size:
        height, width = self.pixels.shape[:2]
        return Size(width, height)
