"""How the geometry model is measured, and what the shipped one says of real faces."""

from __future__ import annotations

import json
import math
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from edge_agent.devices.manifest import find_model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.geometry import Box, Gaze, HeadPose, Point
from edge_agent.perception.face_geometry import FaceLandmarks, GeometryAnswer
from training.face_geometry.chips import read_points
from training.face_geometry.clips import Look, gaze_agreement, jitter
from training.face_geometry.evaluate import (
    answers,
    crop_of,
    errors_between,
    face_box,
    heads_of,
    main,
    points_of,
    read_images,
)
from training.face_geometry.head_pose import projected, solved
from training.face_geometry.labels import persons_of
from training.face_geometry.samples import five_of

KEYS = {
    "n",
    "nme_5_points",
    "yaw_mae_deg",
    "pitch_mae_deg",
    "roll_mae_deg",
    "bytes",
    "macs",
}


def said(points: np.ndarray, head: tuple[float, float, float] = (0, 0, 0)) -> GeometryAnswer:
    return GeometryAnswer(
        landmarks=FaceLandmarks(*(Point(float(x), float(y)) for x, y in points)),
        head=HeadPose(*head),
        gaze=Gaze(0.0, 0.0),
        points_error=0.05,
        head_error_rad=0.05,
        gaze_error_rad=0.1,
        eyes_open=1.0,
        smile=0.0,
        visible=1.0,
    )


def test_the_error_is_by_the_distance_between_the_eyes() -> None:
    labelled = np.array([projected(0.2, 0.0, 0.0, scale=6.0) + 80])
    five = five_of(labelled)
    apart = float(np.linalg.norm(five[0, 1] - five[0, 0]))
    errors = errors_between(five + np.array([apart / 10, 0]), np.array([[0.3, 0.0, 0.0]]), labelled)
    assert errors.points == pytest.approx(0.1)
    figures = errors.figures()
    assert figures["n"] == 1
    assert figures["nme_5_points"] == pytest.approx(0.1)
    off = 0.3 - solved(labelled[0])[0]
    assert figures["yaw_mae_deg"] == pytest.approx(math.degrees(abs(off)))


def test_the_crop_is_cut_about_the_detectors_box() -> None:
    image = np.zeros((160, 160, 3), np.uint8)
    crop, square = crop_of(image, 96)
    assert crop.shape == (96, 96)
    box = face_box(160, 160)
    assert square.width == pytest.approx(1.25 * box.width, abs=1)
    assert square.center.y == pytest.approx(box.center.y + 0.06 * box.width, abs=1)
    whole = points_of(said(np.array([[0, 0], [1, 0], [0.5, 0.5], [0, 1], [1, 1]])), square)
    assert whole[0] == pytest.approx([square.x, square.y])
    assert whole[4] == pytest.approx([square.right, square.bottom])


def test_white_noise_has_the_jitter_that_it_has() -> None:
    random = np.random.default_rng(0)
    box = Box(10, 10, 100, 120)
    still = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], float)
    person = [
        Look(
            number,
            box,
            said(still, tuple(random.normal(0.1, 0.02, 3))),
            still + random.normal(0, 0.5, still.shape) + number * 0.2,
            np.zeros(2),
            np.zeros(2),
        )
        for number in range(600)
    ]
    measured = jitter([person])
    assert measured["points_jitter"] == pytest.approx(0.005, rel=0.1)
    assert measured["head_jitter_deg"] == pytest.approx(math.degrees(0.02), rel=0.1)
    assert measured["gaze_jitter_deg"] == 0


def test_a_reference_that_favours_a_side_is_told_from_one_that_does_not() -> None:
    """What it sees in a face alone and what in the mirror image alone count as much."""
    random = np.random.default_rng(1)
    true, seen, seen_mirrored = random.normal(0, 0.2, (3, 500, 2))
    box, points = Box(10, 10, 100, 120), np.zeros((5, 2))

    def agreement(favour: float) -> dict[str, float]:
        looks = [
            Look(
                number,
                box,
                replace(said(points), gaze=Gaze(*true[number])),
                points,
                true[number] + favour * seen[number],
                true[number] + favour * seen_mirrored[number],
            )
            for number in range(len(true))
        ]
        return gaze_agreement([looks])

    even, uneven = agreement(0.0), agreement(1.0)
    for key in ("gaze_yaw_correlation", "symmetric_reference_pitch_correlation"):
        assert even[key] == pytest.approx(1.0)
    assert uneven["gaze_yaw_correlation"] == pytest.approx(math.sqrt(1 / 2), abs=0.06)
    both = uneven["symmetric_reference_yaw_correlation"]
    assert both == pytest.approx(math.sqrt(3 / 4), abs=0.06)


def test_persons_are_held_back_whole_and_the_same_in_every_run() -> None:
    persons = np.repeat(np.arange(287), 3)
    held_back, calibrating = persons_of(persons)
    assert not held_back & calibrating
    assert (held_back, calibrating) == persons_of(persons[::-1])
    assert len(held_back) == 36


@pytest.fixture(scope="module")
def some_faces(shared_data: Path) -> tuple[list[np.ndarray], np.ndarray, list[str]]:
    """Faces of people who were not trained on, in colour, and their 68 points."""
    folder = shared_data / "landmarks"
    names, persons, points = read_points(folder / "train.jsonl")
    chosen = np.flatnonzero(np.isin(persons, list(persons_of(persons)[0])))[::12]
    kept = [names[i] for i in chosen]
    return read_images(folder / "train.zip", kept), points[chosen], kept


def test_real_faces_their_mirror_images_and_turned_ones_agree_with_sign(
    some_faces: tuple[list[np.ndarray], np.ndarray, list[str]],
) -> None:
    engine = TfliteEngine(find_model("face_geometry"))
    images, points, _ = some_faces
    told, places = answers(engine, images)
    heads = heads_of(told)
    true = np.array([solved(face.astype(np.float64)) for face in points])
    for axis in range(3):
        assert np.corrcoef(heads[:, axis], true[:, axis])[0, 1] > 0.85

    mirrored = [np.ascontiguousarray(image[:, ::-1]) for image in images]
    back, back_places = answers(engine, mirrored)
    assert np.abs(heads_of(back) - heads * [-1, 1, -1]).mean() < math.radians(3)
    there = np.array([answer.gaze.yaw_rad for answer in told])
    seen_back = np.array([answer.gaze.yaw_rad for answer in back])
    assert np.corrcoef(there, -seen_back)[0, 1] > 0.85
    swapped = (back_places * [-1, 1] + [160, 0])[:, [1, 0, 2, 4, 3]]
    apart = np.linalg.norm(places[:, 1] - places[:, 0], axis=1)
    assert (np.linalg.norm(swapped - places, axis=2).mean(1) / apart).mean() < 0.08

    matrix = cv2.getRotationMatrix2D((79.5, 79.5), -20, 1.0)
    turned = [
        cv2.warpAffine(image, matrix, (160, 160), borderMode=cv2.BORDER_REPLICATE)
        for image in images
    ]
    rolled = heads_of(answers(engine, turned)[0]) - heads
    assert rolled[:, 2].mean() == pytest.approx(math.radians(20), abs=math.radians(2))
    assert np.abs(rolled[:, :2]).mean() < math.radians(4)


def test_the_command_prints_the_agreed_keys(
    some_faces: tuple[list[np.ndarray], np.ndarray, list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    images, points, names = some_faces
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
        for name, image in zip(names, images, strict=True):
            archive.writestr(name, cv2.imencode(".jpg", image)[1].tobytes())
    lines = [
        json.dumps({"file": name, "person": 1, "points": face.tolist()})
        for name, face in zip(names, points, strict=True)
    ]
    (tmp_path / "faces.jsonl").write_text("\n".join(lines) + "\n")
    files = ["--images", str(tmp_path / "faces.zip"), "--labels", str(tmp_path / "faces.jsonl")]
    main([*files, "--json"])
    figures = json.loads(capsys.readouterr().out)
    assert set(figures) == KEYS
    assert figures["n"] == len(names)
    assert figures["nme_5_points"] < 0.06
    assert figures["yaw_mae_deg"] < 4
    main(files)
    assert "head, error in yaw" in capsys.readouterr().out
