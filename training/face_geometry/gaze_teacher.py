"""What gaze-estimation-adas-0002 says of every chip: python -m training.face_geometry.gaze_teacher

It is fed with head-pose-estimation-adas-0001 and with the eyes of the mesh teacher, whose answers
must be there. What it says of a face and of its mirror image often differs by 10 degrees: the mean
of both is kept. One file of answers per group of chips; a finished one is not made again.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from training.data import data_root
from training.face_geometry.chips import Chip, read_chips
from training.face_geometry.kept import keep, kept_answers
from training.face_geometry.mesh_teacher import MESH_GROUPS
from training.face_geometry.meshes import Meshes
from training.face_geometry.references import (
    MIRROR_GAZE,
    MIRROR_HEAD,
    OpenModelZoo,
    mirror_image,
)

STEPS = {"utkface": 2}
"""Every so manieth chip is looked at; of the other groups all are."""
FACE_MARGIN = 1.15
"""Side of the square that the head's network sees by the longer side of the mesh."""
LEFT_CORNERS, RIGHT_CORNERS = (33, 133), (362, 263)

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Gazes:
    """`gaze` (n, 2) and `head` (n, 3) in radian, by the contract, of the chips called `names`."""

    names: tuple[str, ...]
    gaze: npt.NDArray[np.float32]
    head: npt.NDArray[np.float32]

    @classmethod
    def read(cls, file: Path) -> Gazes:
        told = kept_answers(file, "gaze")
        return cls(tuple(told["names"].tolist()), told["gaze"], told["head"])


def look(teacher: OpenModelZoo, chip: Chip, mesh: Array) -> tuple[Array, Array]:
    """Gaze and head of a chip with this mesh (478, 3), each the mean over it and its mirror."""
    flat = mesh[:, :2]
    corners = np.array([flat[list(LEFT_CORNERS)], flat[list(RIGHT_CORNERS)]])
    eyes, widths = corners.mean(1), np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1)
    low, high = flat.min(0), flat.max(0)
    middle, half = (low + high) / 2, float((high - low).max()) * FACE_MARGIN / 2
    left, top = np.maximum(np.round(middle - half), 0).astype(int)
    right, bottom = np.round(middle + half).astype(int)
    face = chip[top:bottom, left:right]
    head = (teacher.head(face) + teacher.head(mirror_image(face)) * MIRROR_HEAD) / 2
    swapped = eyes[::-1].copy()
    swapped[:, 0] = chip.shape[1] - swapped[:, 0]
    there = teacher.gaze(chip, eyes, widths, head)
    back = teacher.gaze(mirror_image(chip), swapped, widths[::-1], head * MIRROR_HEAD)
    return (there + back * MIRROR_GAZE) / 2, head


def fill(data: Path, group: str, meshes: Meshes, file: Path) -> None:
    teacher = OpenModelZoo(data / "teachers")
    place = {name: number for number, name in enumerate(meshes.names)}
    names, gazes, heads = [], [], []
    started = time.monotonic()
    for number, (name, chip) in enumerate(read_chips(data, group)):
        if number % STEPS.get(group, 1) or name not in place:
            continue
        gaze, head = look(teacher, chip, meshes.points[place[name]].astype(np.float64))
        names.append(name)
        gazes.append(gaze)
        heads.append(head)
        if len(names) % 1000 == 0:
            pace = len(names) / (time.monotonic() - started)
            print(f"  {group}: {len(names)} looked at, {pace:.0f}/s", flush=True)
    keep(file, names=names, gaze=np.array(gazes, np.float32), head=np.array(heads, np.float32))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.face_geometry.gaze_teacher", description=__doc__
    )
    parser.add_argument("--data", type=Path, help="root of the data sets")
    parser.add_argument("--out", type=Path, default=Path("training/runs/face_geometry"))
    arguments = parser.parse_args(argv)
    cv2.setNumThreads(1)
    for group in MESH_GROUPS:
        file = arguments.out / f"gaze-{group}.npz"
        if not file.exists():
            meshes = Meshes.read(arguments.out / f"mesh-{group}.npz")
            fill(arguments.data or data_root(), group, meshes, file)
            print(f"{file} written", flush=True)


if __name__ == "__main__":
    main()
