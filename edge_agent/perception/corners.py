"""Boxes as arrays of their corners, to compare many with many at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge_agent.domain.geometry import Box

Array = npt.NDArray[np.float64]


def corners_of(boxes: Sequence[Box]) -> Array:
    """Left, top, right and bottom of each, (n, 4)."""
    sides = [(box.x, box.y, box.right, box.bottom) for box in boxes]
    return np.array(sides, np.float64).reshape(-1, 4)


def coverage(inner: Array, outer: Array) -> Array:
    """The share of each inner box (n, 4) that lies in each outer one (m, 4), as (n, m)."""
    low = np.maximum(inner[:, None, :2], outer[None, :, :2])
    high = np.minimum(inner[:, None, 2:], outer[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    area = (inner[:, 2:] - inner[:, :2]).prod(axis=1)
    return np.asarray(shared / np.maximum(area[:, None], 1e-9), np.float64)
