"""The built-in clip: someone comes in, walks up, stays, and leaves.

Made when it is shown, from a photograph in the public domain (NASA's portrait of Eileen Collins,
which scikit-image carries as `data.astronaut()`).
"""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.devices.images import Image
from edge_agent.domain.errors import InputError, MissingDependencyError
from edge_agent.domain.geometry import Point, Size

SIZE = Size(640, 480)
RATE = 15
EMPTY_S, COMING_S, STAYING_S, LEAVING_S, GONE_S = 1.0, 3.0, 5.0, 2.5, 4.5
TOTAL_S = EMPTY_S + COMING_S + STAYING_S + LEAVING_S + GONE_S
FAR, NEAR = 0.5, 0.95
STEPS_PER_S = 1.8
HIDDEN = 14
"""Pixels of the person below the picture's lower edge."""
SWAY = 3.0
"""Pixels by which a standing person sways."""
OUTLINE = (
    (155, 90), (165, 45), (195, 20), (235, 14), (280, 36), (301, 80), (292, 118), (272, 132),
    (258, 160), (296, 196), (306, 244), (345, 270), (362, 352), (318, 380), (280, 440), (276, 512),
    (24, 512), (22, 410), (40, 292), (72, 248), (116, 216), (118, 178), (150, 154), (188, 152),
    (180, 124),
)  # fmt: skip
"""The person in the portrait, in its pixels."""
CENTER = Point(200, 256)
FEATHER = 7


def make_clip(path: Path) -> None:
    """Write the clip as an .avi; raises MissingDependencyError where scikit-image is missing."""
    person = _person()
    background = _background()
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter.fourcc(*"MJPG"), RATE, (SIZE.width, SIZE.height)
    )
    if not writer.isOpened():
        raise InputError(f"{path} cannot be written")
    for index in range(round(TOTAL_S * RATE)):
        place = _place(index / RATE)
        writer.write(background if place is None else _put(background, person, *place))
    writer.release()


def _place(time_s: float) -> tuple[Point, float] | None:
    """Where the person's middle is and how large they are; None when nobody is there."""
    time_s -= EMPTY_S
    outside = SIZE.width * 0.25
    if time_s < 0:
        return None
    if time_s < COMING_S:
        done = _eased(time_s / COMING_S)
        x = -outside + done * (SIZE.width / 2 + outside)
        return Point(x, _height(FAR + done * (NEAR - FAR), time_s)), FAR + done * (NEAR - FAR)
    time_s -= COMING_S
    if time_s < STAYING_S:
        x = SIZE.width / 2 + SWAY * math.sin(time_s * 1.7)
        return Point(x, _height(NEAR, 0.0)), NEAR
    time_s -= STAYING_S
    if time_s < LEAVING_S:
        done = _eased(time_s / LEAVING_S)
        x = SIZE.width / 2 + done * (SIZE.width / 2 + outside * 1.5)
        return Point(x, _height(NEAR, time_s)), NEAR
    return None


def _eased(share: float) -> float:
    return (1 - math.cos(math.pi * share)) / 2


def _height(scale: float, walking_s: float) -> float:
    """The middle's y: the lower edge of the picture cuts the person, who bobs with the steps."""
    bob = 2.0 * math.sin(2 * math.pi * STEPS_PER_S * walking_s)
    return SIZE.height + HIDDEN - scale * CENTER.y + bob


def _person() -> npt.NDArray[np.float32]:
    """The portrait with the person's mask as fourth channel: (512, 512, 4), in [0, 1]."""
    try:
        from skimage import data
    except ImportError:
        raise MissingDependencyError(
            "the built-in clip needs scikit-image: pip install 'edge-agent[demo]'"
        ) from None
    portrait = np.asarray(data.astronaut(), np.uint8)  # type: ignore[no-untyped-call]
    mask = np.zeros(portrait.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.array(OUTLINE, np.int32)], 255)
    mask = np.asarray(cv2.GaussianBlur(mask, (FEATHER, FEATHER), 0), np.uint8)
    return np.asarray(np.dstack([portrait[..., ::-1], mask]) / 255, np.float32)


def _background() -> Image:
    """A plain room: a wall that is lighter in the middle, and a floor."""
    rows, columns = np.mgrid[0 : SIZE.height, 0 : SIZE.width].astype(np.float32)
    glow = np.exp(-(((columns - SIZE.width / 2) / 420) ** 2 + ((rows - 160) / 300) ** 2))
    wall = (120 + 70 * glow)[..., None] * np.array([1.0, 0.98, 0.93], np.float32)
    floor = (rows > SIZE.height * 0.86)[..., None]
    shade = np.where(floor, wall * np.array([0.5, 0.58, 0.66], np.float32), wall)
    grain = np.random.default_rng(5).normal(0, 2.5, (SIZE.height, SIZE.width, 1))
    return np.asarray(np.clip(shade + grain, 0, 255), np.uint8)


def _put(background: Image, person: npt.NDArray[np.float32], middle: Point, scale: float) -> Image:
    """The person over the background, their middle at a place, scaled."""
    placing = np.array(
        [[scale, 0, middle.x - scale * CENTER.x], [0, scale, middle.y - scale * CENTER.y]],
        np.float32,
    )
    placed = np.asarray(
        cv2.warpAffine(person, placing, (SIZE.width, SIZE.height), flags=cv2.INTER_AREA)
    )
    mask = placed[..., 3:]
    return np.asarray(placed[..., :3] * 255 * mask + background * (1 - mask), np.uint8)
