"""Decoded pictures of any kind as the agent's frames have them: uint8, BGR, upright."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.domain.errors import InputError

IMAGE_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
ROTATIONS = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}

Image = npt.NDArray[np.uint8]


def read_image(path: Path) -> Image:
    """The picture at `path`, of shape (height, width, 3); raises InputError that says why not.

    Grey, 16-bit and transparent pictures are converted; the orientation of the EXIF tag is obeyed.
    """
    try:
        encoded = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    if encoded.size == 0:
        raise InputError(f"{path} is empty")
    try:
        # IMREAD_COLOR scales 16 bits to 8, drops alpha, repeats grey and turns by the EXIF tag.
        image = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise InputError(f"{path} cannot be decoded: {_first_line(error)}") from error
    if image is None:
        raise InputError(f"{path} is no image that can be read (jpg, png, webp, bmp, tiff)")
    return np.asarray(image, np.uint8)


def as_bgr(image: npt.NDArray[Any]) -> Image:
    """A decoded frame of any depth and channel count as uint8 of shape (height, width, 3)."""
    pixels = np.asarray(image if image.dtype == np.uint8 else _eight_bits(image), np.uint8)
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8)
    if pixels.shape[2] == 4:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGRA2BGR), np.uint8)
    return pixels


def rotated(image: Image, degrees: int) -> Image:
    """The image turned clockwise by 0, 90, 180 or 270 degrees."""
    return image if degrees == 0 else np.asarray(cv2.rotate(image, ROTATIONS[degrees]), np.uint8)


def _eight_bits(image: npt.NDArray[Any]) -> Image:
    span = np.iinfo(image.dtype).max if np.issubdtype(image.dtype, np.integer) else 1.0
    return (np.asarray(image, np.float32) * (255.0 / span)).clip(0, 255).astype(np.uint8)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
