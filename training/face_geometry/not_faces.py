"""Crops without a face that can be seen: backs of heads, bodies, and whatever else is in scenes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from training.data import decode
from training.face_geometry.chips import SCENE_CHIP_SIDE, Chip, read_chips
from training.face_geometry.kept import keep, kept
from training.people.pseudo_faces import FaceTeacher
from training.people.scenes import is_held_back, read_labels

Grey = npt.NDArray[np.uint8]

MOST = 2500
SEED = 5
SIDES = (30, 160)
"""Pixels of the squares that are cut from scenes."""


def read_not_faces(data: Path, cache: Path) -> Grey:
    """Of shape (n, 160, 160): squares in which YuNet does not even suspect a face."""
    if not cache.exists():
        teacher = FaceTeacher(data / "teachers" / "yunet_2026may.onnx")
        found: list[Grey] = []
        for chip in _candidates(data):
            if not any(teacher.look(chip, (0.75, 1.5))):
                found.append(np.asarray(cv2.cvtColor(chip, cv2.COLOR_BGR2GRAY), np.uint8))
            if len(found) == MOST:
                break
        keep(cache, np.savez_compressed, images=found)
    return np.asarray(kept(cache)["images"], np.uint8)


def _candidates(data: Path) -> Iterator[Chip]:
    yield from (chip for _, chip in read_chips(data, "head"))
    random = np.random.default_rng(SEED)
    with zipfile.ZipFile(data / "scenes" / "train.zip") as archive:
        members = {Path(name).name: name for name in archive.namelist()}
        records = read_labels(data / "scenes" / "train.jsonl")
        for number in random.permutation(len(records)):
            record = records[number]
            if is_held_back(record):
                continue
            image = decode(archive.read(members[record["file"]]), record["file"])
            height, width = image.shape[:2]
            side = min(int(np.exp(random.uniform(*np.log(SIDES)))), height, width)
            left, top = random.integers(width - side + 1), random.integers(height - side + 1)
            faces = [o["box"] for o in record["objects"] if o["class"] != "person"]
            if not any(_touches(box, left, top, side) for box in faces):
                square = image[top : top + side, left : left + side]
                yield np.asarray(cv2.resize(square, (SCENE_CHIP_SIDE,) * 2), np.uint8)


def _touches(box: list[float], left: int, top: int, side: int) -> bool:
    x, y, width, height = box
    return x < left + side and left < x + width and y < top + side and top < y + height
