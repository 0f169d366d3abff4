"""The shipped model of face geometry on real faces: what each sign means, and that it is a measure.

The truth comes from the 68 labelled points of the faces, from turning and mirroring the pictures,
and from moving the irises in them; nothing of it from another model.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.devices.manifest import find_model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.frame import Frame, Instant
from edge_agent.domain.geometry import Box
from edge_agent.domain.observation import FaceGeometry
from edge_agent.perception.face_geometry import NOTHING, FaceGeometryReader
from edge_agent.perception.people import PeopleDetector
from edge_agent.settings import DetectionSettings

NOW = Instant(datetime(2026, 1, 1, tzinfo=timezone.utc), 0.0)
EVERY = 4
"""Every so many-th of the labelled faces is looked at."""
EYES = ((36, 42), (42, 48))
"""The points of each eye, the image's left first, in the 300-W order."""
NOSE_TIP, JAW_LEFT, JAW_RIGHT, MOUTH = 30, 0, 16, slice(48, 60)

Pixels = np.ndarray


@dataclass(frozen=True)
class Face:
    """A picture with one face, its 68 points in pixels, and where the face is."""

    pixels: Pixels
    points: np.ndarray
    person: int

    @property
    def box(self) -> Box:
        """About what the detector gives: from the brows to the chin."""
        left, top = self.points.min(0)
        right, bottom = self.points.max(0)
        return Box.from_corners(left, top - 0.15 * (bottom - top), right, bottom)

    @property
    def eyes(self) -> np.ndarray:
        """Their middles, of shape (2, 2)."""
        return np.stack([self.points[slice(*eye)].mean(0) for eye in EYES])

    @property
    def side_shown(self) -> float:
        """Where the nose's tip is between the edges of the jaw: -1 at the left, 1 at the right."""
        left, right = self.points[JAW_LEFT], self.points[JAW_RIGHT]
        along = (right - left) / np.linalg.norm(right - left)
        middle = (left + right) / 2
        return float((self.points[NOSE_TIP] - middle) @ along / np.linalg.norm(right - left) * 2)

    @property
    def nose_height(self) -> float:
        """Where the nose's tip is between the mouth (0) and the eyes (1)."""
        eyes, mouth = self.eyes.mean(0), self.points[MOUTH].mean(0)
        up = eyes - mouth
        return float((self.points[NOSE_TIP] - mouth) @ up / (up @ up))


@pytest.fixture(scope="module")
def faces(shared_data: Path) -> list[Face]:
    folder = shared_data / "landmarks"
    rows = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    with zipfile.ZipFile(folder / "train.zip") as archive:
        return [
            Face(
                cv2.imdecode(np.frombuffer(archive.read(row["file"]), np.uint8), 1),
                np.array(row["points"]),
                row["person"],
            )
            for row in rows[::EVERY]
        ]


@pytest.fixture(scope="module")
def reader() -> FaceGeometryReader:
    return FaceGeometryReader(TfliteEngine(find_model("face_geometry")))


@pytest.fixture(scope="module")
def read(faces: list[Face], reader: FaceGeometryReader) -> list[tuple[Face, FaceGeometry]]:
    """The faces that are estimated, with what is read of them."""
    told = [(face, reader.read(face.pixels, face.box)) for face in faces]
    estimated = [(face, geometry) for face, geometry in told if geometry.head is not None]
    assert len(estimated) > 0.9 * len(faces)
    return estimated


def yaw(geometry: FaceGeometry) -> float:
    assert geometry.head is not None
    return geometry.head.yaw_rad


def pitch(geometry: FaceGeometry) -> float:
    assert geometry.head is not None
    return geometry.head.pitch_rad


def roll(geometry: FaceGeometry) -> float:
    assert geometry.head is not None
    return geometry.head.roll_rad


def tilted(face: Face, degrees: float) -> Face:
    """The face turned clockwise about the middle of its points."""
    middle = tuple(float(value) for value in face.points.mean(0))
    turning = cv2.getRotationMatrix2D(middle, -degrees, 1)
    size = face.pixels.shape[1::-1]
    pixels = cv2.warpAffine(face.pixels, turning, size, borderMode=cv2.BORDER_REPLICATE)
    return Face(pixels, face.points @ turning[:, :2].T + turning[:, 2], face.person)


def mirrored(face: Face) -> tuple[Pixels, Box]:
    box = face.box
    width = face.pixels.shape[1]
    return face.pixels[:, ::-1].copy(), Box(width - box.right, box.y, box.width, box.height)


def test_points_lie_on_the_labelled_ones(read: list[tuple[Face, FaceGeometry]]) -> None:
    errors = []
    for face, geometry in read:
        if geometry.landmarks is None:
            continue
        found = geometry.landmarks
        pairs = [
            (found.left_eye, face.eyes[0]),
            (found.right_eye, face.eyes[1]),
            (found.nose, face.points[NOSE_TIP]),
            (found.left_mouth, face.points[48]),
            (found.right_mouth, face.points[54]),
        ]
        distance = np.linalg.norm(face.eyes[1] - face.eyes[0])
        errors += [math.hypot(p.x - at[0], p.y - at[1]) / distance for p, at in pairs]
    assert len(errors) > 4 * len(read)
    assert np.mean(errors) < 0.08


def test_yaw_is_positive_where_the_nose_points_to_the_images_right(
    read: list[tuple[Face, FaceGeometry]],
) -> None:
    turned = [(face, told) for face, told in read if abs(face.side_shown) > 0.35]
    assert len(turned) >= 20
    agree = [math.copysign(1, face.side_shown) * yaw(told) > 0.1 for face, told in turned]
    assert np.mean(agree) > 0.95
    assert {face.side_shown > 0 for face, _ in turned} == {True, False}


def test_pitch_is_higher_where_the_nose_points_higher(
    read: list[tuple[Face, FaceGeometry]],
) -> None:
    """Pairs of frames of one person: noses differ in length."""
    of_person = defaultdict(list)
    for face, told in read:
        if abs(face.side_shown) < 0.4:
            of_person[face.person].append((face.nose_height, pitch(told)))
    pairs = []
    for looks in of_person.values():
        (low, pitch_low), (high, pitch_high) = min(looks), max(looks)
        if high - low > 0.1:
            pairs.append(pitch_high - pitch_low)
    assert len(pairs) >= 10
    assert np.mean(np.array(pairs) > 0) > 0.9


@pytest.mark.parametrize("degrees", [-25, -12, 12, 25])
def test_a_picture_turned_clockwise_adds_to_the_roll_and_to_nothing_else(
    degrees: float, read: list[tuple[Face, FaceGeometry]], reader: FaceGeometryReader
) -> None:
    changes, kept, eyes = [], [], []
    for face, before in read[::4]:
        turned = tilted(face, degrees)
        after = reader.read(turned.pixels, turned.box)
        if after.head is None or after.landmarks is None or before.landmarks is None:
            continue
        changes.append(math.degrees(roll(after) - roll(before)))
        kept += [math.degrees(yaw(after) - yaw(before)), math.degrees(pitch(after) - pitch(before))]
        eyes.append(math.degrees(after.landmarks.roll_rad - before.landmarks.roll_rad))
    assert len(changes) > 0.8 * len(read[::4])
    assert np.median(changes) == pytest.approx(degrees, abs=3)
    assert np.median(eyes) == pytest.approx(degrees, abs=3)
    assert abs(np.median(kept)) < 3


def test_a_mirrored_face_has_the_other_yaw_roll_and_gaze_and_the_same_pitch(
    read: list[tuple[Face, FaceGeometry]], reader: FaceGeometryReader
) -> None:
    before, after = [], []
    for face, told in read[::3]:
        mirror = reader.read(*mirrored(face))
        if told.gaze is None or mirror.gaze is None or mirror.head is None:
            continue
        before.append(
            [-yaw(told), pitch(told), -roll(told), -told.gaze.yaw_rad, told.gaze.pitch_rad]
        )
        after.append([yaw(mirror), pitch(mirror), roll(mirror), *_angles(mirror)])
    assert len(before) > 0.6 * len(read[::3])
    off = np.abs(np.array(before) - np.array(after)).mean(0)
    assert (off < [0.08, 0.08, 0.06, 0.1, 0.1]).all()
    spread = np.array(before).std(0)
    assert (spread[[0, 2, 3]] > 1.5 * off[[0, 2, 3]]).all(), "a reader that says the same of all"


def _angles(geometry: FaceGeometry) -> tuple[float, float]:
    assert geometry.gaze is not None
    return geometry.gaze.yaw_rad, geometry.gaze.pitch_rad


def looking(face: Face, across: float, down: float) -> Pixels:
    """The picture with irises drawn into both eyes, off their middles by shares of their width."""
    finer, pixels = 4, face.pixels.copy()
    white = np.percentile(pixels.max(axis=2), 85) * np.array([0.86, 0.9, 0.92])
    for eye in EYES:
        points = face.points[slice(*eye)]
        left, top = np.maximum(points.min(0).astype(int) - 3, 0)
        right, bottom = points.max(0).astype(int) + 4
        patch = pixels[top:bottom, left:right]
        large = cv2.resize(patch, None, fx=finer, fy=finer, interpolation=cv2.INTER_CUBIC)
        outline = (points - [left, top] + 0.5) * finer
        width = np.ptp(outline[:, 0])
        at = tuple(int(v) for v in outline.mean(0) + width * np.array([across, down]))
        drawn = np.full_like(large, white.astype(np.uint8))
        cv2.circle(drawn, at, int(0.21 * width), (40, 50, 60), -1)
        cv2.circle(drawn, at, int(0.10 * width), (10, 10, 10), -1)
        inside = np.zeros(large.shape[:2], np.uint8)
        cv2.fillPoly(inside, [outline.astype(np.int32)], 255)
        share = cv2.GaussianBlur(inside, (0, 0), finer * 0.5)[..., None] / 255
        mixed = (drawn * share + large * (1 - share)).astype(np.uint8)
        size = patch.shape[1::-1]
        pixels[top:bottom, left:right] = cv2.resize(mixed, size, interpolation=cv2.INTER_AREA)
    return pixels


@pytest.mark.parametrize(
    ("across", "down", "axis", "sign", "least"),
    [(0.2, 0.0, 0, 1, 0.85), (0.0, 0.12, 1, -1, 0.65)],
    ids=["yaw grows to the image's right", "pitch falls downwards"],
)
def test_gaze_follows_the_irises(
    across: float,
    down: float,
    axis: int,
    sign: int,
    least: float,
    read: list[tuple[Face, FaceGeometry]],
    reader: FaceGeometryReader,
) -> None:
    """Up and down is read less surely: an iris hides behind the lids."""
    changes = []
    for face, _ in read[::3]:
        one = reader.read(looking(face, across, down), face.box)
        other = reader.read(looking(face, -across, -down), face.box)
        if one.gaze is not None and other.gaze is not None:
            changes.append(sign * (_angles(one)[axis] - _angles(other)[axis]))
    assert len(changes) > 0.6 * len(read[::3])
    assert np.mean(np.array(changes) > 0) > least
    assert np.mean(changes) > 0.01


def frames(path: Path) -> Iterator[Pixels]:
    capture = cv2.VideoCapture(str(path))
    while True:
        was_read, pixels = capture.read()
        if not was_read:
            break
        yield pixels
    capture.release()


@pytest.fixture(scope="module")
def clip(
    shared_data: Path, reader: FaceGeometryReader
) -> Callable[[str], list[list[FaceGeometry]]]:
    """What is read of the faces that the detector finds in every third frame, left to right."""
    detector = PeopleDetector(TfliteEngine(find_model("people")), DetectionSettings())

    def told(name: str) -> list[list[FaceGeometry]]:
        looks = []
        for pixels in list(frames(shared_data / "clips" / name))[::3]:
            found = detector.detect(Frame(pixels, NOW))
            boxes = sorted((p.face.box for p in found if p.face is not None), key=lambda box: box.x)
            looks.append([reader.read(pixels, box) for box in boxes])
        assert looks
        return looks

    return told


@pytest.mark.parametrize("name", ["asl_again.mkv", "asl_book.mkv", "asl_want.mkv"])
def test_who_talks_to_the_camera_looks_into_it(
    name: str, clip: Callable[[str], list[list[FaceGeometry]]]
) -> None:
    looks = [geometry for look in clip(name) for geometry in look]
    gazes = [told.gaze.eccentricity_rad for told in looks if told.gaze is not None]
    assert len(gazes) > 0.6 * len(looks)
    assert np.mean(np.array(gazes) < 0.15) >= 0.9


def test_heads_that_tilt_and_turn_are_seen_to_do_so(
    clip: Callable[[str], list[list[FaceGeometry]]],
) -> None:
    looks = [
        look for look in clip("head-pose-face-detection-female-and-male.mp4") if len(look) == 2
    ]
    assert len(looks) > 10
    for person in (0, 1):
        heads = [look[person].head for look in looks]
        seen = np.array([[h.yaw_rad, h.pitch_rad, h.roll_rad] for h in heads if h is not None])
        assert len(seen) > 0.7 * len(looks)
        assert np.ptp(seen, axis=0).max() > 0.3


def test_what_is_no_face_has_no_geometry(reader: FaceGeometryReader) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (200, 200, 3), np.uint8)
    black = np.zeros((200, 200, 3), np.uint8)
    assert reader.read(black, Box(60, 60, 80, 80)) == NOTHING
    assert reader.read(noise, Box(60, 60, 80, 80)).gaze is None
    assert reader.read(noise, Box(0, 0, 0, 0)) == NOTHING
