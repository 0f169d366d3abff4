"""Pictures of single faces, and of what only looks like one, from the data sets.

A chip is a uint8 BGR image with one face in its middle. Its name says where it is from, and is the
same in every run, so that what the teachers say of it can be kept.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from training.data import decode
from training.people.scenes import is_held_back, read_labels

Chip = npt.NDArray[np.uint8]

SCENE_CHIP_SIDE = 160
SCENE_MARGIN = 1.7
"""Side of a chip of a scene by the longer side of the labelled face or head."""
SMALLEST_SCENE_FACE = 30
SMALLEST_SCENE_HEAD = 20
GROUPS = ("landmarks", "utkface", "face", "masked_face", "head")


def read_chips(data: Path, group: str) -> Iterator[tuple[str, Chip]]:
    """Names and chips of one of `GROUPS`: of the sets `landmarks` and `utkface`, and, cut from the
    scenes that are not held back, the labelled faces, masked faces and heads of those."""
    if group in ("landmarks", "utkface"):
        with zipfile.ZipFile(data / group / "train.zip") as archive:
            names = sorted(n for n in archive.namelist() if n.lower().endswith((".jpg", ".png")))
            for name in names:
                yield name, decode(archive.read(name), name)
        return
    least = SMALLEST_SCENE_HEAD if group == "head" else SMALLEST_SCENE_FACE
    with zipfile.ZipFile(data / "scenes" / "train.zip") as archive:
        members = {Path(name).name: name for name in archive.namelist()}
        for record in read_labels(data / "scenes" / "train.jsonl"):
            if is_held_back(record):
                continue
            boxes = [
                (number, thing["box"])
                for number, thing in enumerate(record["objects"])
                if thing["class"] == group and max(thing["box"][2:]) >= least
            ]
            if boxes:
                image = decode(archive.read(members[record["file"]]), record["file"])
                for number, box in boxes:
                    yield f"{record['file']}#{number}", chip_around(image, box)


def chip_around(image: Chip, box: list[float]) -> Chip:
    """The surroundings of a box [x, y, width, height]; beyond the image its border goes on."""
    x, y, width, height = box
    side = max(width, height) * SCENE_MARGIN
    scale = SCENE_CHIP_SIDE / side
    left, top = x + width / 2 - side / 2, y + height / 2 - side / 2
    matrix = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    return np.asarray(
        cv2.warpAffine(
            image,
            matrix,
            (SCENE_CHIP_SIDE, SCENE_CHIP_SIDE),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    )


def read_points(labels: Path) -> tuple[list[str], npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Of a file of `landmarks`: names, persons of shape (n,), 68 points of shape (n, 68, 2)."""
    rows = [json.loads(line) for line in labels.read_text().splitlines() if line]
    return (
        [row["file"] for row in rows],
        np.array([row.get("person", 0) for row in rows], np.intp),
        np.array([row["points"] for row in rows], np.float32).reshape(-1, 68, 2),
    )
