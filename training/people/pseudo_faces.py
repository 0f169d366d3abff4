"""Faces that nobody labelled, as the teacher YuNet sees them.

YuNet (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023) looks at every picture at
several scales, each also mirrored; what it finds is merged over the looks. A face that several
looks agree on, or one look is sure of, is a label with five points; an uncertain one is a place of
which nothing is said; everywhere else there is no face.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.perception.corners import iou

Array = npt.NDArray[np.float32]

SURE_SCORE = 0.75
AGREED_SCORE = 0.55
AGREED_LOOKS = 3
DOUBTFUL_SCORE = 0.45
DOUBTFUL_AGREED_SCORE = 0.3
_FLOOR = 0.25
_MIRRORED_POINTS = (1, 0, 2, 4, 3)


@dataclass(frozen=True, slots=True)
class TeacherFaces:
    """What the teacher makes of one picture, in its pixels.

    `boxes` (n, 4) as left, top, right, bottom; `points` (n, 5, 2) in the order left eye, right
    eye, nose, left and right corner of the mouth as seen in the image; `scores` (n,) the highest
    of all looks; `looks` (n,) how many found it; `sure` (n,) whether it counts as a label.
    """

    boxes: Array
    points: Array
    scores: Array
    looks: npt.NDArray[np.int64]

    @property
    def sure(self) -> npt.NDArray[np.bool_]:
        agreed = (self.scores >= AGREED_SCORE) & (self.looks >= AGREED_LOOKS)
        return (self.scores >= SURE_SCORE) | agreed

    @property
    def doubtful(self) -> npt.NDArray[np.bool_]:
        agreed = (self.scores >= DOUBTFUL_AGREED_SCORE) & (self.looks >= 2)
        return ~self.sure & ((self.scores >= DOUBTFUL_SCORE) | agreed)


class FaceTeacher:
    """YuNet at several scales."""

    def __init__(self, model: Path) -> None:
        self._detector = cv2.FaceDetectorYN.create(str(model), "", (320, 320), _FLOOR, 0.45, 5000)

    def look(
        self, image: npt.NDArray[np.uint8], scales: Iterable[float]
    ) -> list[list[list[float]]]:
        """Raw finds of each look: rows of left, top, width, height, ten coordinates and score."""
        looks = []
        for scale in scales:
            for mirrored in (False, True):
                found = self._one_look(image, scale, mirrored)
                looks.append([[round(float(value), 2) for value in row] for row in found])
        return looks

    def _one_look(self, image: npt.NDArray[np.uint8], scale: float, mirrored: bool) -> Array:
        height, width = image.shape[:2]
        size = (max(round(width * scale), 16), max(round(height * scale), 16))
        resized = cv2.resize(
            image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        )
        if mirrored:
            resized = np.ascontiguousarray(resized[:, ::-1])
        self._detector.setInputSize(size)
        _, found = self._detector.detect(resized)
        if found is None:
            return np.zeros((0, 15), np.float32)
        rows = np.asarray(found, np.float32).copy()
        if mirrored:
            rows[:, 0] = size[0] - rows[:, 0] - rows[:, 2]
            points = rows[:, 4:14].reshape(-1, 5, 2)
            points[..., 0] = size[0] - points[..., 0]
            rows[:, 4:14] = points[:, _MIRRORED_POINTS].reshape(-1, 10)
        rows[:, 0:14:2] *= width / size[0]
        rows[:, 1:14:2] *= height / size[1]
        return rows


def merged(looks: list[list[list[float]]], overlap: float = 0.45) -> TeacherFaces:
    """One face for all finds of it: the score-weighted mean of those that overlap."""
    rows = [(row, number) for number, look in enumerate(looks) for row in look]
    if not rows:
        nothing = np.zeros((0,), np.float32)
        return TeacherFaces(
            nothing.reshape(0, 4), nothing.reshape(0, 5, 2), nothing, np.zeros((0,), np.int64)
        )
    values = np.array([row for row, _ in rows], np.float32)
    numbers = np.array([number for _, number in rows])
    corners = np.concatenate([values[:, :2], values[:, :2] + values[:, 2:4]], axis=1)
    scores = values[:, 14]
    left = np.argsort(-scores)
    boxes, points, best, agreeing = [], [], [], []
    while left.size:
        first = left[0]
        same = iou(corners[first : first + 1], corners[left])[0] >= overlap
        members = left[same]
        weights = scores[members] ** 2
        boxes.append(np.average(corners[members], axis=0, weights=weights))
        points.append(np.average(values[members, 4:14], axis=0, weights=weights).reshape(5, 2))
        best.append(scores[first])
        agreeing.append(len(set(numbers[members].tolist())))
        left = left[~same]
    return TeacherFaces(
        np.array(boxes, np.float32),
        np.array(points, np.float32),
        np.array(best, np.float32),
        np.array(agreeing, np.int64),
    )


def read_cache(path: Path) -> dict[str, TeacherFaces]:
    """The merged finds per picture of a cache that `fill_cache` wrote; a torn last line is left."""
    faces = {}
    if path.exists():
        for line in path.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                record: dict[str, Any] = json.loads(line)
                faces[record["file"]] = merged(record["looks"])
    return faces


def fill_cache(
    path: Path,
    teacher: FaceTeacher,
    pictures: Iterable[tuple[str, npt.NDArray[np.uint8], tuple[float, ...]]],
) -> Iterator[str]:
    """Look at each (name, image, scales), append the finds to `path`, and yield its name."""
    if path.exists():
        whole = path.read_bytes()
        path.write_bytes(whole[: whole.rfind(b"\n") + 1])
    with path.open("a") as cache:
        for name, image, scales in pictures:
            record = {"file": name, "looks": teacher.look(image, scales)}
            cache.write(json.dumps(record) + "\n")
            cache.flush()
            yield name
