"""Which face and which body belong to one person."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge_agent.domain.detection import Detection, Part, Region
from edge_agent.domain.geometry import Box

LEAST_FIT = 0.25
"""Fits below it pair nothing."""
FACE_COVER = 0.5
"""Share of a face that must lie in its head, and of a face or head that must lie in its body."""
ECHO_COVER = 0.85
"""Share of the smaller of two bodies that lies in the larger when both may be one person's."""
TOP_SHARE = 0.45
"""Part of a body's height, from its top, in which the middle of its head is."""
HEAD_WIDTHS = (0.08, 1.4)
"""Width of a face or head in widths of its body: narrower or wider ones are somebody else's."""

Fit = Callable[[Box, Box], float]


def paired(regions: Sequence[Region]) -> tuple[Detection, ...]:
    """Persons, surest first, each with at most one region of each part.

    Faces find their heads, then faces and heads their bodies; in both steps the best fit of all
    goes first. A head with neither face nor body makes no person: it is too little to go by.
    """
    faces, heads, bodies = (
        [region for region in regions if region.part is part]
        for part in (Part.FACE, Part.HEAD, Part.BODY)
    )
    head_of = _matches([f.box for f in faces], [h.box for h in heads], _face_in_head)
    persons: list[tuple[Region | None, Region | None]] = [
        (face, heads[head_of[i]] if i in head_of else None) for i, face in enumerate(faces)
    ]
    taken = set(head_of.values())
    persons += [(None, head) for i, head in enumerate(heads) if i not in taken]
    tops = [_top(face, head) for face, head in persons]
    body_of = _matches(tops, [b.box for b in bodies], head_on_body)
    found = [
        Detection(face=face, head=head, body=bodies[body_of[i]] if i in body_of else None)
        for i, (face, head) in enumerate(persons)
        if face is not None or i in body_of
    ]
    owned = {j: tops[i] for i, j in body_of.items()}
    found += [
        Detection(body=body)
        for j, body in enumerate(bodies)
        if j not in owned
        and not any(_is_echo(body.box, bodies[k].box, top) for k, top in owned.items())
    ]
    return tuple(sorted(found, key=lambda detection: -detection.confidence))


def head_on_body(head: Box, body: Box) -> float:
    """How well a face or head sits on a body, in [0, 1]: inside it, at its top, in its middle.

    A seated or bent person's head is not exactly in the middle, a raised hand makes the body
    begin above the head: places are weighed, not demanded.
    """
    narrow, wide = HEAD_WIDTHS
    if body.width <= 0 or body.height <= 0:
        return 0.0
    if not narrow <= head.width / body.width <= wide:
        return 0.0
    inside = head.coverage_by(body)
    down = (head.center.y - body.y) / body.height
    if inside < FACE_COVER or down > TOP_SHARE:
        return 0.0
    sideways = abs(head.center.x - body.center.x) / body.width
    return inside * max(1 - sideways, 0.0) * (1 - 0.8 * max(down - _usual_depth(head, body), 0.0))


def _is_echo(spare: Box, owned: Box, top: Box) -> bool:
    """Whether a body without a head of its own is the same person's as `owned`, at another scale.

    One of the two lies in the other, and the head of the owned one would sit well on both: who
    stands behind so exactly would not be seen.
    """
    nested = max(spare.coverage_by(owned), owned.coverage_by(spare))
    return nested >= ECHO_COVER and head_on_body(top, spare) >= LEAST_FIT


def _usual_depth(head: Box, body: Box) -> float:
    """Where a head's middle is below a body's top, in heights of the body."""
    return min(0.75 * head.height / body.height, TOP_SHARE)


def _face_in_head(face: Box, head: Box) -> float:
    covered = face.coverage_by(head)
    if covered < FACE_COVER or head.area <= 0:
        return 0.0
    distance = face.center.distance_to(head.center)
    return covered * max(1 - distance / max(head.width, head.height), 0.0)


def _top(face: Region | None, head: Region | None) -> Box:
    region = head or face
    assert region is not None, "a person begins with a face or a head"
    return region.box


def _matches(first: Sequence[Box], second: Sequence[Box], fit: Fit) -> dict[int, int]:
    """Pairs of indices, each used once, the best fit first."""
    fits = sorted(
        (
            (value, i, j)
            for i, one in enumerate(first)
            for j, other in enumerate(second)
            if (value := fit(one, other)) >= LEAST_FIT
        ),
        reverse=True,
    )
    matched: dict[int, int] = {}
    for _, i, j in fits:
        if i not in matched and j not in matched.values():
            matched[i] = j
    return matched
