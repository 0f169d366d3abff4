"""Age and gender of good and bad crops, how often a face is looked at, and the shipped model."""

from __future__ import annotations

import csv
import math
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.devices.manifest import MANIFEST, find_model, read_manifest
from edge_agent.devices.shipped import shipped_folder
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.detection import Detection, Part, Region
from edge_agent.domain.frame import Frame, Instant
from edge_agent.domain.geometry import Box, Point, Size
from edge_agent.domain.observation import Gender
from edge_agent.domain.track import Track
from edge_agent.perception.alignment import Alignment, alignment_of
from edge_agent.perception.crops import square_around
from edge_agent.perception.demographics import (
    NOTHING,
    DemographicsReader,
    age_from,
    gender_from,
)
from edge_agent.perception.face_geometry import FaceGeometryReader
from edge_agent.perception.observer import DEMOGRAPHICS_INTERVAL_S, Observer

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
PICTURE = np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8)
FACE = Box(100, 60, 80, 100)


class FakeEngine:
    """Sure of one age and one gender; keeps what it was shown."""

    def __init__(self, years: int = 40, female_logit: float = 2.0) -> None:
        self.input_size = Size(80, 80)
        self.parameters = {
            "crop_side": 1.1,
            "crop_shift_down": 0.0,
            "placed_crop_side": 1.0,
            "placed_crop_shift_down": 0.0,
            "age_deviation_scale": 2.0,
            "gender_temperature": 2.0,
        }
        self.shown: list[np.ndarray] = []
        self._years = years
        self._female_logit = female_logit

    def resize(self, size: Size) -> None:
        raise AssertionError("a model of faces has one size")

    def infer(self, image: np.ndarray) -> dict[str, np.ndarray]:
        self.shown.append(image)
        logits = np.full(117, -30.0, np.float32)
        logits[self._years - 3] = logits[self._years + 3] = 0.0
        return {"age": logits, "female": np.array([self._female_logit], np.float32)}


def test_a_face_gets_age_and_gender_with_their_certainty() -> None:
    told = DemographicsReader(FakeEngine()).read(PICTURE, FACE)
    assert told.age is not None
    assert told.age.years == pytest.approx(40, abs=0.01)
    assert told.age.deviation_years == pytest.approx(6, abs=0.01)  # 3, and the scale of 2
    assert told.gender is not None
    assert told.gender.female_probability == pytest.approx(1 / (1 + math.exp(-1)))
    assert told.gender.gender is Gender.FEMALE
    assert told.gender.confidence == told.gender.female_probability
    assert 0 < told.quality <= 1


def test_the_model_is_shown_a_colour_crop_of_its_size() -> None:
    engine = FakeEngine()
    DemographicsReader(engine).read(PICTURE, FACE)
    (crop,) = engine.shown
    assert crop.shape == (80, 80, 3)
    assert crop.dtype == np.uint8


@pytest.mark.parametrize("placed", [False, True])
def test_the_crop_lies_lower_by_the_shift(placed: bool) -> None:
    """By a shift of its own where the points have placed the face."""
    picture = np.zeros((300, 300, 3), np.uint8)
    picture[200:] = 240
    picture[:, np.arange(300) % 20 < 10] += 12
    engine = FakeEngine()
    face = Box(100, 100, 100, 100)
    for shift in (0.0, 0.5):
        mine, other = ("placed_", "") if placed else ("", "placed_")
        engine.parameters |= {f"{mine}crop_side": 1.0, f"{mine}crop_shift_down": shift}
        engine.parameters |= {f"{other}crop_side": 9.0, f"{other}crop_shift_down": 9.0}
        alignment = Alignment(box=face) if placed else Alignment()
        DemographicsReader(engine).read(picture, face, alignment)
    unmoved, moved = engine.shown
    assert unmoved.mean() < 10
    assert moved.mean() == pytest.approx(126, abs=5)


@pytest.mark.parametrize(
    "face",
    [
        Box(100, 60, 0, 0),
        Box(100, 60, 5, 5),
        Box(100, 60, -20, 40),
        Box(-50, 60, 80, 100),
        Box(290, 60, 80, 100),
        Box(100, 200, 80, 100),
        Box(1000, 1000, 80, 100),
        Box(-1000, -1000, 80, 100),
    ],
    ids=["empty", "tiny", "inside out", "left", "right", "bottom", "beyond", "before"],
)
def test_a_bad_crop_gives_nothing_and_costs_nothing(face: Box) -> None:
    engine = FakeEngine()
    assert DemographicsReader(engine).read(PICTURE, face) == NOTHING
    assert not engine.shown


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_face_without_contrast_gives_nothing(level: int) -> None:
    engine = FakeEngine()
    flat = np.full((240, 320, 3), level, np.uint8)
    assert DemographicsReader(engine).read(flat, FACE) == NOTHING
    assert not engine.shown


def test_only_what_is_wanted_is_told() -> None:
    no_age = DemographicsReader(FakeEngine(), age=False).read(PICTURE, FACE)
    assert no_age.age is None
    assert no_age.gender is not None
    no_gender = DemographicsReader(FakeEngine(), gender=False).read(PICTURE, FACE)
    assert no_gender.gender is None
    assert no_gender.age is not None


def test_the_probability_of_five_years_is_that_of_the_normal_distribution() -> None:
    flat = age_from(np.log(np.full(117, 1 / 117, np.float32)), 1.0)
    assert flat.years == pytest.approx(58, abs=0.01)
    assert flat.probability_within(NORMAL_95 * flat.deviation_years) == pytest.approx(
        0.95, abs=1e-3
    )
    sure = np.full(117, -50.0, np.float32)
    sure[30] = 50.0
    assert age_from(sure, 1.0).deviation_years > 0
    assert age_from(sure, 1.0).probability_within(5) == pytest.approx(1)


NORMAL_95 = 1.959964


@pytest.mark.parametrize("logit", [-1000.0, -3.0, 0.0, 3.0, 1000.0])
def test_any_logit_gives_a_probability(logit: float) -> None:
    estimate = gender_from(logit, 1.0)
    assert 0 <= estimate.female_probability <= 1
    assert 0.5 <= estimate.confidence <= 1


def frame_at(seconds: float, pixels: np.ndarray = PICTURE) -> Frame:
    return Frame(pixels, Instant(START + timedelta(seconds=seconds), seconds))


def track_at(seconds: float, track_id: int = 1) -> Track:
    now = Instant(START, seconds)
    face = Region(Part.FACE, FACE, 0.9)
    return Track(track_id, Detection(face=face), FACE, None, Point(0, 0), now, now, 1)


def test_a_face_is_looked_at_now_and_then_in_seconds() -> None:
    engine = FakeEngine()
    observer = Observer(None, DemographicsReader(engine))
    told_at = []
    for tenth in range(21):
        (observation,) = observer.observe(frame_at(tenth / 20), (track_at(tenth / 20),))
        if observation.age is not None:
            told_at.append(tenth / 20)
    assert told_at[0] == 0
    assert len(told_at) == len(engine.shown) == 4
    gaps = np.diff(told_at)
    assert gaps.min() >= DEMOGRAPHICS_INTERVAL_S - 1e-9


def test_each_face_has_its_own_turn_and_a_bad_look_is_tried_again_at_once() -> None:
    observer = Observer(None, DemographicsReader(FakeEngine()))
    black = np.zeros_like(PICTURE)
    (unseen,) = observer.observe(frame_at(0, black), (track_at(0),))
    assert unseen.age is None
    both = observer.observe(frame_at(0.05), (track_at(0.05), track_at(0.05, track_id=2)))
    assert all(observation.age is not None for observation in both)


def test_without_the_head_nothing_is_told() -> None:
    (observation,) = Observer().observe(frame_at(0), (track_at(0),))
    assert observation.age is None
    assert observation.gender is None


@pytest.fixture(scope="module")
def shipped() -> DemographicsReader:
    if "demographics" not in read_manifest(shipped_folder("models") / MANIFEST):
        pytest.fail("the age and gender model is missing from the models")
    return DemographicsReader(TfliteEngine(find_model("demographics")))


def test_the_shipped_model_says_nothing_of_bad_faces(shipped: DemographicsReader) -> None:
    assert shipped.read(np.zeros((240, 320, 3), np.uint8), FACE) == NOTHING
    assert shipped.read(PICTURE, Box(0, 0, 0, 0)) == NOTHING


def test_the_shipped_model_tells_old_from_young_and_women_from_men(
    shipped: DemographicsReader, shared_data: Path
) -> None:
    """A coarse check that file, crop and decoder fit together; the card has the figures."""
    errors, right = [], []
    for row, chip in chips(shared_data / "utkface", every=100):
        told = shipped.read(chip, face_in(chip))
        assert told.age is not None
        assert told.gender is not None
        errors.append(abs(told.age.years - float(row["age"])))
        right.append(told.gender.gender.value == row["gender"])
    assert np.mean(errors) < 6
    assert np.mean(right) > 0.9


def test_the_points_place_the_crop_as_the_model_learned_it(shared_data: Path) -> None:
    parameters = find_model("demographics").entry.parameters
    geometry = FaceGeometryReader(TfliteEngine(find_model("face_geometry")))
    looked_at, placed = 0, []
    for _, chip in chips(shared_data / "utkface", every=200):
        looked_at += 1
        box = alignment_of(geometry.read(chip, face_in(chip))).box
        if box is not None:
            numbers = (parameters[f"placed_crop_{what}"] for what in ("side", "shift_down"))
            square = square_around(box, *numbers)
            extent = chip.shape[0]
            placed.append((square.width / extent, square.center.y / extent - 0.5))
    assert len(placed) > 0.8 * looked_at
    assert np.median(placed, axis=0) == pytest.approx([1.0, 0.0], abs=0.02)
    assert (np.std(placed, axis=0) < [0.06, 0.03]).all()


def chips(folder: Path, every: int) -> Iterator[tuple[dict[str, str], np.ndarray]]:
    """Every so many-th row of the labels with its picture."""
    with (folder / "train.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))[::every]
    with zipfile.ZipFile(folder / "train.zip") as archive:
        for row in rows:
            encoded = np.frombuffer(archive.read(row["file"]), np.uint8)
            yield row, np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


def face_in(chip: np.ndarray) -> Box:
    """The box about which the daemon cuts the whole of a chip."""
    side, parameters = chip.shape[0], find_model("demographics").entry.parameters
    face_side = side / parameters["crop_side"]
    center = Point(side / 2, side / 2 - parameters["crop_shift_down"] * face_side)
    return Box.around(center, face_side, face_side)
