"""What the MediaPipe face mesh says of every chip and of its mirror image.

python -m training.face_geometry.mesh_teacher --out FOLDER

The teacher (Grishchenko et al., "Attention Mesh: High-fidelity Face Mesh Prediction in Real-time",
2020; Apache-2.0) has operations of its own, so it runs in the package mediapipe 0.10.21, which asks
for another NumPy than the training: run this module alone in an environment of its own, with
mediapipe installed. One file of answers per group of chips; a finished one is not made again.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.data import data_root
from training.face_geometry.chips import Chip, read_chips
from training.face_geometry.kept import keep

MESH_GROUPS = ("landmarks", "face", "utkface")
MESH_POINTS = 478
"""468 of the face and two irises of five points."""
PADDING = 0.3
"""Share of a chip's side that is added on each side: the mesh's own detector needs surroundings."""


def fill(data: Path, group: str, file: Path) -> None:
    """Ask the teacher about every chip of a group and its mirror image, and write what it says to
    `file`, as `training.face_geometry.meshes` reads it."""
    import mediapipe as mp

    names, looks = [], []
    started = time.monotonic()
    with mp.solutions.face_mesh.FaceMesh(
        static_image_mode=True, refine_landmarks=True, min_detection_confidence=0.3
    ) as mesh:
        for number, (name, chip) in enumerate(read_chips(data, group)):
            both = _look(mesh, chip), _look(mesh, np.ascontiguousarray(chip[:, ::-1]))
            if both[0] is not None:
                names.append(name)
                looks.append([both[0], _mirrored_back(both[1], chip.shape[1])])
            if number % 1000 == 999:
                pace = (number + 1) / (time.monotonic() - started)
                print(f"  {group}: {number + 1} seen, {len(names)} found, {pace:.0f}/s", flush=True)
    keep(file, names=names, looks=np.array(looks, np.float32))


def _look(mesh: Any, chip: Chip) -> npt.NDArray[np.float32] | None:
    border = round(chip.shape[0] * PADDING)
    padded = cv2.copyMakeBorder(chip, *(border,) * 4, cv2.BORDER_REPLICATE)
    height, width = padded.shape[:2]
    faces = mesh.process(cv2.cvtColor(padded, cv2.COLOR_BGR2RGB)).multi_face_landmarks
    if not faces:
        return None
    found = np.array([[p.x * width, p.y * height, p.z * width] for p in faces[0].landmark])
    found[:, :2] -= border
    return found.astype(np.float32)


def _mirrored_back(look: npt.NDArray[np.float32] | None, width: int) -> npt.NDArray[np.float32]:
    """A look at the mirror image in pixels of the chip, its points in the order of the mirror."""
    if look is None:
        return np.full((MESH_POINTS, 3), np.nan, np.float32)
    return look * np.array([-1, 1, 1], np.float32) + np.array([width, 0, 0], np.float32)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.face_geometry.mesh_teacher", description=__doc__
    )
    parser.add_argument("--data", type=Path, help="root of the data sets")
    parser.add_argument("--out", type=Path, default=Path("training/runs/face_geometry"))
    arguments = parser.parse_args(argv)
    cv2.setNumThreads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for group in MESH_GROUPS:
        file = arguments.out / f"mesh-{group}.npz"
        if not file.exists():
            fill(arguments.data or data_root(), group, file)
            print(f"{file} written", flush=True)


if __name__ == "__main__":
    main()
