"""Batches of face crops: from which sets, how often, and ready before they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from training.face_geometry.chips import SCENE_CHIP_SIDE, SCENE_MARGIN, read_chips
from training.face_geometry.eyelids import aspect_ratios, with_closed_eyes
from training.face_geometry.labels import Faces, Split
from training.face_geometry.not_faces import read_not_faces
from training.face_geometry.samples import CROP_SIDE, CropAugmentation, Grey, Target

Batch = tuple[torch.Tensor, ...]

SHARES = {
    "landmarks": 0.32,
    "utkface": 0.44,
    "closed": 0.08,
    "asleep": 0.05,
    "face": 0.02,
    "masked": 0.04,
    "nothing": 0.05,
}
"""How often a crop is of each kind; `closed` are eyes shut by force, `asleep` really closed."""
KINDS, KINDS_REACHED = tuple(SHARES), np.cumsum(list(SHARES.values()))
CLOSED_FACES = 3000
FRONTAL_RAD = 0.25
WIDE_OPEN = 0.25
"""Head turn up to which, and aspect ratio from which, eyes can be shut by force."""
SHUT_RATIO = 0.04
"""Aspect ratio of an eye that is shut."""
TURNED_MORE_RAD = 0.3
"""Yaw at which a face of `landmarks` or `utkface` is drawn twice as often as a frontal one."""


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """What batches are drawn from: faces by kind, crops of masked faces, and of no face.

    `reached` has, for each kind, the cumulated shares with which its faces are drawn.
    """

    faces: dict[str, Faces]
    reached: dict[str, npt.NDArray[np.float64]]
    masked: list[Grey]
    nothing: Grey

    @classmethod
    def of(cls, split: Split, data: Path, run: Path) -> Sources:
        known, portraits = split.training, split.taught["utkface"]
        closed = [
            faces.chosen(np.flatnonzero(faces.eyes_open == 0)) for faces in (known, portraits)
        ]
        faces = {
            "landmarks": known,
            "utkface": portraits,
            "closed": shut(portraits, CLOSED_FACES),
            "asleep": joined(*closed),
            "face": split.taught["face"],
        }
        reached = {kind: np.arange(1, len(some) + 1) / len(some) for kind, some in faces.items()}
        for kind in ("landmarks", "utkface"):
            turned = np.cumsum(1 + np.abs(faces[kind].head[:, 0]) / TURNED_MORE_RAD)
            reached[kind] = turned / turned[-1]
        masked = [
            np.asarray(cv2.cvtColor(chip, cv2.COLOR_BGR2GRAY), np.uint8)
            for _, chip in read_chips(data, "masked_face")
        ]
        return cls(faces, reached, masked, read_not_faces(data, run / "not-faces.npz"))

    def draw(
        self, augment: CropAugmentation, random: np.random.Generator
    ) -> tuple[Grey, npt.NDArray[np.float32]]:
        """One crop and what is known of it, flat."""
        kind = KINDS[min(int(np.searchsorted(KINDS_REACHED, random.random())), len(KINDS) - 1)]
        if kind == "nothing":
            crop, target = augment.other(self.nothing[random.integers(len(self.nothing))], random)
        elif kind == "masked":
            crop, target = masked_face(
                self.masked[random.integers(len(self.masked))], augment, random
            )
        else:
            faces = self.faces[kind]
            place = int(np.searchsorted(self.reached[kind], random.random()))
            number = min(place, len(faces) - 1)
            crop, target = augment.face(faces, number, faces.images[number], random)
        return crop, target.flat()

    def batches(
        self, augment: CropAugmentation, random: np.random.Generator, size: int, count: int
    ) -> Iterator[Batch]:
        """`count` batches of images (size, 1, side, side) uint8 and targets (size, 150)."""
        for _ in range(count):
            drawn = [self.draw(augment, random) for _ in range(size)]
            images = np.stack([crop for crop, _ in drawn])[:, None]
            targets = np.stack([target for _, target in drawn])
            yield torch.from_numpy(images), torch.from_numpy(targets)


def masked_face(
    image: Grey, augment: CropAugmentation, random: np.random.Generator
) -> tuple[Grey, Target]:
    """A crop about a labelled masked face, of which only is known that it can be seen."""
    box = SCENE_CHIP_SIDE / SCENE_MARGIN
    extent = box * CROP_SIDE * float(np.exp(random.normal(0, augment.scale)))
    middle = SCENE_CHIP_SIDE / 2 + random.normal(0, augment.shift, 2) * extent
    zoom = augment.side / extent
    offset = augment.side / 2 - middle * zoom
    crop = cv2.warpAffine(
        image,
        np.array([[zoom, 0, offset[0]], [0, zoom, offset[1]]]),
        (augment.side, augment.side),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if random.random() < 0.5:
        crop = np.ascontiguousarray(crop[:, ::-1])
    unknown = Target.no_face()
    seen = np.array([np.nan, np.nan, 1.0])
    target = replace(unknown, seen=seen)
    return augment.seen_by_camera(np.asarray(crop, np.uint8), random), target


def shut(faces: Faces, most: int) -> Faces:
    """Some of the frontal faces with wide open eyes, those shut by force."""
    frontal = (np.abs(faces.head[:, :2]) < FRONTAL_RAD).all(1)
    wide = aspect_ratios(faces.meshes.astype(np.float64)).min(1) > WIDE_OPEN
    random = np.random.default_rng(3)
    able = np.flatnonzero(frontal & wide & (faces.eyes_open == 1))
    chosen = faces.chosen(np.sort(random.permutation(able)[:most]))
    images = [
        with_closed_eyes(image, mesh.astype(np.float64), random)
        for image, mesh in zip(chosen.images, chosen.meshes, strict=True)
    ]
    return replace(
        chosen,
        images=images,
        eyes_open=np.zeros(len(chosen), np.float32),
        gaze=np.full((len(chosen), 2), np.nan, np.float32),
        lids=np.full((len(chosen), 2), SHUT_RATIO, np.float32),
        irises=np.full((len(chosen), 2, 2), np.nan, np.float32),
    )


def joined(*groups: Faces) -> Faces:
    def both(name: str) -> npt.NDArray[np.generic]:
        return np.concatenate([getattr(faces, name) for faces in groups])

    arrays = ("points", "head", "gaze", "eyes_open", "smile", "persons", "meshes", "lids", "irises")
    return Faces(
        tuple(name for faces in groups for name in faces.names),
        [image for faces in groups for image in faces.images],
        **{name: both(name) for name in arrays},
    )
