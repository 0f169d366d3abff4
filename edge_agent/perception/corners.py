"""Boxes as arrays of their corners, to compare many with many at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge_agent.domain.geometry import Box

Array = npt.NDArray[np.float64]
Corners = npt.NDArray[np.floating]
"""Left, top, right and bottom of boxes, (n, 4)."""


def corners_of(boxes: Sequence[Box]) -> Array:
    """Left, top, right and bottom of each, (n, 4)."""
    sides = [(box.x, box.y, box.right, box.bottom) for box in boxes]
    return np.array(sides, np.float64).reshape(-1, 4)


def coverage(inner: Corners, outer: Corners) -> Array:
    """The share of each inner box (n, 4) that lies in each outer one (m, 4), as (n, m)."""
    area = _areas(inner)[:, None]
    return np.asarray(_shared(inner, outer) / np.maximum(area, 1e-9), np.float64)


def iou(first: Corners, second: Corners) -> Corners:
    """The intersection over union of boxes (n, 4) with boxes (m, 4), as (n, m)."""
    shared = _shared(first, second)
    union = _areas(first)[:, None] + _areas(second) - shared
    return np.asarray(shared / np.maximum(union, 1e-9))


def first_of_their_place(boxes: Corners, overlap: float) -> npt.NDArray[np.bool_]:
    """Which boxes (n, 4) overlap no earlier one that is itself kept, by an IoU of `overlap`."""
    hides = np.triu(iou(boxes, boxes) >= overlap, 1)
    kept = np.ones(len(boxes), np.bool_)
    for index in np.flatnonzero(hides.any(axis=1)).tolist():
        if kept[index]:
            kept &= ~hides[index]
    return kept


def _shared(first: Corners, second: Corners) -> Corners:
    left, top, right, bottom = (edge[:, None] for edge in first.T)
    other_left, other_top, other_right, other_bottom = second.T
    width = np.minimum(right, other_right) - np.maximum(left, other_left)
    height = np.minimum(bottom, other_bottom) - np.maximum(top, other_top)
    return np.asarray(np.maximum(width, 0) * np.maximum(height, 0))


def _areas(boxes: Corners) -> Corners:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
