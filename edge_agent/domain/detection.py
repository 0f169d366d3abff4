"""People as found in one frame, before they have an identity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from edge_agent.domain.geometry import Box, Point


class Part(str, Enum):
    """What of a person a detector looks for."""

    FACE = "face"
    HEAD = "head"
    BODY = "body"


@dataclass(frozen=True, slots=True)
class FaceLandmarks:
    """Five points of a face, named as seen in the image, not from the person's side."""

    left_eye: Point
    right_eye: Point
    nose: Point
    left_mouth: Point
    right_mouth: Point

    @property
    def points(self) -> tuple[Point, ...]:
        """All five, in the order of their names above, in which they can make landmarks again."""
        return (self.left_eye, self.right_eye, self.nose, self.left_mouth, self.right_mouth)

    @property
    def mouth(self) -> Point:
        """The middle between the corners of the mouth."""
        return Point(
            (self.left_mouth.x + self.right_mouth.x) / 2,
            (self.left_mouth.y + self.right_mouth.y) / 2,
        )

    @property
    def roll_rad(self) -> float:
        """The tilt of the line between the eyes; > 0 clockwise as seen in the image."""
        return math.atan2(self.right_eye.y - self.left_eye.y, self.right_eye.x - self.left_eye.x)


@dataclass(frozen=True, slots=True)
class Region:
    """One found part: where, and the probability in [0, 1] that it is there."""

    part: Part
    box: Box
    confidence: float
    landmarks: FaceLandmarks | None = None


@dataclass(frozen=True, slots=True)
class Detection:
    """One person in one frame, by the parts of them that were found; at least one was.

    `clothing` is a histogram of the colours that they wear, shares that sum to 1; None where that
    is not seen.
    """

    face: Region | None = None
    head: Region | None = None
    body: Region | None = None
    clothing: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.regions:
            raise ValueError("a detection needs a face, a head or a body")
        if any(region.part is not part for part, region in self._named() if region is not None):
            raise ValueError("a region stands in the place of another part")

    @property
    def regions(self) -> tuple[Region, ...]:
        return tuple(region for _, region in self._named() if region is not None)

    @property
    def confidence(self) -> float:
        """The probability that a person is there: that of the surest part."""
        return max(region.confidence for region in self.regions)

    def region(self, part: Part) -> Region | None:
        return dict(self._named())[part]

    def _named(self) -> tuple[tuple[Part, Region | None], ...]:
        return ((Part.FACE, self.face), (Part.HEAD, self.head), (Part.BODY, self.body))
