"""Decoding and suppression on golden arrays, any frame size, and the model that comes along."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edge_agent.devices.manifest import find_model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.detection import Part
from edge_agent.domain.frame import Frame, Instant
from edge_agent.domain.geometry import Size
from edge_agent.perception.confidence import KNOTS, ScoreCalibration, knot_name
from edge_agent.perception.people import (
    CHANNELS,
    INPUT_MULTIPLE,
    MOST_CANDIDATES,
    PART_NAMES,
    STRIDES,
    Candidates,
    PeopleDetector,
    decode,
    distinct,
    input_size,
    objects,
    voted,
)
from edge_agent.settings import DetectionSettings

NOW = Instant(datetime(2026, 1, 1, tzinfo=timezone.utc), 0.0)


def silent_outputs(size: Size) -> dict[str, np.ndarray]:
    """What a model says of an empty scene: every score at its lowest."""
    return {
        f"stride_{s}": np.zeros((size.height // s, size.width // s, CHANNELS), np.float32)
        for s in STRIDES
    }


class FakeEngine:
    """Answers with prepared outputs for whatever size it was last given."""

    def __init__(self) -> None:
        self.parameters = ScoreCalibration.as_learned(PART_NAMES)
        self.input_size = Size(320, 256)
        self.spoken: dict[str, tuple[tuple[int, int], np.ndarray]] = {}
        self.seen: np.ndarray | None = None

    def resize(self, size: Size) -> None:
        self.input_size = size

    def say(self, stride: int, row: int, column: int, values: np.ndarray) -> None:
        self.spoken[f"stride_{stride}"] = ((row, column), values)

    def infer(self, image: np.ndarray) -> dict[str, np.ndarray]:
        self.seen = image
        outputs = silent_outputs(self.input_size)
        for name, (place, values) in self.spoken.items():
            outputs[name][place] = values
        return outputs


def cell(part: int, score: float, sides: list[float]) -> np.ndarray:
    """One cell's 25 numbers for a part with that probability and those sides in strides."""
    values = np.zeros(CHANNELS, np.float32)
    values[part] = (np.log(score / (1 - score)) + 6) / 1.5
    values[3 + 4 * part : 7 + 4 * part] = np.sqrt(2 * np.array(sides))
    values[15:] = 3.0
    return values


def frame(width: int, height: int) -> Frame:
    return Frame(np.full((height, width, 3), 90, np.uint8), NOW)


def test_an_empty_scene_holds_nobody() -> None:
    assert len(decode(silent_outputs(Size(320, 256)), 0.01)) == 0


def test_a_cell_is_decoded_to_its_box_score_and_points() -> None:
    outputs = silent_outputs(Size(320, 256))
    values = cell(0, 0.8, [1.0, 2.0, 3.0, 0.5])
    values[15:17] = [3.5, 2.5]  # the left eye one stride to the right and one up
    outputs["stride_8"][4, 10] = values
    found = decode(outputs, 0.5)
    assert found.part.tolist() == [0]
    assert found.score == pytest.approx([0.8], abs=1e-4)
    assert found.box[0] == pytest.approx([84 - 8, 36 - 16, 84 + 24, 36 + 4], abs=1e-3)
    assert found.points[0, 0] == pytest.approx([92, 28])
    assert found.points[0, 1] == pytest.approx([84, 36])


def test_one_cell_may_hold_several_parts() -> None:
    outputs = silent_outputs(Size(320, 256))
    outputs["stride_16"][3, 3] = np.maximum(cell(1, 0.7, [1] * 4), cell(2, 0.9, [2, 2, 2, 6]))
    found = decode(outputs, 0.5)
    assert found.part.tolist() == [2, 1], "the surest first"


def test_what_is_below_the_threshold_is_left_out() -> None:
    outputs = silent_outputs(Size(320, 256))
    outputs["stride_8"][4, 10] = cell(2, 0.49, [1] * 4)
    assert len(decode(outputs, 0.5)) == 0
    assert len(decode(outputs, 0.48)) == 1


def calibrated(**parameters: float) -> ScoreCalibration:
    return ScoreCalibration.from_parameters(
        ScoreCalibration.as_learned(PART_NAMES) | parameters, PART_NAMES
    )


def test_scores_are_what_the_calibration_makes_of_them() -> None:
    calibration = calibrated(**{f"face_{knot_name(knot)}": knot - 2 for knot in KNOTS})
    outputs = silent_outputs(Size(320, 256))
    outputs["stride_8"][4, 10] = np.maximum(cell(0, 0.8, [1] * 4), cell(2, 0.7, [1] * 4))
    found = decode(outputs, 0.1, calibration)
    assert found.part.tolist() == [2, 0], "a face's score is worth less here"
    assert found.score == pytest.approx([0.7, 0.351], abs=1e-3)
    assert decode(outputs, 0.4, calibration).part.tolist() == [2]


def test_a_box_counts_by_its_own_side() -> None:
    outputs = silent_outputs(Size(320, 256))
    outputs["stride_8"][4, 10] = cell(2, 0.6, [1, 1, 1, 1])  # 16 pixels
    outputs["stride_8"][20, 30] = cell(2, 0.45, [2, 4, 2, 4])  # 32 by 64 pixels
    found = decode(outputs, 0.5, calibrated(body_side=1.0))
    odds = 0.45 / 0.55 * np.sqrt(2)
    assert found.score == pytest.approx([odds / (1 + odds)], abs=1e-3)
    assert found.box[0] == pytest.approx([244 - 16, 164 - 32, 244 + 16, 164 + 32], abs=1e-3)


def test_a_threshold_of_zero_is_bounded_work() -> None:
    assert len(decode(silent_outputs(Size(640, 640)), 0.0)) == MOST_CANDIDATES


def candidates(boxes: np.ndarray, scores: np.ndarray, parts: np.ndarray) -> Candidates:
    order = np.argsort(-scores, kind="stable")
    points = np.zeros((len(boxes), 5, 2), np.float32)
    return Candidates(parts[order], scores[order], boxes[order], points)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return float(shared / union) if union > 0 else 0.0


@st.composite
def some_candidates(draw: st.DrawFn) -> Candidates:
    count = draw(st.integers(0, 25))
    corners = draw(arrays.arrays(np.float32, (count, 2), elements=st.integers(-5, 40)))
    extents = draw(arrays.arrays(np.float32, (count, 2), elements=st.integers(1, 30)))
    scores = draw(arrays.arrays(np.float32, count, elements=st.floats(0.125, 1, width=16)))
    parts = draw(arrays.arrays(np.intp, count, elements=st.integers(0, 2)))
    return candidates(np.concatenate([corners, corners + extents], 1), scores, parts)


@given(some_candidates(), st.sampled_from([0.3, 0.5, 0.7]))
@settings(max_examples=150, deadline=None)
def test_suppression_keeps_the_surest_and_nothing_that_repeats_it(
    found: Candidates, overlap: float
) -> None:
    kept = distinct(found, overlap)
    assert np.all(np.diff(kept.score) <= 0)
    for i in range(len(kept)):
        for j in range(i):
            same_part = kept.part[i] == kept.part[j]
            assert not (same_part and iou(kept.box[i], kept.box[j]) >= overlap + 1e-4)
    for i in range(len(found)):
        stands_for_it = (
            kept.part[j] == found.part[i]
            and kept.score[j] >= found.score[i]
            and (
                np.array_equal(kept.box[j], found.box[i])
                or iou(kept.box[j], found.box[i]) >= overlap - 1e-4
            )
            for j in range(len(kept))
        )
        assert any(stands_for_it), "whatever was dropped repeats something that was kept"


@given(some_candidates())
@settings(max_examples=50, deadline=None)
def test_suppressing_twice_changes_nothing(found: Candidates) -> None:
    once = distinct(found)
    twice = distinct(once)
    assert np.array_equal(once.box, twice.box)
    assert np.array_equal(once.part, twice.part)


def test_a_box_lies_where_the_candidates_that_agree_put_it() -> None:
    left = np.array([10.0, 14.0, 30.0, 10.0], np.float32)  # the third is of the object beside it
    boxes = np.stack([left, np.zeros(4), left + 40, np.full(4, 40)], 1).astype(np.float32)
    scores = np.array([0.9, 0.6, 0.8, 0.7], np.float32)
    found = candidates(boxes, scores, np.array([0, 0, 0, 1]))
    found.points[:] = found.box[:, None, :2]
    kept = distinct(found)
    placed = voted(kept, found)
    assert placed.box[:, 0] == pytest.approx([10 + 4 * 0.6 / 1.5, 30, 10])
    assert placed.points[:, 2, 0] == pytest.approx(placed.box[:, 0])
    assert np.array_equal(placed.score, kept.score)
    assert np.array_equal(placed.part, kept.part)


def test_each_candidate_votes_for_one_object_alone() -> None:
    """Of two who stand close together, neither is drawn to the other."""
    left = np.array([0.0, 15.0, 7.0, 8.0], np.float32)
    boxes = np.stack([left, np.zeros(4), left + 40, np.full(4, 40)], 1).astype(np.float32)
    scores = np.array([0.9, 0.9, 0.5, 0.5], np.float32)
    found = candidates(boxes, scores, np.full(4, 2))
    assert objects(found).box[:, 0] == pytest.approx([3.5 / 1.4, 17.5 / 1.4])


@given(some_candidates())
@settings(max_examples=50, deadline=None)
def test_a_vote_moves_no_box_out_of_what_was_found_there(found: Candidates) -> None:
    kept = distinct(found)
    placed = voted(kept, found)
    for i in range(len(kept)):
        near = [
            found.box[j]
            for j in range(len(found))
            if found.part[j] == kept.part[i] and iou(found.box[j], kept.box[i]) >= 0.5
        ]
        assert np.all(placed.box[i] >= np.min(near, axis=0) - 1e-3)
        assert np.all(placed.box[i] <= np.max(near, axis=0) + 1e-3)


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.sampled_from([320, 352, 416, 640]))
def test_the_input_is_whole_cells_and_no_larger_than_needed(
    width: int, height: int, long_side: int
) -> None:
    size = input_size(Size(width, height), long_side)
    assert size.width % INPUT_MULTIPLE == 0
    assert size.height % INPUT_MULTIPLE == 0
    assert max(size.width, size.height) == long_side
    assert min(size.width, size.height) >= INPUT_MULTIPLE


def test_boxes_and_points_come_back_in_pixels_of_the_frame() -> None:
    engine = FakeEngine()
    engine.say(8, 4, 10, cell(0, 0.9, [2, 2, 2, 2]))
    detector = PeopleDetector(engine, DetectionSettings(input_long_side=320))
    (person,) = detector.detect(frame(1280, 720))
    assert engine.input_size == Size(320, 192)
    assert person.face is not None
    assert person.face.part is Part.FACE
    assert person.face.box.center.x == pytest.approx(84 * 4)
    assert person.face.box.width == pytest.approx(128)
    assert person.face.landmarks is not None
    assert person.face.landmarks.nose.x == pytest.approx(84 * 4)


def test_a_box_that_reaches_out_of_the_frame_is_clipped_and_one_outside_is_dropped() -> None:
    engine = FakeEngine()
    engine.say(8, 0, 0, cell(2, 0.9, [3, 3, 2, 2]))
    engine.say(16, 15, 19, cell(2, 0.9, [0.2, 0.2, 0.2, 0.2]))  # in the letterbox's grey
    detector = PeopleDetector(engine, DetectionSettings(input_long_side=320))
    (person,) = detector.detect(frame(640, 480))
    assert person.body is not None
    assert (person.body.box.x, person.body.box.y) == (0, 0)
    assert person.body.box.right == pytest.approx(40)


SIZES = [(1, 1), (3, 10_000), (10_000, 3), (12_000, 9_000), (17, 31), (320, 240)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_any_frame_is_looked_at(width: int, height: int) -> None:
    engine = FakeEngine()
    PeopleDetector(engine, DetectionSettings()).detect(frame(width, height))
    assert engine.seen is not None
    assert engine.seen.shape == (engine.input_size.height, engine.input_size.width, 3)


def test_the_model_that_comes_along_takes_every_size_and_sees_nobody_in_grey() -> None:
    engine = TfliteEngine(find_model("people"))
    for long_side in (320, 640, 352):
        detector = PeopleDetector(engine, DetectionSettings(input_long_side=long_side))
        for width, height in ((640, 480), (1, 1), (500, 20)):
            assert detector.detect(frame(width, height)) == ()


def test_the_model_answers_the_same_after_it_was_resized_to_and_fro() -> None:
    random = np.random.default_rng(3)
    image = random.integers(0, 255, (256, 320, 3)).astype(np.uint8)
    engine = TfliteEngine(find_model("people"))
    engine.resize(Size(320, 256))
    before = engine.infer(image)
    engine.resize(Size(640, 384))
    engine.infer(np.zeros((384, 640, 3), np.uint8))
    engine.resize(Size(320, 256))
    after = engine.infer(image)
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)
