"""How good found boxes are: average precision, recall where precision is high, calibration."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edge_agent.perception.corners import iou
from training.calibrate import expected_calibration_error

Array = npt.NDArray[np.float32]

CALIBRATION_FLOOR = 0.1
"""Finds below it are left out of the calibration error: there are many, and all are rightly low."""


@dataclass(slots=True)
class Tally:
    """All finds of one class over many pictures, with which of them are right.

    A find is right where it overlaps an object by an IoU of `overlap` that no surer find of the
    same picture has taken.
    """

    overlap: float = 0.5
    objects: int = 0
    scores: list[float] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    found_objects: list[float] = field(default_factory=list)
    """For each object, in the order in which they were added, the score that found it, or 0."""

    def add(self, scores: Array, boxes: Array, objects: Array) -> None:
        """One picture: finds by score (n,) and corners (n, 4), objects by corners (m, 4)."""
        by = np.zeros(len(objects))
        free = np.ones(len(objects), np.bool_)
        overlaps = iou(boxes, objects)
        for index in np.argsort(-scores, kind="stable"):
            open_overlaps = np.where(free, overlaps[index], -1.0)
            best = int(open_overlaps.argmax()) if len(objects) else -1
            right = best >= 0 and open_overlaps[best] >= self.overlap
            if right:
                free[best] = False
                by[best] = scores[index]
            self.scores.append(float(scores[index]))
            self.right.append(bool(right))
        self.objects += len(objects)
        self.found_objects += by.tolist()

    def curve(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Precision and recall as the threshold falls."""
        order = np.argsort(-np.array(self.scores), kind="stable")
        right = np.cumsum(np.array(self.right, np.float64)[order])
        return right / np.arange(1, len(right) + 1), right / max(self.objects, 1)

    def average_precision(self) -> float | None:
        """Area under the precision that is reached at each recall or beyond it; None without
        objects."""
        if not self.objects:
            return None
        if not self.scores:
            return 0.0
        precision, recall = self.curve()
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        steps = np.diff(np.concatenate([[0.0], recall]))
        return float((envelope * steps).sum())

    def recall_at_precision(self, least: float) -> float | None:
        """The highest recall at which the precision is at least `least`."""
        if not self.objects:
            return None
        precision, recall = self.curve() if self.scores else (np.zeros(0), np.zeros(0))
        reached = recall[precision >= least]
        return float(reached.max()) if reached.size else 0.0

    def recall_at(self, threshold: float) -> float | None:
        if not self.objects:
            return None
        return float((np.array(self.found_objects) >= max(threshold, 1e-9)).mean())

    def precision_at(self, threshold: float) -> float | None:
        chosen = np.array(self.scores) >= threshold
        return float(np.array(self.right)[chosen].mean()) if chosen.any() else None


def calibration_error(tallies: list[Tally]) -> float | None:
    """Expected calibration error of the finds of all classes from CALIBRATION_FLOOR up."""
    scores = np.array([score for tally in tallies for score in tally.scores])
    right = np.array([right for tally in tallies for right in tally.right], np.bool_)
    kept = scores >= CALIBRATION_FLOOR
    return expected_calibration_error(scores[kept], right[kept]) if kept.any() else None
