"""The detector beside its teacher on real clips, which neither training nor tuning has seen.

Nobody labelled the clips. A face of which YuNet, at the same input size, is surer than 0.8 counts
as there; a face that YuNet does not even suspect at any of several scales counts as false.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.domain.frame import Frame
from edge_agent.perception.corners import iou
from edge_agent.perception.people import PeopleDetector
from training.people.evaluate import NOW, of_part
from training.people.pseudo_faces import FaceTeacher, merged
from training.people.scenes import FACE

SURE = 0.8
SAME_FACE_IOU = 0.35
_SUSPECTED_AT = (320, 640)
"""Long sides at which the teacher may suspect a face."""


@dataclass(frozen=True, slots=True)
class ClipComparison:
    """Counts over the frames of one clip."""

    name: str
    frames: int
    teacher_faces: int
    missed: int
    frames_with_a_miss: int
    false_faces: int
    faces: int


def compare(
    clip: Path, detector: PeopleDetector, model: Path, long_side: int, *, most_frames: int = 250
) -> ClipComparison:
    """About `most_frames` frames, evenly spread; `detector` has its own size and threshold."""
    teacher = FaceTeacher(model)
    frames = teacher_faces = missed = with_miss = false_faces = faces = 0
    for image in _frames(clip, most_frames):
        frames += 1
        _, own = of_part(detector.find(Frame(image, NOW)), FACE)
        scale = long_side / max(image.shape[:2])
        there = merged(teacher.look(image, (scale,))[:1])
        sure = there.boxes[there.scores > SURE]
        lost = _unmatched(sure, own)
        longest = max(image.shape[:2])
        looks = teacher.look(image, [side / longest for side in _SUSPECTED_AT]) if len(own) else []
        suspected = merged(looks).boxes
        faces += len(own)
        teacher_faces += len(sure)
        missed += lost
        with_miss += lost > 0
        false_faces += _unmatched(own, suspected)
    return ClipComparison(clip.stem, frames, teacher_faces, missed, with_miss, false_faces, faces)


def _unmatched(boxes: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> int:
    if not len(boxes) or not len(others):
        return len(boxes)
    return int((iou(boxes, others).max(axis=1) < SAME_FACE_IOU).sum())


def _frames(clip: Path, most: int) -> Iterator[npt.NDArray[np.uint8]]:
    capture = cv2.VideoCapture(str(clip))
    step = max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) // most, 1)
    number = 0
    while True:
        there, image = capture.read()
        if not there:
            capture.release()
            return
        if number % step == 0:
            yield np.asarray(image, np.uint8)
        number += 1
