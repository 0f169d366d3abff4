"""Readers of the data sets that the models are trained on; none of them is in the project."""

from __future__ import annotations

import csv
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

SHEET_SIDE = 20
"""Faces in a row, and rows, of one sheet of the ferplus archive."""
FERPLUS_SIDE = 48
FERPLUS_CLASSES = 8
"""The votes that name an emotion; after them come "unknown" and "no face"."""


def data_root() -> Path:
    """The folder of the data sets: $EDGE_AGENT_DATA, else ../shared/data beside the project."""
    named = os.environ.get("EDGE_AGENT_DATA")
    root = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not root.is_dir():
        raise SystemExit(f"no training data at {root}: name its folder in EDGE_AGENT_DATA")
    return root


def decode(encoded: bytes, name: str, flags: int = cv2.IMREAD_COLOR) -> npt.NDArray[np.uint8]:
    """An image of an archive; raises ValueError that names it when it is damaged."""
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), flags)
    if image is None:
        raise ValueError(f"{name} is no readable image")
    return np.asarray(image, np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class FerPlus:
    """FER2013 faces with the votes of FER+ (Barsoum et al., "Training Deep Networks for Facial
    Expression Recognition with Crowd-Sourced Label Distribution", 2016).

    `faces` is uint8 of shape (n, 48, 48), grey; `votes` is float32 of shape (n, 10): eight
    emotions in the order of `edge_agent.domain.observation.Emotion`, unknown, no face.
    """

    faces: npt.NDArray[np.uint8]
    votes: npt.NDArray[np.float32]

    @classmethod
    def read(cls, images: Path, votes: Path) -> FerPlus:
        """Faces from sheets of 20 x 20 in a zip, votes from a csv with their index."""
        with votes.open(newline="") as lines:
            rows = np.array([[float(v) for v in row] for row in list(csv.reader(lines))[1:]])
        index = rows[:, 0].astype(int)
        sheets: dict[int, npt.NDArray[np.uint8]] = {}
        with zipfile.ZipFile(images) as archive:
            for name in archive.namelist():
                sheet = decode(archive.read(name), name, cv2.IMREAD_GRAYSCALE)
                sheets[int(Path(name).stem)] = sheet
        faces = np.stack([_from_sheet(sheets, int(i)) for i in index])
        return cls(faces, rows[:, 1:].astype(np.float32))

    def nameable(self) -> FerPlus:
        """Only the faces whose most frequent vote is an emotion, as FER+ was evaluated."""
        return self.chosen(self.votes.argmax(1) < FERPLUS_CLASSES)

    def chosen(self, which: npt.NDArray[np.generic]) -> FerPlus:
        """The faces at these indices, or where this mask is true."""
        return FerPlus(self.faces[which], self.votes[which])

    def distributions(self) -> npt.NDArray[np.float32]:
        """Votes for the eight emotions, as shares of shape (n, 8) that sum to 1."""
        votes = self.votes[:, :FERPLUS_CLASSES]
        return np.asarray(votes / np.maximum(votes.sum(1, keepdims=True), 1), np.float32)

    def one_hot(self) -> npt.NDArray[np.float32]:
        """1 for the most frequent emotion, of shape (n, 8)."""
        most = self.votes[:, :FERPLUS_CLASSES].argmax(1)
        return np.eye(FERPLUS_CLASSES, dtype=np.float32)[most]

    def majority(self) -> npt.NDArray[np.bool_]:
        """Where one emotion has more than half of all votes."""
        return np.asarray(
            self.votes[:, :FERPLUS_CLASSES].max(1) * 2 > self.votes.sum(1), dtype=np.bool_
        )


def _from_sheet(sheets: dict[int, npt.NDArray[np.uint8]], index: int) -> npt.NDArray[np.uint8]:
    first = index - index % (SHEET_SIDE * SHEET_SIDE)
    row, column = divmod(index - first, SHEET_SIDE)
    top, left = row * FERPLUS_SIDE, column * FERPLUS_SIDE
    return sheets[first][top : top + FERPLUS_SIDE, left : left + FERPLUS_SIDE]
