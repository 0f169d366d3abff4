"""Scenes as a board may see them: crops at many scales, mosaics, turns, bad light, blur.

Every function draws from the generator that it is given, so that an epoch can be made again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch

from training.people.backs import seen_from_behind
from training.people.hidden import partly_hidden
from training.people.prints import printed
from training.people.scenes import BODY, FACE, HEAD, Scene

Array = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]

SMALLEST = {FACE: 4.5, HEAD: 4.0, BODY: 8.0}
"""Geometric mean side in pixels below which an object is neither asked for nor denied."""
VISIBLE_SHARE = 0.35
ENLARGEMENT = (1.5, 4.0)
_MIRRORED_POINTS = [1, 0, 2, 4, 3]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A square crop with its targets in crop pixels.

    `objects` (n, 15): class, left, top, right, bottom, then x and y of five points (NaN where
    not known). `ignored` (m, 5): class and the region.
    """

    image: Image
    objects: Array
    ignored: Array


@dataclass(frozen=True, slots=True)
class SceneAugmentation:
    """Shares are probabilities; scales multiply the pixels of the picture."""

    side: int = 256
    mosaic: float = 0.5
    rotate: float = 0.3
    rotation_rad: float = math.radians(20)
    smallest_scale: float = 0.22
    largest_scale: float = 2.0
    enlarged: float = 0.0
    """Share of the looks at scenes with heads that come much closer, to heads as large as they are
    before a camera at eye level."""
    prints: float = 0.0
    """Share of the looks at scenes where people wear prints."""
    backs: float = 0.0
    """Share of the looks at scenes where some people have turned their backs."""
    hidden: float = 0.0
    """Share of the looks at scenes where something hides a part of some faces."""

    def sample(self, scenes: Sequence[Scene], random: np.random.Generator) -> Sample:
        """A crop drawn from four `scenes`, of which a plain crop uses the first only."""
        if random.random() < self.mosaic:
            sample = self._mosaic(scenes, random)
        else:
            sample = self.tile(scenes[0], (self.side, self.side), random)
        if random.random() < 0.5:
            sample = mirrored(sample)
        return Sample(lit(softened(sample.image, random), random), sample.objects, sample.ignored)

    def _mosaic(self, scenes: Sequence[Scene], random: np.random.Generator) -> Sample:
        side = self.side
        x, y = (int(side * random.uniform(0.25, 0.75)) for _ in range(2))
        image = np.empty((side, side, 3), np.uint8)
        objects, ignored = [], []
        corners = ((0, 0, x, y), (x, 0, side, y), (0, y, x, side), (x, y, side, side))
        for scene, (left, top, right, bottom) in zip(scenes, corners, strict=True):
            tile = self.tile(scene, (right - left, bottom - top), random)
            image[top:bottom, left:right] = tile.image
            objects.append(_moved(tile.objects, left, top))
            ignored.append(_moved(tile.ignored, left, top))
        return Sample(image, np.concatenate(objects), np.concatenate(ignored))

    def tile(self, scene: Scene, size: tuple[int, int], random: np.random.Generator) -> Sample:
        """`size` (width, height) pixels of the scene, at a random scale, turn and place."""
        for share, changed in (
            (self.prints, printed),
            (self.backs, seen_from_behind),
            (self.hidden, partly_hidden),
        ):
            if share and random.random() < share:
                scene = changed(scene, random)
        height, width = scene.image.shape[:2]
        scale = self._scale(scene, size, random)
        aspect = math.exp(random.uniform(-0.12, 0.12))
        turn = random.uniform(-1, 1) * self.rotation_rad if random.random() < self.rotate else 0.0
        cos, sin = math.cos(turn) * scale, math.sin(turn) * scale
        matrix = np.array([[cos * aspect, -sin / aspect], [sin * aspect, cos / aspect]])
        center = self._looked_at(scene, size, scale, random)
        offset = np.array(size) / 2 - matrix @ center
        affine = np.concatenate([matrix, offset[:, None]], axis=1)
        source = scene.image
        onto_crop = matrix
        if scale < 0.5:  # warpAffine does not average; thinned out pictures flicker
            source = cv2.resize(source, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            onto_crop = matrix * np.array([width / source.shape[1], height / source.shape[0]])
        # To warpAffine a pixel's number is its middle, to boxes its upper left corner.
        numbered = offset + onto_crop @ (0.5, 0.5) - 0.5
        fill = (int(random.integers(0, 200)),) * 3
        image = cv2.warpAffine(
            source,
            np.concatenate([onto_crop, numbered[:, None]], axis=1),
            size,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=fill,
        )
        objects, lost = _placed_objects(scene, affine, size)
        ignored = _placed_regions(scene.ignored, affine, size)
        return Sample(np.asarray(image, np.uint8), objects, np.concatenate([ignored, lost]))

    def _scale(self, scene: Scene, size: tuple[int, int], random: np.random.Generator) -> float:
        height, width = scene.image.shape[:2]
        if scene.group in ("landmarks", "utkface"):
            wanted = math.exp(random.uniform(math.log(20), math.log(self.side)))
            return wanted / max(height, width)
        if self.enlarged and HEAD in scene.complete and random.random() < self.enlarged:
            return math.exp(random.uniform(*map(math.log, ENLARGEMENT)))
        whole = min(size[0] / width, size[1] / height)
        if random.random() < (0.55 if BODY in scene.complete else 0.35):
            scale = whole * math.exp(random.uniform(-0.5, 0.35))
        else:
            scale = math.exp(random.uniform(math.log(0.35), math.log(1.8)))
        return float(np.clip(scale, self.smallest_scale, self.largest_scale))

    @staticmethod
    def _looked_at(
        scene: Scene, size: tuple[int, int], scale: float, random: np.random.Generator
    ) -> npt.NDArray[np.float64]:
        """The place of the picture that comes to the middle: mostly near somebody."""
        extent = np.array([scene.image.shape[1], scene.image.shape[0]], np.float64)
        half = np.array(size) / 2 / scale
        if len(scene.boxes) and random.random() < 0.7:
            box = scene.boxes[random.integers(len(scene.boxes))]
            at = (box[:2] + box[2:]) / 2 + random.uniform(-0.8, 0.8, 2) * half
        else:
            at = random.uniform(0, 1, 2) * extent
        spare = np.maximum(extent - 2 * half, 0) / 2 + 0.15 * half
        return np.clip(at, extent / 2 - spare, extent / 2 + spare)


def mirrored(sample: Sample) -> Sample:
    side = sample.image.shape[1]
    objects, ignored = sample.objects.copy(), sample.ignored.copy()
    for rows in (objects, ignored):
        rows[:, 1], rows[:, 3] = side - rows[:, 3], side - rows[:, 1].copy()
    points = objects[:, 5:].reshape(-1, 5, 2)[:, _MIRRORED_POINTS]
    points[..., 0] = side - points[..., 0]
    objects[:, 5:] = points.reshape(-1, 10)
    return Sample(np.ascontiguousarray(sample.image[:, ::-1]), objects, ignored)


def softened(image: Image, random: np.random.Generator) -> Image:
    """Out of focus, moved, shrunk and enlarged, or pressed into a small JPEG."""
    chance = random.random()
    if chance < 0.06:
        image = cv2.GaussianBlur(image, (0, 0), random.uniform(0.5, 1.6))
    elif chance < 0.12:
        kernel = np.zeros((7, 7), np.float32)
        angle = random.uniform(0, math.pi)
        reach = random.uniform(1, 3)
        start, end = (
            (
                round(3 + s * reach * math.cos(angle)),
                round(3 + s * reach * math.sin(angle)),
            )
            for s in (-1, 1)
        )
        cv2.line(kernel, start, end, 1.0)
        image = cv2.filter2D(image, -1, kernel / kernel.sum())
    elif chance < 0.20:
        factor = random.uniform(0.4, 0.8)
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
    elif chance < 0.30:
        _, encoded = cv2.imencode(
            ".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(20, 70))]
        )
        image = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    return np.asarray(image, np.uint8)


def lit(image: Image, random: np.random.Generator) -> Image:
    """Other light, other colours, grey, darkness with noise."""
    if random.random() < 0.12:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        image = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    gains = np.exp(random.uniform(-0.35, 0.35)) * np.exp(random.uniform(-0.12, 0.12, 3))
    gamma = math.exp(random.uniform(-0.45, 0.45))
    shift = random.uniform(-25, 25)
    dark = random.random() < 0.1
    if dark:
        gains, shift = gains * random.uniform(0.15, 0.5), random.uniform(-5, 10)
    ramp = np.arange(256, dtype=np.float64)[:, None] / 255
    table = np.clip(
        (ramp**gamma - 0.5 * (not dark)) * gains * 255 + 127 * (not dark) + shift, 0, 255
    )
    image = cv2.LUT(image, table.astype(np.uint8)[None])
    if dark or random.random() < 0.1:
        noise = random.normal(0, random.uniform(2, 9), image.shape[:2])[..., None]
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return np.asarray(image, np.uint8)


def collated(samples: Sequence[Sample]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images (n, 3, side, side) uint8; objects (t, 16) and ignored (u, 6), each row led by the
    index of its image."""
    images = torch.from_numpy(np.stack([sample.image for sample in samples]))
    objects = np.concatenate([_numbered(s.objects, i) for i, s in enumerate(samples)])
    ignored = np.concatenate([_numbered(s.ignored, i) for i, s in enumerate(samples)])
    return images.permute(0, 3, 1, 2), torch.from_numpy(objects), torch.from_numpy(ignored)


def _numbered(rows: Array, number: int) -> Array:
    return np.concatenate([np.full((len(rows), 1), number, np.float32), rows], axis=1)


def _moved(rows: Array, dx: float, dy: float) -> Array:
    rows = rows.copy()
    rows[:, 1::2] += dx
    rows[:, 2::2] += dy
    return rows


def _placed_objects(
    scene: Scene, affine: npt.NDArray[np.float64], size: tuple[int, int]
) -> tuple[Array, Array]:
    """Objects in crop pixels, and as ignored regions those of which too little can be seen.

    A turned box is that of the turned ellipse inside it: heads and people are rounder than boxes.
    """
    boxes = scene.boxes.astype(np.float64)
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2 @ affine[:, :2].T + affine[:, 2]
    half = (boxes[:, 2:] - boxes[:, :2]) / 2
    half = np.sqrt(half**2 @ (affine[:, :2] ** 2).T)
    corners = np.concatenate([centers - half, centers + half], axis=1)
    clipped = np.clip(corners, 0, np.array([*size, *size]))
    extent = np.clip(clipped[:, 2:] - clipped[:, :2], 0, None)
    share = extent.prod(axis=1) / np.maximum((2 * half).prod(axis=1), 1e-9)
    smallest = np.array([SMALLEST[int(kind)] for kind in scene.classes])
    seen = (share >= VISIBLE_SHARE) & (np.sqrt(extent.prod(axis=1)) >= smallest)
    partly = ~seen & (share > 0.02)
    points = scene.points @ affine[:, :2].T + affine[:, 2]
    kinds = scene.classes[:, None]
    objects = np.concatenate([kinds, clipped, points.reshape(-1, 10)], axis=1)[seen]
    lost = np.concatenate([kinds, clipped], axis=1)[partly]
    return objects.astype(np.float32), lost.astype(np.float32)


def _placed_regions(
    regions: Array, affine: npt.NDArray[np.float64], size: tuple[int, int]
) -> Array:
    """The upright hulls of regions in the crop, without those that lie outside."""
    x, y = regions[:, [1, 3, 3, 1]], regions[:, [2, 2, 4, 4]]
    corners = np.stack([x, y], axis=2) @ affine[:, :2].T + affine[:, 2]
    hull = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    hull = np.clip(hull, 0, np.array([*size, *size]))
    inside = ((hull[:, 2:] - hull[:, :2]) > 0.5).all(axis=1)
    return np.concatenate([regions[:, :1], hull], axis=1)[inside].astype(np.float32)
