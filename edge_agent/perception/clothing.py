"""What people wear, as a histogram of colours: it tells apart those whose paths cross.

Nobody can be recognised from it the next day, and it never leaves the process. Lightness and colour
are counted apart, in the CIELAB space, where the shade of a colour hardly moves its colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from edge_agent.domain.detection import Detection
from edge_agent.domain.geometry import Box, Size
from edge_agent.perception.corners import corners_of, coverage
from edge_agent.perception.tensors import Pixels, Tensor

LIGHTNESS_BINS, COLOUR_BINS = 8, 7
CLOTHING_SIZE = LIGHTNESS_BINS + COLOUR_BINS**2
"""Numbers of a histogram: the lightness, then the colour from green to red by blue to yellow."""
COLOUR_REACH = 30.0
"""Distance from grey, in CIELAB's units, from which on colours count as equally strong."""
GRID = Size(8, 12)
"""Pixels to which a torso is averaged."""
SMALLEST_TORSO = 4.0
"""Pixels of a torso's shorter side below which its neighbours show in all of it."""
LEAST_INSIDE = 0.5
"""Share of a torso that must lie in the image."""
MOST_COVERED = 0.3
"""Share of a torso in the body of somebody nearer from which on it is not only theirs."""
COLOURLESS = 1.0
"""Distance from grey that no pixel exceeds where the camera sees no colours."""
FACE_PER_BODY = 1 / 9
"""Height of a face in that of its body from which on the body is cut off, or someone is close."""
NOWHERE = Box(0.0, 0.0, 0.0, 0.0)
"""The body of somebody of whom none was found: it covers nobody."""


def with_clothing(pixels: Pixels, persons: Sequence[Detection]) -> tuple[Detection, ...]:
    """The persons of a frame, each with what they wear where their torso is seen."""
    torsos = [torso_of(person) for person in persons]
    covered = _covered_by_nearer(torsos, persons)
    return tuple(
        person if behind else replace(person, clothing=clothing_in(pixels, torso))
        for person, torso, behind in zip(persons, torsos, covered, strict=True)
    )


def torso_of(person: Detection) -> Box:
    """Where the chest and the belly are: below the face, where one is well seen, else in the body.

    It is not clipped to the image.
    """
    face, body = person.face or person.head, person.body
    if face is not None and (body is None or face.box.height > FACE_PER_BODY * body.box.height):
        side = face.box.height
        return Box(
            face.box.center.x - 0.8 * side, face.box.bottom + 0.35 * side, 1.6 * side, 1.85 * side
        )
    assert body is not None, "a detection has a face, a head or a body"
    box = body.box
    return Box(
        box.x + 0.22 * box.width, box.y + 0.2 * box.height, 0.56 * box.width, 0.3 * box.height
    )


def clothing_in(pixels: Pixels, torso: Box) -> tuple[float, ...] | None:
    """The histogram of a torso's colours, of `CLOTHING_SIZE` shares that sum to 1.

    None where too little of it lies in the image, or where the image has no colours.
    """
    inside = torso.clipped(Size(pixels.shape[1], pixels.shape[0]))
    if min(inside.width, inside.height) < SMALLEST_TORSO or inside.area < LEAST_INSIDE * torso.area:
        return None
    left, top, right, bottom = (round(v) for v in (inside.x, inside.y, inside.right, inside.bottom))
    small = cv2.resize(
        pixels[top:bottom, left:right], (GRID.width, GRID.height), interpolation=cv2.INTER_AREA
    )
    lab = cv2.cvtColor(small, cv2.COLOR_BGR2LAB).reshape(-1, 3).astype(np.float32)
    colours = lab[:, 1:] - 128
    if np.abs(colours).max() <= COLOURLESS:
        return None
    lightness = _shares(np.asarray(lab[:, 0] / 255, np.float32), LIGHTNESS_BINS)
    red, yellow = (
        _shares(channel / (2 * COLOUR_REACH) + 0.5, COLOUR_BINS) for channel in colours.T
    )
    histogram = np.concatenate([lightness.mean(0), (red.T @ yellow / len(lab)).ravel()]) / 2
    return tuple(histogram.tolist())


def _covered_by_nearer(torsos: Sequence[Box], persons: Sequence[Detection]) -> list[bool]:
    """Whether the body of somebody who stands nearer, who ends lower, covers too much of each."""
    lowest = np.array([max(r.box.bottom for r in person.regions) for person in persons])
    bodies = [person.body.box if person.body else NOWHERE for person in persons]
    covered = coverage(corners_of(torsos), corners_of(bodies)) > MOST_COVERED
    nearer = (lowest[None] >= lowest[:, None]) & ~np.eye(len(persons), dtype=bool)
    return [bool(row.any()) for row in nearer & covered]


def _shares(values: Tensor, bins: int) -> Tensor:
    """Values (n,) in [0, 1] as shares of the two nearest of `bins` bins, of shape (n, bins)."""
    places = np.clip(values, 0, 1) * (bins - 1)
    distances = np.abs(places[:, None] - np.arange(bins, dtype=np.float32))
    return np.asarray(np.maximum(1 - distances, 0), np.float32)
