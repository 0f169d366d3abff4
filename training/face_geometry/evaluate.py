"""Measure a face geometry model on face crops with 68 labelled points each.

python -m training.evaluate face_geometry --images FILE.zip --labels FILE.jsonl [--model FILE]
    [--references FOLDER] [--json]

The crops are those of `landmarks`: squares about the box of the points. In them the detector's box
is taken to be where it mostly is, and cut and read as the daemon does. The true head pose is the
one solved from the labelled points and the mean face of `training.face_geometry.mean_face`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_agent.devices.manifest import Model, find_model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.geometry import Box, Point
from edge_agent.perception.crops import cut, grey, square_around, whole_pixels
from edge_agent.perception.face_geometry import FaceGeometryReader, GeometryAnswer
from training.cost import cost_of
from training.data import decode
from training.face_geometry.chips import read_points
from training.face_geometry.head_pose import solved
from training.face_geometry.references import OpenModelZoo
from training.face_geometry.samples import (
    BOX_SHIFT_DOWN,
    BOX_SIDE,
    CROP_SHIFT_DOWN,
    CROP_SIDE,
    five_of,
)
from training.report import evaluation_parser, print_lines, tell

Pixels = npt.NDArray[np.uint8]
Array = npt.NDArray[np.floating]

CHIP_MARGIN = 1.7
"""Side of a crop of `landmarks` by the longer side of the box of its points."""
REFERENCE_POINTS_SIDE, REFERENCE_HEAD_SIDE = 0.62, 0.8
"""Parts of such a crop, about its middle, in which the networks that are compared with do best."""
LINES = {
    "faces": "{n:8d}",
    "points, error by distance of eyes": "{nme_5_points:8.2%}",
    "head, error in yaw": "{yaw_mae_deg:8.2f} degrees",
    "head, error in pitch": "{pitch_mae_deg:8.2f} degrees",
    "head, error in roll": "{roll_mae_deg:8.2f} degrees",
}


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """Of n faces: `points` (n, 5), distances by the one between the eyes; `head` (n, 3), absolute
    differences of yaw, pitch and roll in radian."""

    points: Array
    head: Array

    def figures(self) -> dict[str, float]:
        yaw, pitch, roll = np.degrees(self.head.mean(0))
        return {
            "n": len(self.points),
            "nme_5_points": float(self.points.mean()),
            "yaw_mae_deg": float(yaw),
            "pitch_mae_deg": float(pitch),
            "roll_mae_deg": float(roll),
        }


def face_box(width: int, height: int) -> Box:
    """Where the daemon's detector draws its box in a crop of `landmarks`, at the median."""
    side = BOX_SIDE * max(width, height) / CHIP_MARGIN
    return Box.around(Point(width / 2, height / 2 + BOX_SHIFT_DOWN * side), side, side)


def box_about(points: Array) -> Box:
    """The same about 68 points (68, 2) anywhere."""
    low, high = points.min(0).astype(float), points.max(0).astype(float)
    side = float((high - low).max()) * CHIP_MARGIN
    middle = (low + high) / 2
    return face_box(round(side), round(side)).moved(middle[0] - side / 2, middle[1] - side / 2)


def crop_of(
    image: Pixels,
    side: int,
    box: Box | None = None,
    crop_side: float = CROP_SIDE,
    shift_down: float = CROP_SHIFT_DOWN,
) -> tuple[Pixels, Box]:
    """What the daemon cuts about a face's box (without one: about the usual one), in grey, and the
    square of the image that it is."""
    box = face_box(image.shape[1], image.shape[0]) if box is None else box
    square = square_around(box, crop_side, shift_down)
    crop = cut(image, square, side, least_inside=0.0)
    if crop is None:
        raise ValueError(f"the face of a crop of {image.shape[1]} x {image.shape[0]} is too small")
    return grey(crop), whole_pixels(square)


def answers(
    engine: TfliteEngine, images: Sequence[Pixels], boxes: Sequence[Box | None] | None = None
) -> tuple[list[GeometryAnswer], Array]:
    """Those of the daemon's reader to n faces, and the five points (n, 5, 2) in pixels."""
    reader, side = FaceGeometryReader(engine), engine.input_size.width
    crop_side, shift = engine.parameters["crop_side"], engine.parameters["crop_shift_down"]
    told, points = [], []
    for number, image in enumerate(images):
        box = None if boxes is None else boxes[number]
        crop, square = crop_of(image, side, box, crop_side, shift)
        told.append(reader.answer(crop))
        points.append(points_of(told[-1], square))
    return told, np.array(points)


def points_of(answer: GeometryAnswer, square: Box) -> Array:
    """The five points (5, 2) in pixels."""
    shares = np.array([[p.x, p.y] for p in answer.landmarks.points])
    return np.asarray(shares * square.width + [square.x, square.y])


def heads_of(told: Sequence[GeometryAnswer]) -> Array:
    """Yaw, pitch and roll (n, 3)."""
    heads = [answer.head for answer in told]
    return np.array([[head.yaw_rad, head.pitch_rad, head.roll_rad] for head in heads])


def errors_between(points: Array, heads: Array, labelled: Array) -> Errors:
    """Of five points (n, 5, 2) and poses (n, 3) from 68 labelled points (n, 68, 2)."""
    true = five_of(labelled.astype(np.float64))
    unit = np.linalg.norm(true[:, 1] - true[:, 0], axis=1)
    true_heads = np.array([solved(face.astype(np.float64)) for face in labelled])
    off = np.linalg.norm(points - true, axis=2) / unit[:, None]
    return Errors(off, np.abs(heads - true_heads))


def measure(
    model: Model, images: Sequence[Pixels], labelled: Array
) -> tuple[Errors, dict[str, float]]:
    told, points = answers(TfliteEngine(model), images)
    errors = errors_between(points, heads_of(told), labelled)
    return errors, {**errors.figures(), **cost_of(model.path)}


def reference_errors(folder: Path, images: Sequence[Pixels], labelled: Array) -> Errors:
    """Of landmarks-regression-retail-0009 and head-pose-estimation-adas-0001, for BGR crops."""
    zoo = OpenModelZoo(folder)
    points, heads = [], []
    for image in images:
        near, corner = _middle(image, REFERENCE_POINTS_SIDE)
        points.append(zoo.points(near) * near.shape[1::-1] + corner)
        heads.append(zoo.head(_middle(image, REFERENCE_HEAD_SIDE)[0]))
    return errors_between(np.array(points), np.array(heads), labelled)


def _middle(image: Pixels, part: float) -> tuple[Pixels, Array]:
    height, width = image.shape[:2]
    side = round(part * max(width, height))
    left, top = (width - side) // 2, (height - side) // 2
    return image[top : top + side, left : left + side], np.array([left, top], np.float64)


def read_images(images: Path, names: Sequence[str]) -> list[Pixels]:
    with zipfile.ZipFile(images) as archive:
        return [decode(archive.read(name), name) for name in names]


def main(argv: list[str]) -> None:
    parser = evaluation_parser(
        "face_geometry", images="zip of square face crops", labels="jsonl: file, 68 points"
    )
    parser.add_argument("--references", type=Path, help="folder of the Open Model Zoo networks")
    arguments = parser.parse_args(argv)
    names, _, labelled = read_points(arguments.labels)
    images = read_images(arguments.images, names)
    _, figures = measure(find_model(arguments.model), images, labelled)
    tell(figures, LINES, as_json=arguments.json)
    if arguments.references is not None and not arguments.json:
        print("landmarks-regression-retail-0009 and head-pose-estimation-adas-0001:")
        others = reference_errors(arguments.references, images, labelled).figures()
        print_lines(others, {what: LINES[what] for what in LINES if what != "faces"})
