"""UTKFace chips with age and gender, and a split that keeps doubles of one picture together."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.domain.geometry import Box
from edge_agent.perception.crops import cut
from training.data import decode

Chip = npt.NDArray[np.uint8]

SIGNATURE_SIDE = 16
DOUBLE_CORRELATION = 0.97
"""Correlation of two chips, shrunk to 16 x 16 grey pixels, from which they count as one picture:
at this value pairs begin to be other pictures of another person."""


@dataclass(frozen=True, slots=True, eq=False)
class UtkFace:
    """Aligned face chips (Zhang, Song, Qi, "Age Progression/Regression by Conditional Adversarial
    Autoencoder", 2017) with age in years and gender.

    `chips` are uint8 BGR images of shape (height, width, 3) of any size; `ages` is float32 and
    `female` bool, both of shape (n,); `names` are those of the files.
    """

    names: tuple[str, ...]
    chips: Sequence[Chip]
    ages: npt.NDArray[np.float32]
    female: npt.NDArray[np.bool_]

    @classmethod
    def read(cls, images: Path, labels: Path) -> UtkFace:
        """Chips of a zip, labels of a csv with the columns file, age and gender."""
        with labels.open(newline="") as lines:
            rows = list(csv.DictReader(lines))
        with zipfile.ZipFile(images) as archive:
            chips = [decode(archive.read(row["file"]), row["file"]) for row in rows]
        return cls(
            tuple(row["file"] for row in rows),
            chips,
            np.array([float(row["age"]) for row in rows], np.float32),
            np.array([row["gender"] == "female" for row in rows], np.bool_),
        )

    def __len__(self) -> int:
        return len(self.names)

    def chosen(self, which: npt.NDArray[np.intp]) -> UtkFace:
        """The chips at these indices."""
        return UtkFace(
            tuple(self.names[i] for i in which),
            [self.chips[i] for i in which],
            self.ages[which],
            self.female[which],
        )

    def stacked(self, side: int) -> npt.NDArray[np.uint8]:
        """All chips at one size, of shape (n, side, side, 3), resized as the daemon resizes."""
        return np.stack([whole(chip, side) for chip in self.chips])


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """What is trained on, what calibrates the trained model, and what only measures it."""

    training: UtkFace
    calibration: UtkFace
    validation: UtkFace

    @classmethod
    def of(cls, faces: UtkFace, *, calibration: int, validation: int, seed: int) -> Split:
        """A random split into at least so many chips; doubles stay together."""
        groups = doubles(faces.chips)
        order = np.random.default_rng(seed).permutation(groups.max() + 1)[groups]
        ranked = np.argsort(order, kind="stable")
        first = _end_of_group(order[ranked], validation)
        second = _end_of_group(order[ranked], first + calibration)
        return cls(
            validation=faces.chosen(np.sort(ranked[:first])),
            calibration=faces.chosen(np.sort(ranked[first:second])),
            training=faces.chosen(np.sort(ranked[second:])),
        )


def whole(chip: Chip, side: int) -> Chip:
    """A whole chip at another size, through the daemon's own pre-processing."""
    height, width = chip.shape[:2]
    resized = cut(chip, Box.around(Box(0, 0, width, height).center, width, height), side)
    if resized is None:
        raise ValueError(f"a chip of {width} x {height} pixels shows nothing")
    return resized


def doubles(chips: Sequence[Chip]) -> npt.NDArray[np.intp]:
    """A group number for each chip, of shape (n,): (near) doubles share theirs."""
    signatures = np.stack([_signature(chip) for chip in chips])
    parent = np.arange(len(chips))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = int(parent[index])
        return index

    for start in range(0, len(chips), 2048):
        alike = signatures[start : start + 2048] @ signatures[start:].T > DOUBLE_CORRELATION
        for row, column in np.argwhere(alike):
            if column > row:
                parent[root(int(column) + start)] = root(int(row) + start)
    _, groups = np.unique([root(i) for i in range(len(chips))], return_inverse=True)
    return groups


def _signature(chip: Chip) -> npt.NDArray[np.float32]:
    """The small grey chip as a vector of mean 0 and length 1."""
    grey = cv2.cvtColor(chip, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (SIGNATURE_SIDE, SIGNATURE_SIDE), interpolation=cv2.INTER_AREA)
    vector = small.astype(np.float32).ravel()
    vector -= vector.mean()
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-6), np.float32)


def _end_of_group(order: npt.NDArray[np.intp], least: int) -> int:
    """The first index from `least` on at which a new group begins."""
    return int(np.searchsorted(order, order[least - 1], side="right"))
