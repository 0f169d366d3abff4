"""A made street: films of known people for the tracker, from a camera on a mast.

What the public films lack: minutes instead of seconds, seven frames a second, people who stand
and talk, who walk round a lamp post, leave and are followed by others. People are on the ground of
a pinhole camera. A detector misses those who are hidden, shakes the boxes of the others (of what
the image shows of them), now and then badly, joins two who overlap, and finds somebody where nobody
is. Every figure here is chosen.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from benchmarks.tracking import Rows, Sequence
from edge_agent.domain.detection import Detection, Part, Region
from edge_agent.domain.geometry import Box, Size

SIZE = Size(768, 576)
FRAME_RATE = 7.0
FOCAL_PX, MAST_M, TILT_RAD = 800.0, 5.0, 0.3
NEAR_M, FAR_M, WIDTH_M = 8.0, 28.0, 8.0
"""Where people walk: distance from the mast, and to either side of its line of sight."""
POST_X, POST_DISTANCE_M = (380.0, 400.0), 14.0
"""Columns of the image that a lamp post covers, and how far it stands."""
MISS, SHAKE, SLIP, STRAY = 0.06, 0.03, 0.06, 0.05
"""Shares of looks that are missed and that are far off, how boxes shake, stray boxes per frame."""
HIDDEN, LEAST_SHOWN = 0.55, 0.3
"""Share of a person covered from which on they are not found; shown for the truth to count."""


@dataclass(slots=True)
class _Walker:
    """On the ground, in metres: right of the line of sight, and away from the mast."""

    x: float
    z: float
    goal: tuple[float, float]
    speed: float
    wait_s: float = 0.0
    is_leaving: bool = False


def street(seed: int, duration_s: float = 90.0, people: int = 8) -> Sequence:
    """A film of about `people` at a time; the same for equal seeds."""
    chance = random.Random(seed)
    walkers: dict[int, _Walker] = {}
    truth: Rows = {}
    detections: dict[int, tuple[Detection, ...]] = {}
    count, length = 0, round(duration_s * FRAME_RATE)
    for frame in range(1, length + 1):
        while len(walkers) < people and chance.random() < (1.0 if frame == 1 else 0.1):
            count += 1
            walkers[count] = _newcomer(chance, anywhere=frame == 1)
        for walker in walkers.values():
            _walk(walker, 1.0 / FRAME_RATE, chance)
        for name in [n for n, w in walkers.items() if w.is_leaving and abs(w.x) > WIDTH_M + 3.0]:
            del walkers[name]
        boxes = sorted(((n, w.z, _box(w)) for n, w in walkers.items()), key=lambda row: row[1])
        covered = [
            _covered(box, z, [other for _, _, other in boxes[:i]])
            for i, (_, z, box) in enumerate(boxes)
        ]
        in_view = [
            (n, box, hidden)
            for (n, _, box), hidden in zip(boxes, covered, strict=True)
            if box.clipped(SIZE).area >= LEAST_SHOWN * box.area
        ]
        truth[frame] = [(n, box.clipped(SIZE)) for n, box, _ in in_view]
        detections[frame] = _found(chance, in_view)
    return Sequence(f"street-{seed}", FRAME_RATE, SIZE, length, detections, truth)


def _newcomer(chance: random.Random, *, anywhere: bool) -> _Walker:
    side = chance.choice((-1.0, 1.0))
    x = chance.uniform(-WIDTH_M, WIDTH_M) if anywhere else side * (WIDTH_M + 2.5)
    walker = _Walker(x, chance.uniform(NEAR_M, FAR_M), (0.0, 0.0), chance.uniform(0.8, 1.6))
    walker.goal = _goal(chance)
    return walker


def _goal(chance: random.Random) -> tuple[float, float]:
    return chance.uniform(-WIDTH_M, WIDTH_M), chance.uniform(NEAR_M, FAR_M)


def _walk(walker: _Walker, step_s: float, chance: random.Random) -> None:
    """Towards the goal; there some stand for a while, some leave, some turn elsewhere."""
    if walker.wait_s > 0.0:
        walker.wait_s -= step_s
        return
    away_x, away_z = walker.goal[0] - walker.x, walker.goal[1] - walker.z
    left_m = math.hypot(away_x, away_z)
    stride = walker.speed * step_s
    if left_m <= stride:
        fate = chance.random()
        walker.is_leaving |= fate < 0.3
        walker.wait_s = chance.expovariate(1 / 6.0) if fate > 0.65 else 0.0
        side = math.copysign(WIDTH_M + 4.0, walker.x)
        walker.goal = (side, walker.z) if walker.is_leaving else _goal(chance)
        return
    walker.x += stride * away_x / left_m + chance.gauss(0.0, 0.02)
    walker.z += stride * away_z / left_m + chance.gauss(0.0, 0.02)


def _box(walker: _Walker) -> Box:
    """A person of 1.75 m as the camera sees them."""

    def row(height_m: float) -> float:
        angle = math.atan2(MAST_M - height_m, walker.z) - TILT_RAD
        return SIZE.height / 2 + FOCAL_PX * math.tan(angle)

    top, bottom = row(1.75), row(0.0)
    x = SIZE.width / 2 + FOCAL_PX * walker.x / walker.z
    width = 0.4 * (bottom - top)
    return Box(x - width / 2, top, width, bottom - top)


def _covered(box: Box, distance_m: float, nearer: list[Box]) -> float:
    """The share of a person that the nearest cover hides."""
    left, right = POST_X
    hidden = max((box.coverage_by(other) for other in nearer), default=0.0)
    if distance_m > POST_DISTANCE_M:
        behind = max(min(box.right, right) - max(box.x, left), 0.0) / box.width
        hidden = max(hidden, behind)
    return hidden


def _found(chance: random.Random, in_view: list[tuple[int, Box, float]]) -> tuple[Detection, ...]:
    found = []
    for _, box, hidden in in_view:
        if chance.random() < MISS + max(hidden - 0.2, 0.0) or hidden >= HIDDEN:
            continue
        shake = 4 * SHAKE if chance.random() < SLIP else SHAKE
        found.append(
            _detection(chance, shaken(box.clipped(SIZE), shake, chance), 2.5 - 2.0 * hidden)
        )
    if chance.random() < STRAY:
        height = chance.uniform(60.0, 160.0)
        place = Box(
            chance.uniform(0, SIZE.width), chance.uniform(0, SIZE.height), 0.4 * height, height
        )
        found.append(_detection(chance, place, 0.7))
    chance.shuffle(found)
    return tuple(found)


def _detection(chance: random.Random, box: Box, score: float) -> Detection:
    confidence = 1.0 / (1.0 + math.exp(-max(chance.gauss(score, 0.7), 0.05)))
    return Detection(body=Region(Part.BODY, box, confidence))


def shaken(box: Box, share: float, chance: random.Random) -> Box:
    """The box as a detector finds it that errs by that share of its height."""
    dx, dy, dw, dh = (chance.gauss(0.0, share * box.height) for _ in range(4))
    return Box(box.x + dx, box.y + dy, max(box.width + dw / 2, 5.0), max(box.height + dh, 10.0))
