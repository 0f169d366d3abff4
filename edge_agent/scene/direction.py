"""Where a person moves in the image: the rule of direction_estimated.

Precondition: in view for `least_time_s` and moved, over the visit, by `least_displacement` sizes of
their own box. Evidence: the displacement against the sector borders (the image's diagonals), in
standard deviations of its noise. Hysteresis: the direction changes only when the new one is held
probable by `switch_confidence`. Reported when first known and when it changes.

The displacement is summed over steps in which the same part (body, else face) was seen before and
after, each in sizes of that box; a side that the image's border
cuts off does not count. So coming closer, or a face turning up beside a body,
or walking into view, moves nobody.
"""

from __future__ import annotations

import math

from edge_agent.domain.entity import Direction
from edge_agent.domain.geometry import Box, Size
from edge_agent.domain.track import Track
from edge_agent.scene.calibration import DIRECTION, DirectionConstants
from edge_agent.scene.confidence import normal_cdf
from edge_agent.scene.look import Look
from edge_agent.scene.reporting import Finding

DIAGONAL = math.sqrt(0.5)
BORDER_SHARE = 0.01
"""A side of a box within this share of the image's border is not the person's, but the image's."""


class DirectionRule:
    """Finds the average direction of one visit."""

    def __init__(self, constants: DirectionConstants = DIRECTION) -> None:
        self.direction = Direction.UNKNOWN
        self._constants = constants
        self._body: Box | None = None
        self._face: Box | None = None
        self._x = 0.0
        self._y = 0.0
        self._latest_size = 1.0
        self._first_s: float | None = None

    def advance(self, look: Look) -> tuple[Finding, ...]:
        """The direction so far; nothing while it is not known, or the person not seen."""
        if look.sighting is None:
            return ()
        if self._first_s is None:
            self._first_s = look.time_s
        self._move(look.sighting, look.moment.frame_size)
        if self._is_ready(look.time_s):
            self._turn()
        if self.direction is Direction.UNKNOWN:
            return ()
        return (Finding(self.direction, self._probability(self.direction), "direction"),)

    def _move(self, track: Track, frame_size: Size) -> None:
        detection = track.detection
        assert detection is not None
        body = track.body_box if detection.body is not None else None
        face = track.face_box if detection.body is None else None
        for before, now in ((self._body, body), (self._face, face)):
            if before is not None and now is not None:
                size = self._size(now, frame_size)
                self._x += _shift(_sides_x(before), _sides_x(now), frame_size.width) / size
                self._y += _shift(_sides_y(before), _sides_y(now), frame_size.height) / size
        self._body, self._face = body, face

    def _size(self, box: Box, frame_size: Size) -> float:
        """The square root of the box's area; that of a box that is cut off does not shrink."""
        margin_x, margin_y = BORDER_SHARE * frame_size.width, BORDER_SHARE * frame_size.height
        is_cut = (
            min(box.x - margin_x, box.y - margin_y) < 0.0
            or box.right > frame_size.width - margin_x
            or box.bottom > frame_size.height - margin_y
        )
        size = math.sqrt(max(box.area, 1.0))
        self._latest_size = max(size, self._latest_size) if is_cut else size
        return self._latest_size

    def _is_ready(self, time_s: float) -> bool:
        assert self._first_s is not None
        long_enough = time_s - self._first_s >= self._constants.least_time_s
        return long_enough and math.hypot(self._x, self._y) >= self._constants.least_displacement

    def _turn(self) -> None:
        likeliest = max(_SECTORS, key=self._probability)
        if self._probability(likeliest) >= self._constants.switch_confidence:
            self.direction = likeliest

    def _probability(self, direction: Direction) -> float:
        """That the true displacement lies in the quadrant around `direction`."""
        along_x, along_y = _SECTORS[direction]
        along = along_x * self._x + along_y * self._y
        across = along_x * self._y - along_y * self._x
        constants = self._constants
        deviation = math.hypot(
            constants.noise_deviation, constants.noise_growth * math.hypot(self._x, self._y)
        )
        return normal_cdf((along + across) * DIAGONAL / deviation) * normal_cdf(
            (along - across) * DIAGONAL / deviation
        )


_SECTORS = {
    Direction.UP: (0.0, -1.0),
    Direction.RIGHT: (1.0, 0.0),
    Direction.LEFT: (-1.0, 0.0),
    Direction.DOWN: (0.0, 1.0),
}


def _shift(before: tuple[float, float], now: tuple[float, float], length: int) -> float:
    """How far a box moved along one axis: the mean over its sides, without those cut off."""
    border = BORDER_SHARE * length
    shifts = [
        later - earlier
        for earlier, later in zip(before, now, strict=True)
        if border < earlier < length - border and border < later < length - border
    ]
    return sum(shifts) / len(shifts) if shifts else 0.0


def _sides_x(box: Box) -> tuple[float, float]:
    return box.x, box.right


def _sides_y(box: Box) -> tuple[float, float]:
    return box.y, box.bottom
