"""Small heads are looked at again, at full resolution, and their faces come home."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest

from edge_agent.domain.detection import Detection, FaceLandmarks, Part, Region
from edge_agent.domain.frame import Frame, Instant
from edge_agent.domain.geometry import Box, Point, Size
from edge_agent.perception.close_look import (
    LARGE_ENOUGH,
    TILE_SIDE,
    head_of,
    laid_out,
    new_faces,
    tiles_for,
)
from edge_agent.perception.confidence import ScoreCalibration
from edge_agent.perception.people import CHANNELS, PART_NAMES, STRIDES, PeopleDetector
from edge_agent.settings import DetectionSettings

FRAME = Size(1280, 720)
INPUT = Size(640, 384)
NOW = Instant(datetime(2026, 1, 1, tzinfo=timezone.utc), 0.0)


def standing(x: float, y: float, head_side: float = 24.0) -> Detection:
    """A person seen by a head and a body."""
    head = Region(Part.HEAD, Box(x, y, head_side, head_side), 0.8)
    body = Box(x - head_side, y, 3 * head_side, 7 * head_side)
    return Detection(head=head, body=Region(Part.BODY, body, 0.9))


def points_of(box: Box) -> FaceLandmarks:
    return FaceLandmarks(*(Point(box.center.x, box.center.y) for _ in range(5)))


def test_a_small_head_without_a_face_gets_a_tile_around_it() -> None:
    (tile,) = tiles_for([standing(600, 300)], [], 0.5, INPUT)
    assert tile.source.center == Point(612, 312)
    assert tile.source.width == pytest.approx(48)
    assert tile.corner == Point(0, 0)


def test_nothing_is_looked_at_again_where_it_would_not_help() -> None:
    face = Region(Part.FACE, Box(602, 304, 18, 20), 0.9)
    known = Detection(face=face, body=standing(600, 300).body)
    large = standing(600, 300, head_side=LARGE_ENOUGH * 2 + 1)
    tiny = standing(600, 300, head_side=5)
    assert tiles_for([known, large, tiny], [], 0.5, INPUT) == []
    assert tiles_for([standing(600, 300)], [], 1.0, INPUT) == [], "the frame has no more pixels"


def test_more_heads_than_tiles_leave_the_least_sure_out() -> None:
    crowd = [standing(20 + 13 * n, 100) for n in range(90)]
    tiles = tiles_for(crowd, [], 0.5, INPUT)
    assert [round(tile.source.center.x) for tile in tiles] == [32 + 13 * n for n in range(60)]
    corners = {(tile.corner.x, tile.corner.y) for tile in tiles}
    assert len(corners) == 60
    assert max(x for x, _ in corners) == INPUT.width - TILE_SIDE
    assert max(y for _, y in corners) == INPUT.height - TILE_SIDE


def test_a_body_without_a_head_has_one_at_its_top() -> None:
    body = Region(Part.BODY, Box(100, 50, 60, 180), 0.9)
    head = head_of(Detection(body=body))
    assert head is not None
    assert head.y == 50
    assert head.center.x == 130
    assert head_of(Detection(face=Region(Part.FACE, Box(0, 0, 9, 9), 0.9))) is None


def test_the_tiles_show_their_part_of_the_frame_and_grey_elsewhere() -> None:
    pixels = np.zeros((FRAME.height, FRAME.width, 3), np.uint8)
    pixels[300:324, 600:624] = 255
    tiles = tiles_for([standing(600, 300), standing(0, 0)], [], 0.5, INPUT)
    picture = laid_out(pixels, tiles, INPUT)
    assert picture.shape == (INPUT.height, INPUT.width, 3)
    assert picture[TILE_SIDE // 2, TILE_SIDE // 2].tolist() == [255] * 3
    assert picture[2, 2].tolist() == [0] * 3
    assert (picture[TILE_SIDE:] == 114).all()


def test_a_doubtful_face_gets_a_tile_unless_its_head_has_one() -> None:
    doubtful = [
        Region(Part.FACE, Box(603, 304, 18, 18), 0.3),
        Region(Part.FACE, Box(100, 50, 18, 18), 0.3),
    ]
    own, another = tiles_for([standing(600, 300)], doubtful, 0.5, INPUT)
    assert own.source.center == Point(612, 312)
    assert another.source.center == Point(109, 59)


def test_a_face_found_in_a_tile_is_placed_in_the_frame() -> None:
    tiles = tiles_for((standing(200, 100), standing(600, 300)), [], 0.5, INPUT)
    in_tile = Box(TILE_SIDE + 20, 18, 24, 28)  # in the second tile, about its middle
    face = Region(Part.FACE, in_tile, 0.9, points_of(in_tile))
    (placed,) = new_faces(tiles, [face], [], FRAME)
    assert placed.box.width == pytest.approx(24 * 48 / 64)
    assert placed.box.center.x == pytest.approx(612)
    assert placed.landmarks is not None
    assert placed.landmarks.nose.x == pytest.approx(612)
    assert new_faces(tiles, [face], [placed], FRAME) == [], "it was known"


def test_a_face_at_a_tiles_edge_is_somebody_elses() -> None:
    tiles = tiles_for((standing(200, 100),), [], 0.5, INPUT)
    assert new_faces(tiles, [Region(Part.FACE, Box(0, 0, 16, 16), 0.9)], [], FRAME) == []


class TwoLooks:
    """An engine that sees a body at the first look and a face in the first tile at the second."""

    def __init__(self) -> None:
        self.parameters = ScoreCalibration.as_learned(PART_NAMES)
        self.input_size = Size(320, 256)
        self.looks: list[np.ndarray] = []

    def resize(self, size: Size) -> None:
        self.input_size = size

    def infer(self, image: np.ndarray) -> dict[str, np.ndarray]:
        self.looks.append(image)
        height, width = image.shape[:2]
        outputs = {
            f"stride_{s}": np.zeros((height // s, width // s, CHANNELS), np.float32)
            for s in STRIDES
        }
        cell = outputs["stride_16"][10, 20] if len(self.looks) == 1 else outputs["stride_8"][3, 3]
        part, side = (2, 2.0) if len(self.looks) == 1 else (0, 1.5)
        cell[part] = 5.0
        cell[3 + 4 * part : 7 + 4 * part] = np.sqrt(2 * side)
        cell[15:] = 3.0
        return outputs


def test_under_the_ceiling_a_body_gets_its_face_from_the_second_look() -> None:
    frame = Frame(np.zeros((720, 1280, 3), np.uint8), NOW)
    settings = DetectionSettings(input_long_side=640, leading_part="body")
    engine = TwoLooks()
    (person,) = PeopleDetector(engine, settings).detect(frame)
    assert len(engine.looks) == 2
    assert person.body is not None
    assert person.face is not None
    assert person.face.box.coverage_by(person.body.box) > 0.9


def test_facing_one_look_is_enough() -> None:
    frame = Frame(np.zeros((720, 1280, 3), np.uint8), NOW)
    engine = TwoLooks()
    PeopleDetector(engine, DetectionSettings(input_long_side=640)).detect(frame)
    assert len(engine.looks) == 1
