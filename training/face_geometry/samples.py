"""Face crops as cameras and detectors deliver them, drawn at random, with labels that follow.

A crop is cut as the daemon cuts it: an upright square about the detector's box, which itself lies
about the 68 points as that detector's boxes do (medians over `landmarks`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from training.face_geometry.labels import Faces

Array = npt.NDArray[np.float64]
Grey = npt.NDArray[np.uint8]

CROP_SIDE = 1.25
"""Side of the crop by the mean side of the detector's box."""
CROP_SHIFT_DOWN = 0.06
"""How far below the box's centre the crop's lies, in mean sides of the box."""
BOX_SIDE = 1.04
"""Mean side of the detector's box by the longer side of the 68 points'."""
BOX_SHIFT_DOWN = -0.074
"""Likewise how far its centre lies below that of the points, in mean sides of it."""
BOX_FOLLOWS_TURN = 0.4
"""Part of the nose's offset from the middle of the eyes by which the box moves sideways."""
MIRRORED = np.array(
    [
        *range(16, -1, -1),
        *range(26, 16, -1),
        *range(27, 31),
        *range(35, 30, -1),
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
        *range(54, 47, -1),
        *range(59, 54, -1),
        *range(64, 59, -1),
        *range(67, 64, -1),
    ]
)
"""The 68 points in the order in which a mirror shows them."""
LABELS_LIE_RIGHT = 0.0117
"""By which the labels lie right of what they mark, in longer sides of the points' box (one pixel of
`landmarks`): found where a network that was taught with mirrored faces, too, differs from them. It
is taken away here, so that mirrored faces agree, and is put back when the network is released."""
SMALLEST_EYE_DISTANCE = 0.15
"""In shares of the crop; nearer eyes, seen from the side, do not count as still nearer."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What is known of one crop, NaN where nothing is: `points` (68, 2) in shares of its side, as
    are `irises` (2, 2); `head` (3,); `gaze` (2,); `seen` (3,): eyes open, smile, face visible;
    `lids` (2,), the aspect ratios of the eyes. The eye on the image's left comes first."""

    points: Array
    head: Array
    gaze: Array
    seen: Array
    lids: Array
    irises: Array

    def flat(self) -> npt.NDArray[np.float32]:
        """Of shape (150,)."""
        parts = (
            self.points.ravel(),
            self.head,
            self.gaze,
            self.seen,
            self.lids,
            self.irises.ravel(),
        )
        return np.concatenate(parts).astype(np.float32)

    @classmethod
    def no_face(cls) -> Target:
        return cls(
            np.full((68, 2), np.nan),
            np.full(3, np.nan),
            np.full(2, np.nan),
            np.array([np.nan, np.nan, 0.0]),
            np.full(2, np.nan),
            np.full((2, 2), np.nan),
        )


def _five() -> Array:
    weights = np.zeros((5, 68))
    weights[0, 36:42] = weights[1, 42:48] = 1 / 6
    weights[[2, 3, 4], [30, 48, 54]] = 1
    return weights


FIVE = _five()
"""Eyes, nose and corners of the mouth (5, 2) as this matrix (5, 68) times the 68 points (68, 2)."""


def five_of(points: Array) -> Array:
    """The five points (..., 5, 2) of the 68 points (..., 68, 2)."""
    return np.asarray(FIVE @ points)


@dataclass(frozen=True, slots=True)
class CropAugmentation:
    """How far each change goes; shares are probabilities, shifts are parts of the crop's side."""

    side: int = 96
    rotation_rad: float = math.radians(14)
    far_rotated: float = 0.25
    far_rotation_rad: float = math.radians(45)
    scale: float = 0.1
    shift: float = 0.045
    blur: float = 0.35
    smallest_side: int = 20
    smear: float = 0.08
    light: float = 0.7
    noise: float = 0.3
    jpeg: float = 0.15
    cover: float = 0.22
    hide: float = 0.04

    def face(
        self, faces: Faces, number: int, image: Grey, random: np.random.Generator
    ) -> tuple[Grey, Target]:
        """One face of several, drawn from `image`, with what is known of it."""
        turn = self._turn(random)
        mirror = random.random() < 0.5
        points = faces.points[number].astype(np.float64)
        head = faces.head[number].astype(np.float64)
        gaze = faces.gaze[number].astype(np.float64)
        lids = faces.lids[number].astype(np.float64)
        irises = faces.irises[number].astype(np.float64)
        points[:, 0] -= LABELS_LIE_RIGHT * float(np.ptp(points, axis=0).max())
        if mirror:
            points = points[MIRRORED]
            points[:, 0] = image.shape[1] - points[:, 0]
            head = head * [-1, 1, -1]
            gaze = gaze * [-1, 1]
            lids = lids[::-1]
            irises = irises[::-1] * [-1, 1] + [image.shape[1], 0]
        crop, shares = self._cut(image, points, irises, turn=turn, mirror=mirror, random=random)
        seen = np.array([faces.eyes_open[number], faces.smile[number], 1.0])
        gaze = turned_gaze(gaze, turn)
        head[2] += turn
        target = Target(shares[:68], head, gaze, seen, lids, shares[68:])
        crop = self.seen_by_camera(crop, random)
        return self._covered(crop, target, random)

    def other(self, image: Grey, random: np.random.Generator) -> tuple[Grey, Target]:
        """A crop of something that is no face to be seen."""
        side = image.shape[0]
        low = random.integers(0, side // 3, 2)
        extent = int(random.integers(side // 2, side - low.max() + 1))
        square = image[low[1] : low[1] + extent, low[0] : low[0] + extent]
        crop = cv2.resize(square, (self.side, self.side), interpolation=cv2.INTER_AREA)
        if random.random() < 0.5:
            crop = crop[:, ::-1]
        seen = self.seen_by_camera(np.ascontiguousarray(crop, np.uint8), random)
        return seen, Target.no_face()

    def seen_by_camera(self, crop: Grey, random: np.random.Generator) -> Grey:
        """The crop from farther away, smeared, in other light, with noise, through JPEG."""
        side = self.side
        if random.random() < self.blur:
            small = int(np.exp(random.uniform(np.log(self.smallest_side), np.log(side))))
            shrunk = cv2.resize(crop, (small, small), interpolation=cv2.INTER_AREA)
            crop = cv2.resize(shrunk, (side, side), interpolation=cv2.INTER_LINEAR)
        if random.random() < self.smear:
            length = int(random.integers(2, 6))
            kernel = (length, 1) if random.random() < 0.5 else (1, length)
            crop = cv2.blur(crop, kernel)
        if random.random() < self.light:
            crop = cv2.LUT(crop, _other_light(random, float(crop.mean()) / 255))
        if random.random() < self.noise:
            grain = random.standard_normal((side, side), np.float32) * random.uniform(1, 7)
            crop = np.clip(crop + grain, 0, 255).astype(np.uint8)
        if random.random() < self.jpeg:
            quality = int(random.integers(20, 80))
            _, encoded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])
            crop = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)
        return np.asarray(crop, np.uint8)

    def _turn(self, random: np.random.Generator) -> float:
        if random.random() < self.far_rotated:
            return float(random.uniform(-1, 1) * self.far_rotation_rad)
        return float(random.standard_normal() * self.rotation_rad)

    def _cut(
        self,
        image: Grey,
        points: Array,
        irises: Array,
        *,
        turn: float,
        mirror: bool,
        random: np.random.Generator,
    ) -> tuple[Grey, Array]:
        """The crop, and points and irises of the (mirrored) image in shares of its side."""
        cos, sin = math.cos(turn), math.sin(turn)
        rotation = np.array([[cos, -sin], [sin, cos]])
        corner, extent = self._square(points @ rotation.T, random)
        shares = (np.concatenate([points, irises]) @ rotation.T - corner) / extent
        zoom = self.side / extent
        flip = np.diag([-1.0 if mirror else 1.0, 1.0])
        start = np.array([float(image.shape[1]) if mirror else 0.0, 0.0])
        # Pixel i covers [i, i + 1): its centre, which OpenCV calls i, lies at i + 1/2.
        matrix = rotation @ flip * zoom
        offset = matrix @ [0.5, 0.5] + (rotation @ start - corner) * zoom - 0.5
        crop = cv2.warpAffine(
            image,
            np.column_stack([matrix, offset]),
            (self.side, self.side),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(crop, np.uint8), shares

    def _square(self, points: Array, random: np.random.Generator) -> tuple[Array, float]:
        """Upper left corner and side of the square that the daemon would cut about these points,
        had its detector drawn its box so."""
        low, high = points.min(0), points.max(0)
        box = BOX_SIDE * float((high - low).max())
        extent = CROP_SIDE * box
        middle = (low + high) / 2 + [0, (BOX_SHIFT_DOWN + CROP_SHIFT_DOWN) * box]
        turn = points[30, 0] - points[[36, 45], 0].mean()
        middle[0] += turn * BOX_FOLLOWS_TURN * random.uniform(0, 1)
        middle += random.standard_normal(2).clip(-2.2, 2.2) * self.shift * extent
        extent *= math.exp(float(np.clip(random.standard_normal(), -2.2, 2.2)) * self.scale)
        return middle - extent / 2, extent

    def _covered(
        self, crop: Grey, target: Target, random: np.random.Generator
    ) -> tuple[Grey, Target]:
        """Something before the face, now and then before nearly all of it."""
        draw = random.random()
        if draw > self.cover + self.hide:
            return crop, target
        hidden = draw < self.hide
        size = random.uniform(0.65, 1.0, 2) if hidden else random.uniform(0.15, 0.5, 2)
        middle = np.nanmean(target.points[36:48], axis=0) if hidden else random.uniform(0.1, 0.9, 2)
        low = np.clip((middle - size / 2) * self.side, 0, self.side).astype(int)
        high = np.clip((middle + size / 2) * self.side, 0, self.side).astype(int)
        crop = crop.copy()
        patch = crop[low[1] : high[1], low[0] : high[0]]
        patch[:] = _something(patch.shape, random)
        if hidden:
            return crop, Target.no_face()
        eyes = five_of(target.points)[:2] * self.side
        covered = ((eyes > low - 3) & (eyes < high + 3)).all(1)
        seen = target.seen.copy()
        gaze, lids, irises = target.gaze, target.lids, target.irises
        if covered.any():
            unknown = Target.no_face()
            seen[0], gaze, lids, irises = np.nan, unknown.gaze, unknown.lids, unknown.irises
        if covered.all():
            seen[2] = np.nan
        return crop, Target(target.points, target.head, gaze, seen, lids, irises)


MILD = CropAugmentation(
    rotation_rad=0.17,
    far_rotated=0.15,
    scale=0.07,
    shift=0.035,
    blur=0.28,
    smear=0.06,
    light=0.6,
    noise=0.25,
    jpeg=0.12,
    cover=0.15,
    hide=0.03,
)
"""Faces more like those of a good detector and camera."""


def turned_gaze(gaze: Array, turn_rad: float) -> Array:
    """Yaw and pitch (2,) in an image that was turned clockwise."""
    yaw, pitch = gaze
    x, y, z = math.cos(pitch) * math.sin(yaw), math.sin(pitch), math.cos(pitch) * math.cos(yaw)
    cos, sin = math.cos(turn_rad), math.sin(turn_rad)
    right, up = x * cos + y * sin, y * cos - x * sin
    return np.array([math.atan2(right, z), math.atan2(up, math.hypot(right, z))])


def _other_light(random: np.random.Generator, mean: float) -> Grey:
    """A table of 256 grey levels: contrast about the mean, brightness, gamma."""
    level = np.arange(256) / 255
    contrast = math.exp(random.uniform(-0.35, 0.3))
    level = (level - mean) * contrast + mean + random.uniform(-0.12, 0.12)
    level = np.clip(level, 0, 1) ** math.exp(random.uniform(-0.35, 0.35))
    if random.random() < 0.1:
        level = level * random.uniform(0.2, 1)
    return np.round(level * 255).astype(np.uint8)


def _something(shape: tuple[int, ...], random: np.random.Generator) -> Grey:
    """A surface of one grey, with a gradient or with texture."""
    rows, columns = shape[:2]
    plain = np.full((rows, columns), random.uniform(10, 245))
    if random.random() < 0.5:
        plain += np.linspace(-1, 1, rows)[:, None] * random.uniform(-60, 60)
        plain += np.linspace(-1, 1, columns)[None] * random.uniform(-60, 60)
    if random.random() < 0.5:
        plain += random.standard_normal((rows, columns)) * random.uniform(2, 30)
    return np.clip(plain, 0, 255).astype(np.uint8)
