"""Gaze, looks into the lens and jitter on real clips: python -m training.face_geometry.clips

Nothing is trained on the clips. Faces are those that the daemon's detector finds in them; gaze is
compared with gaze-estimation-adas-0002, fed with the eyes of landmarks-regression-retail-0009 and
the head of head-pose-estimation-adas-0001 (package openvino).
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.devices.manifest import Model, find_model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.detection import Part
from edge_agent.domain.frame import Frame
from edge_agent.domain.geometry import Box
from edge_agent.perception.face_geometry import FaceGeometryReader, GeometryAnswer
from edge_agent.perception.people import PeopleDetector
from edge_agent.settings import DetectionSettings
from training.data import data_root
from training.face_geometry.evaluate import crop_of, points_of
from training.face_geometry.references import (
    EYE_WIDTH,
    MIRROR_GAZE,
    OpenModelZoo,
    mirror_image,
)
from training.people.evaluate import NOW

Array = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]

TURNING = "head-pose-face-detection-female-and-male"
LENS_CLIPS = ("asl_again", "asl_book", "asl_want")
FACE_CLIPS = (TURNING, "face-demographics-walking-and-pause", *LENS_CLIPS)
LENS_RAD = 0.15
SMALLEST_FACE = 40
"""Pixels of a box's mean side from which the reference network can see the eyes."""
SAME_FACE_IOU = 0.5
STILL = 0.015
"""Part of its side by which the box of a still face moves at most from frame to frame: the
detector's own jitter is of this size."""
_POINTS_SIDE, _HEAD_SIDE = 1.0, 1.3
"""Sides of the squares that the references see, by the mean side of the box."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One face in one frame: what the model says, its five points (5, 2) in pixels, and what the
    reference says of the gaze (2,) and of that in the mirror image, mirrored back (2,)."""

    frame: int
    box: Box
    answer: GeometryAnswer
    points: Array
    gaze: Array
    mirrored_gaze: Array


def looks_at(
    clip: Path, engine: TfliteEngine, detector: PeopleDetector, zoo: OpenModelZoo, most: int
) -> list[list[Look]]:
    """The faces of a clip's first frames, those of one person after each other."""
    reader, side = FaceGeometryReader(engine), engine.input_size.width
    people: list[list[Look]] = []
    for number, image in enumerate(_frames(clip, most)):
        for region in detector.find(Frame(image, NOW)):
            box = region.box
            if region.part is not Part.FACE or box.area < SMALLEST_FACE**2:
                continue
            crop, square = crop_of(image, side, box)
            answer = reader.answer(crop)
            gazes = reference(zoo, image, box), mirrored_reference(zoo, image, box)
            look = Look(number, box, answer, points_of(answer, square), *gazes)
            same = [p for p in people if p[-1].box.iou(box) > SAME_FACE_IOU]
            if same and same[0][-1].frame < number:
                same[0].append(look)
            else:
                people.append([look])
    return people


def reference(zoo: OpenModelZoo, image: Pixels, box: Box) -> Array:
    """Gaze as the reference sees it, fed with its own eyes and head."""
    near, corner = _around(image, box, _POINTS_SIDE)
    eyes = (zoo.points(near) * near.shape[1::-1] + corner)[:2]
    head = zoo.head(_around(image, box, _HEAD_SIDE)[0])
    width = float(np.linalg.norm(eyes[1] - eyes[0])) * EYE_WIDTH
    return zoo.gaze(image, eyes, np.array([width, width]), head)


def mirrored_reference(zoo: OpenModelZoo, image: Pixels, box: Box) -> Array:
    """The same of the mirror image, mirrored back."""
    there = Box(image.shape[1] - box.right, box.y, box.width, box.height)
    return reference(zoo, mirror_image(image), there) * MIRROR_GAZE


def gaze_agreement(people: list[list[Look]]) -> dict[str, float]:
    """Correlation with the reference over the frames with open eyes, yaw and pitch.

    And that of the reference with the mean of what it says of a face and of its mirror image, which
    is what a network would say that imitates it but knows that left and right are alike.
    """
    looks = [look for person in people for look in person if look.answer.eyes_open > 0.5]
    own = np.array([_gaze(look) for look in looks])
    theirs = np.array([look.gaze for look in looks])
    alike = (theirs + np.array([look.mirrored_gaze for look in looks])) / 2
    yaw, pitch = _correlations(own, theirs)
    alike_yaw, alike_pitch = _correlations(alike, theirs)
    return {
        "faces": len(looks),
        "gaze_yaw_correlation": yaw,
        "gaze_pitch_correlation": pitch,
        "symmetric_reference_yaw_correlation": alike_yaw,
        "symmetric_reference_pitch_correlation": alike_pitch,
    }


def looks_into_lens(people: list[list[Look]]) -> dict[str, float]:
    """Of open-eyed frames: the share within 0.15 rad of the lens, by model and by reference."""
    looks = [look for person in people for look in person if look.answer.eyes_open > 0.5]
    own = np.array([look.answer.gaze.eccentricity_rad for look in looks])
    theirs = np.array([np.hypot(*look.gaze) for look in looks])
    return {
        "frames": len(looks),
        "into_lens": float((own < LENS_RAD).mean()),
        "into_lens_reference": float((theirs < LENS_RAD).mean()),
        "gaze_yaw_median_deg": float(np.degrees(np.median([k.answer.gaze.yaw_rad for k in looks]))),
        "gaze_pitch_median_deg": float(
            np.degrees(np.median([look.answer.gaze.pitch_rad for look in looks]))
        ),
    }


def jitter(people: list[list[Look]]) -> dict[str, float]:
    """Standard deviations on still faces over consecutive frames: of points by the width of the
    face, of head and gaze in degrees. From second differences, which slow motion leaves at 0."""
    points, heads, gazes = [], [], []
    for person in people:
        for before, now, after in zip(person, person[1:], person[2:], strict=False):
            if after.frame - before.frame != 2 or not _still(before, now, after):
                continue
            points.append((before.points + after.points - 2 * now.points) / now.box.width)
            heads.append(_head(before) + _head(after) - 2 * _head(now))
            gazes.append(_gaze(before) + _gaze(after) - 2 * _gaze(now))
    if not points:
        return {"triples": 0}
    noise = np.sqrt(6)
    return {
        "triples": len(points),
        "points_jitter": float(np.sqrt(np.mean(np.square(points))) / noise),
        "head_jitter_deg": float(np.degrees(np.sqrt(np.mean(np.square(heads)))) / noise),
        "gaze_jitter_deg": float(np.degrees(np.sqrt(np.mean(np.square(gazes)))) / noise),
    }


def measure_clips(model: Model, data: Path, most: int) -> dict[str, dict[str, float]]:
    """All figures of at most so many frames of each clip, by clip."""
    engine = TfliteEngine(model)
    detector = PeopleDetector(TfliteEngine(find_model("people")), DetectionSettings())
    zoo = OpenModelZoo(data / "teachers")
    figures: dict[str, dict[str, float]] = {}
    everybody: list[list[Look]] = []
    for name in FACE_CLIPS:
        (clip,) = (data / "clips").glob(f"{name}.*")
        people = looks_at(clip, engine, detector, zoo, most)
        everybody += people
        figures[name] = {**gaze_agreement(people), **jitter(people)}
        if name in LENS_CLIPS:
            figures[name] |= looks_into_lens(people)
    figures["all"] = {**gaze_agreement(everybody), **jitter(everybody)}
    return figures


def _correlations(own: Array, theirs: Array) -> tuple[float, float]:
    """Of the columns of (n, 2) and (n, 2)."""
    yaw, pitch = (float(np.corrcoef(own[:, i], theirs[:, i])[0, 1]) for i in (0, 1))
    return yaw, pitch


def _still(*looks: Look) -> bool:
    steps = [
        np.hypot(b.box.center.x - a.box.center.x, b.box.center.y - a.box.center.y) / a.box.width
        for a, b in itertools.pairwise(looks)
    ]
    return bool(max(steps) < STILL)


def _head(look: Look) -> Array:
    head = look.answer.head
    return np.array([head.yaw_rad, head.pitch_rad, head.roll_rad])


def _gaze(look: Look) -> Array:
    return np.array([look.answer.gaze.yaw_rad, look.answer.gaze.pitch_rad])


def _around(image: Pixels, box: Box, part: float) -> tuple[Pixels, Array]:
    side = float(np.sqrt(box.area)) * part
    height, width = image.shape[:2]
    left, top = max(round(box.center.x - side / 2), 0), max(round(box.center.y - side / 2), 0)
    right, bottom = min(left + round(side), width), min(top + round(side), height)
    return image[top:bottom, left:right], np.array([left, top], np.float64)


def _frames(clip: Path, most: int) -> Iterator[Pixels]:
    capture = cv2.VideoCapture(str(clip))
    for _ in range(most):
        there, image = capture.read()
        if not there:
            break
        yield np.asarray(image, np.uint8)
    capture.release()


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.face_geometry.clips", description=__doc__
    )
    parser.add_argument("--data", type=Path, help="root of the data sets")
    parser.add_argument("--model", default="face_geometry", help="name in the manifest, or .tflite")
    parser.add_argument("--frames", type=int, default=400, help="of each clip at most")
    arguments = parser.parse_args(argv)
    cv2.setNumThreads(1)
    model = find_model(arguments.model)
    figures = measure_clips(model, arguments.data or data_root(), arguments.frames)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
