"""Which face, head and body belong to one person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge_agent.domain.detection import Detection, Part, Region
from edge_agent.perception.corners import Array, corners_of, coverage, first_of_their_place

SAME_FACE_IOU = 0.5
"""Overlap from which two faces are one: the detector may see it in two ways."""
LEAST_FIT = 0.25
"""Fits below it pair nothing."""
COVER = 0.5
"""Share of a face that must lie in its head, and of a face or head that must lie in its body."""
ECHO_COVER = 0.85
"""Share of the smaller of two bodies that lies in the larger when both may be one person's."""
REPEAT_HEIGHT, REPEAT_END, REPEAT_ASIDE = 0.6, 0.1, 0.25
"""Of two boxes of one body: least height of the smaller, and how far apart their lower or their
upper edges and their middles are, in heights and widths of the larger."""
NECK = 0.3
"""Heights of a head by which a body that was found without it may begin below it."""
HEADLESS_FIT = 0.7
"""How much less a head belongs to such a body than to one that has it inside."""
TOP_SHARE = 0.45
"""Part of a body's height, from its top, in which the middle of its head is."""
HEAD_WIDTHS = (0.08, 1.4)
"""Width of a face or head in widths of its body: narrower or wider ones are somebody else's."""


def paired(regions: Sequence[Region]) -> tuple[Detection, ...]:
    """Persons, surest first, each with at most one region of each part.

    A face that mostly is where a surer one is, is that one again. Faces find their heads, then
    faces and heads their bodies; in both steps the best fit of all goes first. A head around a face
    that has another head is that one, found twice, and so is a face in a head that has another
    face, if one of the two mostly covers the other. A head with neither face nor body makes no
    person: it is too little to go by.
    """
    faces, heads, bodies = (
        [region for region in regions if region.part is part]
        for part in (Part.FACE, Part.HEAD, Part.BODY)
    )
    faces = _without_doubles(faces)
    inside = _fit_in_head(_corners(faces), _corners(heads))
    head_of = _matches(inside)
    again = _found_again(_corners(faces), head_of, inside)
    persons: list[tuple[Region | None, Region | None]] = [
        (face, heads[head_of[i]] if i in head_of else None)
        for i, face in enumerate(faces)
        if not again[i]
    ]
    doubled = np.flatnonzero((inside[list(head_of)] >= LEAST_FIT).any(axis=0))
    persons += [(None, head) for i, head in enumerate(heads) if i not in doubled]
    tops = [head or face for face, head in persons]
    fits = _fit_on_body(_corners(tops), _corners(bodies))
    body_of = _matches(fits)
    found = [
        Detection(face=face, head=head, body=bodies[body_of[i]] if i in body_of else None)
        for i, (face, head) in enumerate(persons)
        if face is not None or i in body_of
    ]
    alone = _without_head(_corners(bodies), body_of, fits)
    alone &= ~_repeats(bodies)
    found += [Detection(body=body) for body, is_one in zip(bodies, alone, strict=True) if is_one]
    return tuple(sorted(found, key=lambda detection: -detection.confidence))


def _without_doubles(faces: Sequence[Region]) -> list[Region]:
    """Without those that overlap a surer one that stays."""
    faces = sorted(faces, key=lambda face: -face.confidence)
    kept = first_of_their_place(_corners(faces), SAME_FACE_IOU)
    return [face for face, stays in zip(faces, kept, strict=True) if stays]


def _fit_in_head(faces: Array, heads: Array) -> Array:
    """How well each face (n, 4) lies in each head (m, 4), in [0, 1]: within it, in its middle."""
    covered = coverage(faces, heads)
    middles = _middles(faces)[:, None] - _middles(heads)
    reach = (heads[:, 2:] - heads[:, :2]).max(axis=1)
    distance = np.hypot(middles[..., 0], middles[..., 1]) / np.maximum(reach, 1e-9)
    return np.where(covered >= COVER, covered * np.maximum(1 - distance, 0), 0.0)


def _found_again(faces: Array, head_of: dict[int, int], inside: Array) -> npt.NDArray[np.bool_]:
    """Which faces (n, 4) without a head are those of a head that has one, found twice."""
    owners, owned = list(head_of), list(head_of.values())
    shared = np.maximum(coverage(faces, faces[owners]), coverage(faces[owners], faces).T)
    again = ((shared >= COVER) & (inside[:, owned] >= LEAST_FIT)).any(axis=1)
    again[owners] = False
    return np.asarray(again, np.bool_)


def _fit_on_body(heads: Array, bodies: Array) -> Array:
    """How well each face or head (n, 4) sits on each body (m, 4), in [0, 1].

    It is inside the body's box, at its top, in its middle. A seated or bent person's head is not
    quite there, and a raised hand makes the body begin above it: places are weighed, not demanded.
    A body that was found without its head begins at the neck; it then reaches up to the head.
    """
    own = heads[:, 2:] - heads[:, :2]
    gap = bodies[:, 1] - heads[:, 3, None]
    covered = coverage(heads, bodies)
    headless = (covered < COVER) & (bodies[:, 1] > heads[:, 1, None]) & (gap <= NECK * own[:, 1:])
    top = np.where(headless, heads[:, 1, None], bodies[:, 1])
    height = np.maximum(bodies[:, 3] - top, 1e-9)
    wide_as = np.maximum(bodies[:, 2] - bodies[:, 0], 1e-9)
    across = _overlap(heads[:, 0::2], bodies[:, 0::2]) / np.maximum(own[:, :1], 1e-9)
    covered = np.where(headless, HEADLESS_FIT * across, covered)
    width = own[:, :1] / wide_as
    down = (_middles(heads)[:, 1:] - top) / height
    sideways = np.abs(_middles(heads)[:, :1] - _middles(bodies)[:, 0]) / wide_as
    usual = np.minimum(0.75 * own[:, 1:] / height, TOP_SHARE)
    fit = covered * np.maximum(1 - sideways, 0) * (1 - 0.8 * np.maximum(down - usual, 0))
    narrow, wide = HEAD_WIDTHS
    possible = (covered >= COVER) & (down <= TOP_SHARE) & (width >= narrow) & (width <= wide)
    return np.where(possible, fit, 0.0)


def _without_head(bodies: Array, body_of: dict[int, int], fits: Array) -> npt.NDArray[np.bool_]:
    """Which bodies (m,) are persons of their own, though no face or head is theirs.

    Not so an echo: it lies in the body of a head that would sit well on it too, or around that
    body. It is the same person's at another scale; who stands behind so exactly would not be seen.
    """
    tops, owned = list(body_of), list(body_of.values())
    covered = coverage(bodies, bodies[owned])
    nested = np.maximum(covered, coverage(bodies[owned], bodies).T) >= ECHO_COVER
    alone = ~(nested & (fits[tops].T >= LEAST_FIT)).any(axis=1)
    alone[owned] = False
    return np.asarray(alone, np.bool_)


def _repeats(bodies: Sequence[Region]) -> npt.NDArray[np.bool_]:
    """Which bodies (m,) are a surer one again, at another scale.

    One of the two lies in the other, they are of about one height, and both stand on the same spot
    of the ground, or have their heads in the same place, where there is room for one.
    """
    corners = _corners(bodies)
    covered = coverage(corners, corners)
    nested = np.maximum(covered, covered.T) >= ECHO_COVER
    width, height = (corners[:, 2:] - corners[:, :2]).T
    larger_width, larger = np.maximum.outer(width, width), np.maximum.outer(height, height)
    as_tall = np.minimum.outer(height, height) >= REPEAT_HEIGHT * larger
    tops, feet = (
        np.abs(np.subtract.outer(edge, edge)) <= REPEAT_END * larger for edge in corners[:, 1::2].T
    )
    middle = _middles(corners)[:, 0]
    one_spot = np.abs(np.subtract.outer(middle, middle)) <= REPEAT_ASIDE * larger_width
    scores = np.array([body.confidence for body in bodies])
    surer = np.greater.outer(scores, scores)
    return np.asarray((nested & as_tall & (tops | feet) & one_spot & surer).any(axis=0), np.bool_)


def _matches(fits: Array) -> dict[int, int]:
    """Pairs of row and column of `fits` (n, m), each used once, the best fit first."""
    rows, columns = np.nonzero(fits >= LEAST_FIT)
    matched: dict[int, int] = {}
    taken: set[int] = set()
    for index in np.argsort(-fits[rows, columns], kind="stable").tolist():
        row, column = int(rows[index]), int(columns[index])
        if row not in matched and column not in taken:
            matched[row] = column
            taken.add(column)
    return matched


def _corners(regions: Sequence[Region | None]) -> Array:
    """Of those that are there, (n, 4)."""
    return corners_of([region.box for region in regions if region is not None])


def _middles(corners: Array) -> Array:
    return (corners[:, :2] + corners[:, 2:]) / 2


def _overlap(first: Array, second: Array) -> Array:
    """The length that each interval (n, 2) shares with each other one (m, 2), as (n, m)."""
    low = np.maximum(first[:, None, 0], second[:, 0])
    high = np.minimum(first[:, None, 1], second[:, 1])
    return np.asarray(np.maximum(high - low, 0), np.float64)
