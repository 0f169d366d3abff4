"""Cutting a face out of a frame, in the one way that the models are trained with."""

from __future__ import annotations

import math

import cv2
import numpy as np

from edge_agent.domain.geometry import Box, Point
from edge_agent.perception.tensors import Pixels

SMALLEST_FACE_SIDE = 8.0
"""Pixels below which a crop says nothing."""
FULL_DETAIL_SIDE = 48.0
"""Pixels from which a larger face tells no more to models of this size."""
SHARP_ENOUGH = 0.02
"""Share of a crop's variance in its Laplacian from which it counts as sharp."""
FLAT_CONTRAST = 4.0
"""Standard deviation in grey levels below which a crop shows nothing."""
DETAIL_SCALE = 1.5
"""Pixels of a crop of 48 x 48 over which details are averaged, so that noise does not count as
one."""
UPRIGHT_WITHIN_RAD = math.radians(4)
"""Roll up to which a face counts as upright: turning its crop would only soften it."""


def square_around(
    box: Box, side_factor: float, shift_down: float = 0.0, roll_rad: float = 0.0
) -> Box:
    """The square with `side_factor` times the mean of the box's sides.

    Its centre is the box's, moved by `shift_down` times the mean of the sides towards the chin of
    a face that is tilted by `roll_rad` (> 0 clockwise as seen in the image).
    """
    mean_side = float(np.sqrt(box.area))
    shift = shift_down * mean_side
    center = Point(
        box.center.x - shift * math.sin(roll_rad), box.center.y + shift * math.cos(roll_rad)
    )
    return Box.around(center, side_factor * mean_side, side_factor * mean_side)


def whole_pixels(square: Box) -> Box:
    """The square that `cut` really takes: its corner and its side are whole pixels."""
    side = max(round(square.width), 1)
    return Box(round(square.x), round(square.y), side, side)


def cut(pixels: Pixels, square: Box, side: int, least_inside: float = 0.25) -> Pixels | None:
    """The square of an image, resized to `side` x `side`; its border continues beyond the image.

    None where less than the share `least_inside` of the square, or nothing, lies in the image.
    """
    height, width = pixels.shape[:2]
    taken = whole_pixels(square)
    left, top, extent = int(taken.x), int(taken.y), int(taken.width)
    right, bottom = left + extent, top + extent
    # Ends below 0 would count from the other edge.
    inside = pixels[
        max(top, 0) : max(min(bottom, height), 0), max(left, 0) : max(min(right, width), 0)
    ]
    least = max(least_inside * extent * extent * _channels(pixels), 1)
    if square.width < SMALLEST_FACE_SIDE or inside.size < least:
        return None
    if inside.shape[:2] != (extent, extent):
        inside = np.asarray(
            cv2.copyMakeBorder(
                inside,
                max(-top, 0),
                max(bottom - height, 0),
                max(-left, 0),
                max(right - width, 0),
                cv2.BORDER_REPLICATE,
            ),
            np.uint8,
        )
    method = cv2.INTER_AREA if extent > side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(inside, (side, side), interpolation=method), np.uint8)


def cut_upright(
    pixels: Pixels, square: Box, side: int, roll_rad: float, least_inside: float = 0.25
) -> Pixels | None:
    """Like `cut`, of the square turned about its centre by `roll_rad`, so that a face with that
    roll (> 0 clockwise as seen in the image) stands upright in the crop.

    A face that hardly rolls is cut as it stands. Else the upright square around the turned one is
    cut at the crop's resolution, so that a large face is averaged rather than skipped through, and
    turned back by a similarity.
    """
    if abs(roll_rad) <= UPRIGHT_WITHIN_RAD:
        return cut(pixels, square, side, least_inside)
    if share_inside(pixels, square) < least_inside or square.width < SMALLEST_FACE_SIDE:
        return None
    growth = abs(math.cos(roll_rad)) + abs(math.sin(roll_rad))
    wide_side = math.ceil(side * growth)
    wide = cut(pixels, square.grown(wide_side / side), wide_side, least_inside=0.0)
    if wide is None:
        return None
    middle, offset = (wide_side - 1) / 2, (side - wide_side) / 2
    turning = np.asarray(
        cv2.getRotationMatrix2D((middle, middle), math.degrees(roll_rad), 1.0), np.float64
    )
    turning += [[0, 0, offset], [0, 0, offset]]
    turned = cv2.warpAffine(
        wide, turning, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(turned, np.uint8)


def share_inside(pixels: Pixels, square: Box) -> float:
    """The share of a square that lies in an image, in [0, 1]."""
    return square.coverage_by(Box(0, 0, pixels.shape[1], pixels.shape[0]))


def grey(crop: Pixels) -> Pixels:
    """A crop in grey, of shape (height, width)."""
    return crop if crop.ndim == 2 else np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), np.uint8)


def quality(crop: Pixels, square: Box) -> float:
    """How far a grey crop can be trusted, in [0, 1], by its size in the frame and its sharpness.

    The measure of sharpness is the variance of the Laplacian (Pech-Pacheco et al., 2000), here
    relative to the crop's own variance, so that low light alone does not count as blur.
    """
    deviation = float(crop.std())
    if deviation < FLAT_CONTRAST:
        return 0.0
    sharpness = float(cv2.Laplacian(crop, cv2.CV_32F).var()) / deviation**2 / SHARP_ENOUGH
    return quality_by_size(square.width) * math.sqrt(min(sharpness, 1.0))


def quality_by_size(side: float) -> float:
    """That of a sharp crop whose square has this side, in pixels of the frame."""
    share = (side - SMALLEST_FACE_SIDE) / (FULL_DETAIL_SIDE - SMALLEST_FACE_SIDE)
    return min(max(share, 0.0), 1.0)


def softness(crop: Pixels) -> float:
    """How soft a grey crop is, > 0, from however far or however blurred it was seen: its variance
    by that of its details, which the Laplacian of Gaussian shows (Marr, Hildreth, "Theory of Edge
    Detection", 1980).

    About 70 for the crop of a sharp face, 95 for one of 24 pixels, 500 where lips and lids melt
    into the skin.
    """
    smooth = cv2.GaussianBlur(crop.astype(np.float32), (0, 0), DETAIL_SCALE)
    # The picture goes on beyond the crop, where the filters have to guess.
    details = cv2.Laplacian(smooth, cv2.CV_32F)[2:-2, 2:-2]
    return float(crop.var()) / max(float(details.var()), 1e-6)


def _channels(pixels: Pixels) -> int:
    return 1 if pixels.ndim == 2 else pixels.shape[2]
