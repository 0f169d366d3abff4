"""Points, boxes and angles in the image.

Pixels of the full frame: x grows to the image's right, y grows downwards. Angles are in radian:
yaw > 0 looks towards the image's right, pitch > 0 up, roll > 0 clockwise as seen in the image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height of an image in pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Point:
    """A position in pixels; fractions are kept until the value leaves the agent."""

    x: float
    y: float

    def distance_to(self, other: Point) -> float:
        return math.hypot(self.x - other.x, self.y - other.y)

    def clipped(self, size: Size) -> Point:
        """The nearest point inside an image of `size`."""
        return Point(
            min(max(self.x, 0.0), float(size.width)), min(max(self.y, 0.0), float(size.height))
        )


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle: its upper left corner, width and height, all in pixels."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def from_corners(cls, left: float, top: float, right: float, bottom: float) -> Box:
        return cls(left, top, right - left, bottom - top)

    @classmethod
    def around(cls, center: Point, width: float, height: float) -> Box:
        return cls(center.x - width / 2, center.y - height / 2, width, height)

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def area(self) -> float:
        """Zero for a box turned inside out, never negative."""
        return max(self.width, 0.0) * max(self.height, 0.0)

    @property
    def center(self) -> Point:
        return Point(self.x + self.width / 2, self.y + self.height / 2)

    def moved(self, dx: float, dy: float) -> Box:
        return Box(self.x + dx, self.y + dy, self.width, self.height)

    def scaled(self, factor_x: float, factor_y: float | None = None) -> Box:
        """The same box in an image that was resized by these factors."""
        factor_y = factor_x if factor_y is None else factor_y
        return Box(
            self.x * factor_x, self.y * factor_y, self.width * factor_x, self.height * factor_y
        )

    def grown(self, factor: float) -> Box:
        """The box with its centre kept and both sides multiplied by `factor`."""
        return Box.around(self.center, self.width * factor, self.height * factor)

    def clipped(self, size: Size) -> Box:
        """The part that lies in an image of `size`; of zero area when none does."""
        left, top = min(max(self.x, 0.0), size.width), min(max(self.y, 0.0), size.height)
        return Box.from_corners(
            left,
            top,
            max(min(self.right, float(size.width)), left),
            max(min(self.bottom, float(size.height)), top),
        )

    def intersection(self, other: Box) -> float:
        """The shared area in square pixels."""
        width = min(self.right, other.right) - max(self.x, other.x)
        height = min(self.bottom, other.bottom) - max(self.y, other.y)
        return max(width, 0.0) * max(height, 0.0)

    def iou(self, other: Box) -> float:
        """Intersection over union in [0, 1]; 0 when both are empty."""
        shared = self.intersection(other)
        union = self.area + other.area - shared
        return min(shared / union, 1.0) if union > 0 else 0.0

    def coverage_by(self, other: Box) -> float:
        """The share of this box that lies in `other`, in [0, 1]."""
        return min(self.intersection(other) / self.area, 1.0) if self.area > 0 else 0.0


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Where the head points, relative to the camera's view, in radian."""

    yaw_rad: float
    pitch_rad: float
    roll_rad: float

    @property
    def turn_rad(self) -> float:
        """The angle in [0, pi] by which the head is turned away from the lens, however it rolls."""
        return math.acos(math.cos(self.yaw_rad) * math.cos(self.pitch_rad))


@dataclass(frozen=True, slots=True)
class Gaze:
    """Where the eyes look, relative to the camera: (0, 0) is into the lens; in radian."""

    yaw_rad: float
    pitch_rad: float

    def distance_to(self, other: Gaze) -> float:
        return math.hypot(self.yaw_rad - other.yaw_rad, self.pitch_rad - other.pitch_rad)

    @property
    def eccentricity_rad(self) -> float:
        """The angle to the line into the lens."""
        return math.hypot(self.yaw_rad, self.pitch_rad)
