"""What happens to face crops on a real board, drawn at random for whole batches.

Images are float32 tensors of shape (n, channels, side, side) in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F


@dataclass(frozen=True, slots=True)
class FaceAugmentation:
    """How far each change goes; shares are probabilities, shifts are parts of the side.

    `side` is that of the images that come out, where it differs from those that go in. `tint`,
    `grey` (the share seen by a camera without colour) and `jpeg` are for images of three channels;
    `dim` is the share seen in low light.
    """

    flip: float = 0.5
    rotation_rad: float = math.radians(15)
    scale: float = 0.15
    shift: float = 0.08
    shear: float = 0.1
    contrast: float = 0.35
    brightness: float = 0.2
    gamma: float = 0.4
    soften: float = 0.25
    smallest_side: int = 16
    noise: float = 0.03
    erase: float = 0.35
    side: int | None = None
    tint: float = 0.0
    grey: float = 0.0
    dim: float = 0.0
    least_light: float = 0.15
    jpeg: float = 0.0
    worst_jpeg_quality: int = 20

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        images = self._moved(images)
        images = self._softened(images)
        images = self._lit(images)
        images = self._coloured(images)
        images = self._compressed(images)
        return self._erased(images)

    def _moved(self, images: torch.Tensor) -> torch.Tensor:
        n = len(images)
        angle = (torch.rand(n) * 2 - 1) * self.rotation_rad
        scale = torch.exp((torch.rand(n) * 2 - 1) * self.scale)
        aspect = torch.exp((torch.rand(n) * 2 - 1) * self.shear)
        mirror = torch.where(torch.rand(n) < self.flip, -1.0, 1.0)
        shift = (torch.rand(n, 2) * 2 - 1) * self.shift * 2
        cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
        affine = torch.stack(
            [
                torch.stack([cos * aspect * mirror, -sin, shift[:, 0]], 1),
                torch.stack([sin * mirror, cos / aspect, shift[:, 1]], 1),
            ],
            1,
        )
        side = self.side or images.shape[-1]
        grid = F.affine_grid(affine, [n, images.shape[1], side, side], align_corners=False)
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False)

    def _softened(self, images: torch.Tensor) -> torch.Tensor:
        """A part of the batch as if seen from afar: fewer pixels, then enlarged again."""
        chosen = torch.rand(len(images)) < self.soften
        if chosen.any():
            side = images.shape[-1]
            small = int(torch.randint(self.smallest_side, side, ()).item())
            shrunk = F.interpolate(images[chosen], size=(small, small), mode="area")
            images = images.clone()
            images[chosen] = F.interpolate(
                shrunk, size=(side, side), mode="bilinear", align_corners=False
            )
        return images

    def _lit(self, images: torch.Tensor) -> torch.Tensor:
        shape = (len(images), 1, 1, 1)
        contrast = torch.exp((torch.rand(shape) * 2 - 1) * self.contrast)
        brightness = (torch.rand(shape) * 2 - 1) * self.brightness
        gamma = torch.exp((torch.rand(shape) * 2 - 1) * self.gamma)
        mean = images.mean((1, 2, 3), keepdim=True)
        images = ((images - mean) * contrast + mean + brightness).clamp(0, 1) ** gamma
        if self.dim > 0:
            light = torch.rand(shape) * (1 - self.least_light) + self.least_light
            images = torch.where(torch.rand(shape) < self.dim, images * light, images)
        noise = torch.randn_like(images) * (torch.rand(shape) * self.noise)
        return (images + noise).clamp(0, 1)

    def _coloured(self, images: torch.Tensor) -> torch.Tensor:
        """Another white balance; a part of the batch in grey."""
        n, channels = images.shape[:2]
        if self.tint > 0:
            gain = torch.exp((torch.rand(n, channels, 1, 1) * 2 - 1) * self.tint)
            images = (images * gain).clamp(0, 1)
        if self.grey > 0:
            chosen = torch.rand(n, 1, 1, 1) < self.grey
            images = torch.where(chosen, images.mean(1, keepdim=True), images)
        return images

    def _compressed(self, images: torch.Tensor) -> torch.Tensor:
        """A part of the batch through JPEG, as many cameras send their frames."""
        if self.jpeg == 0:
            return images
        images = images.clone()
        for index in torch.nonzero(torch.rand(len(images)) < self.jpeg).flatten().tolist():
            pixels = (images[index].permute(1, 2, 0) * 255).round().byte().numpy()
            quality = int(torch.randint(self.worst_jpeg_quality, 96, ()).item())
            _, encoded = cv2.imencode(
                ".jpg", np.ascontiguousarray(pixels), [cv2.IMWRITE_JPEG_QUALITY, quality]
            )
            decoded = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
            images[index] = torch.from_numpy(decoded).permute(2, 0, 1).float() / 255
        return images

    def _erased(self, images: torch.Tensor) -> torch.Tensor:
        """One rectangle of some images covered with grey (Zhong et al., "Random Erasing", 2017)."""
        n, _, height, width = images.shape
        extent = torch.rand(n, 2, 1) * 0.3 + 0.1
        corner = torch.rand(n, 2, 1) * (1 - extent)
        chosen = torch.rand(n, 1, 1) < self.erase
        hole = (_rectangles(corner, extent, height, width) & chosen)[:, None]
        return torch.where(hole, torch.rand(n, 1, 1, 1), images)


@dataclass(frozen=True, slots=True)
class Phase:
    """How faces are changed from the share `begins` of a training's epochs on.

    `mixup` and `cutmix` are the shares of the batches that are mixed.
    """

    begins: float
    augmentation: FaceAugmentation
    mixup: float = 0.0
    cutmix: float = 0.0

    def __call__(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """A batch of images, and targets as `mixed` takes them, changed at random."""
        return mixed(self.augmentation(images), targets, mixup=self.mixup, cutmix=self.cutmix)


def phase_at(phases: Sequence[Phase], progress: float) -> Phase:
    """The last that has begun at that share of the epochs; the first begins at 0."""
    return [phase for phase in phases if progress >= phase.begins][-1]


def mixed(
    images: torch.Tensor,
    targets: torch.Tensor,
    *,
    mixup: float,
    cutmix: float = 0.0,
    strength: float = 0.4,
) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch whose images are mixed in pairs, with targets (n, k), distributions or means, that
    follow.

    `mixup` and `cutmix` are the shares of the batches to which either happens. MixUp (Zhang et al.,
    2017) lays one image over the other, with a weight from Beta(strength, strength); CutMix (Yun et
    al., 2019) covers a rectangle of one with the other's, of an evenly drawn share of its area.
    """
    if mixup + cutmix == 0:
        return images, targets
    draw = float(torch.rand(()))
    if draw < mixup:
        return _laid_over(images, targets, strength)
    if draw < mixup + cutmix:
        return _patched(images, targets)
    return images, targets


def _laid_over(
    images: torch.Tensor, targets: torch.Tensor, strength: float
) -> tuple[torch.Tensor, torch.Tensor]:
    beta = torch.distributions.Beta(strength, strength)
    weight = beta.sample((len(images),)).to(images)
    order = torch.randperm(len(images))
    pixel_weight = weight[:, None, None, None]
    return (
        images * pixel_weight + images[order] * (1 - pixel_weight),
        targets * weight[:, None] + targets[order] * (1 - weight[:, None]),
    )


def _patched(images: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    n, _, height, width = images.shape
    extent = torch.rand(n, 1, 1).sqrt().expand(n, 2, 1)
    corner = torch.rand(n, 2, 1) * (1 - extent)
    patch = _rectangles(corner, extent, height, width)
    order = torch.randperm(n)
    covered = patch.float().mean((1, 2))[:, None]
    return (
        torch.where(patch[:, None], images[order], images),
        targets.lerp(targets[order], covered),
    )


def _rectangles(
    corner: torch.Tensor, extent: torch.Tensor, height: int, width: int
) -> torch.Tensor:
    """Masks of shape (n, height, width), true inside rectangles whose upper left corners and
    extents, of shape (n, 2, 1) in the order y, x, are shares of the image's sides."""
    rows = (torch.arange(height) + 0.5) / height
    columns = (torch.arange(width) + 0.5) / width
    in_rows = (rows > corner[:, 0]) & (rows < corner[:, 0] + extent[:, 0])
    in_columns = (columns > corner[:, 1]) & (columns < corner[:, 1] + extent[:, 1])
    return in_rows[:, :, None] & in_columns[:, None, :]
