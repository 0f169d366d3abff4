"""Measure what turning the crops of tilted faces upright gives expression, age and gender.

python -m training.evaluate_alignment [--geometry MODEL] [--every N]

Faces with labels are tilted by known angles, both ways, and read by the daemon's own readers in
crops as they stand, in crops turned by the known angle (what turning can give at best), in crops
turned by the points that the geometry model reads, and as the daemon aligns them, whose crops are
placed by these points, too. The face box is that of the upright face, tilted
about its middle with the picture ("known box"), or the one that the daemon's detector finds.
Beyond a face's picture its border is continued, which a crop that is not turned shows in its
corners: of real frames it would show the background.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import pairwise, product

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.devices.manifest import find_model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.frame import Frame, Instant
from edge_agent.domain.geometry import Box, Point
from edge_agent.domain.observation import Emotion
from edge_agent.perception.alignment import AS_IT_STANDS, Alignment, alignment_of
from edge_agent.perception.demographics import DemographicsReader
from edge_agent.perception.expression import ExpressionReader
from edge_agent.perception.face_geometry import FaceGeometryReader
from edge_agent.perception.people import PeopleDetector
from edge_agent.settings import DetectionSettings
from training import card
from training.data import FERPLUS_CLASSES, FerPlus, data_root
from training.demographics import train
from training.demographics.utkface import Split, UtkFace

TILTS_DEG = (0, 10, 20, 30)
TURNS_DEG = (0, 15, 30, 45, 90)
CANVAS = 2.0
"""Side of the picture around a face, in sides of the face's own picture."""
NOW = Instant(datetime(2026, 1, 1, tzinfo=timezone.utc), 0.0)

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One face in a picture, tilted by `tilt_rad` clockwise."""

    pixels: Pixels
    face: Box
    tilt_rad: float


def shown(chip: Pixels, tilt_deg: float, crop_side: float, shift_down: float) -> Shown:
    """A chip, which is the crop of its face by these parameters, in a larger, tilted picture."""
    side = chip.shape[0]
    pad = round(side * (CANVAS - 1) / 2)
    wide = cv2.copyMakeBorder(chip, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    middle = (wide.shape[0] - 1) / 2
    turning = cv2.getRotationMatrix2D((middle, middle), -tilt_deg, 1)
    size = (wide.shape[1], wide.shape[0])
    picture = (
        wide
        if tilt_deg == 0
        else cv2.warpAffine(
            wide, turning, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
    )
    face_side, tilt_rad = side / crop_side, float(np.radians(tilt_deg))
    center = wide.shape[0] / 2
    off = shift_down * face_side
    face = Point(center + off * np.sin(tilt_rad), center - off * np.cos(tilt_rad))
    return Shown(np.asarray(picture, np.uint8), Box.around(face, face_side, face_side), tilt_rad)


@dataclass(frozen=True, slots=True)
class Aligner:
    """The ways to align a face."""

    geometry: FaceGeometryReader

    def ways(self, one: Shown, face: Box) -> dict[str, Alignment]:
        by_points = alignment_of(self.geometry.read(one.pixels, face))
        return {
            "as it stands": AS_IT_STANDS,
            "turned by the known tilt": Alignment(one.tilt_rad),
            "turned by the points": replace(by_points, box=None),
            "aligned as the daemon does": by_points,
        }


class Boxes:
    """The known box of a face, or the one that the detector finds nearest to it."""

    def __init__(self, detector: PeopleDetector | None) -> None:
        self._detector = detector

    def of(self, one: Shown) -> Box | None:
        if self._detector is None:
            return one.face
        found = self._detector.detect(Frame(np.ascontiguousarray(one.pixels), NOW))
        faces = [person.face.box for person in found if person.face is not None]
        return max(faces, key=one.face.iou, default=None)


Worth = Callable[[int, Pixels, Box, Alignment], "tuple[float, ...] | None"]
"""What a reader's answer to the face of an index is worth, by some measures; None: no answer."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Pictures of faces, how each lies in its picture, and what is measured of the answers."""

    chips: Sequence[Pixels]
    crop_side: float
    shift_down: float
    worth: Worth
    names: tuple[str, ...]

    def shown(self, index: int, tilt_deg: float) -> Shown:
        return shown(self.chips[index], tilt_deg, self.crop_side, self.shift_down)


Row = tuple[str, npt.NDArray[np.float64], float]
"""The way to align, the mean worth, and the share of the faces that it is of."""


def by_tilt(asked: Asked, tilt_deg: float, aligner: Aligner, boxes: Boxes) -> Iterator[Row]:
    """For each way to align, over tilts to both sides."""
    rows: dict[str, list[tuple[float, ...]]] = {}
    signs = (-1, 1) if tilt_deg else (1,)
    for index, sign in product(range(len(asked.chips)), signs):
        one = asked.shown(index, sign * tilt_deg)
        face = boxes.of(one)
        if face is None:
            continue
        for way, alignment in aligner.ways(one, face).items():
            value = asked.worth(index, one.pixels, face, alignment)
            if value is not None:
                rows.setdefault(way, []).append(value)
    for way, values in rows.items():
        yield way, np.mean(values, axis=0), len(values) / len(asked.chips) / len(signs)


def by_turn(asked: Asked, aligner: Aligner) -> Iterator[tuple[str, Row]]:
    """For each range of turns of the head, of faces as they are in their pictures."""
    turns_deg: list[float] = []
    values = []
    for index in range(len(asked.chips)):
        one = asked.shown(index, 0)
        geometry = aligner.geometry.read(one.pixels, one.face)
        ways = {"as it stands": AS_IT_STANDS, "aligned": alignment_of(geometry)}
        worths = [
            asked.worth(index, one.pixels, one.face, alignment) for alignment in ways.values()
        ]
        if all(value is not None for value in worths):
            head = geometry.head
            turns_deg.append(np.nan if head is None else np.degrees(head.turn_rad))
            values.append(worths)
    turns, of_way = np.array(turns_deg), np.array(values)
    for least, most in (*pairwise(TURNS_DEG), (None, None)):
        inside = np.isnan(turns) if least is None else (turns >= least) & (turns < most)
        name = "not estimated" if least is None else f"{least} - {most}"
        for number, way in enumerate(ways):
            if inside.any():
                mean = of_way[inside, number].mean(0)
                yield name, (way, mean, float(inside.mean()))


def of_expression(faces: FerPlus, reader: ExpressionReader) -> Worth:
    true = faces.votes[:, :FERPLUS_CLASSES].argmax(1)

    def worth(
        index: int, pixels: Pixels, face: Box, alignment: Alignment
    ) -> tuple[float, ...] | None:
        expression, _ = reader.read(pixels, face, alignment)
        if expression is None:
            return None
        is_right = tuple(Emotion).index(expression.leading) == true[index]
        return float(is_right), expression.confidence

    return worth


def of_demographics(faces: UtkFace, reader: DemographicsReader) -> Worth:
    def worth(
        index: int, pixels: Pixels, face: Box, alignment: Alignment
    ) -> tuple[float, ...] | None:
        told = reader.read(pixels, face, alignment)
        if told.age is None or told.gender is None:
            return None
        is_right = (told.gender.female_probability >= 0.5) == faces.female[index]
        return abs(told.age.years - float(faces.ages[index])), float(is_right)

    return worth


def main(argv: list[str] | None = None) -> None:
    arguments = _arguments().parse_args(argv)

    def engine(name: str) -> TfliteEngine:
        return TfliteEngine(find_model(name))

    aligner = Aligner(FaceGeometryReader(engine(arguments.geometry)))
    detector = PeopleDetector(engine("people"), DetectionSettings())
    faces = ferplus(arguments.every)
    parameters = find_model("expression").entry.parameters
    asked = Asked(
        [np.ascontiguousarray(face) for face in faces.faces],
        parameters["crop_side"],
        0.0,
        of_expression(faces, ExpressionReader(engine("expression"))),
        ("accuracy", "mean confidence"),
    )
    print(f"\nExpression, {len(asked.chips)} faces of FER+ valid:\n")
    _print_tilts(asked, aligner, {"known": Boxes(None)})
    _print_turns(asked, aligner)

    chips = utkface(arguments.every)
    parameters = find_model("demographics").entry.parameters
    asked = Asked(
        chips.chips,
        parameters["crop_side"],
        parameters["crop_shift_down"],
        of_demographics(chips, DemographicsReader(engine("demographics"))),
        ("age error, years", "gender, accuracy"),
    )
    print(f"\nAge and gender, {len(chips)} chips of UTKFace held back:\n")
    _print_tilts(asked, aligner, {"known": Boxes(None), "found": Boxes(detector)})
    _print_turns(asked, aligner)


def ferplus(every: int) -> FerPlus:
    """Every so many-th face of FER+ valid that has a name."""
    folder = data_root() / "ferplus"
    faces = FerPlus.read(folder / "valid.zip", folder / "valid.csv").nameable()
    return faces.chosen(np.arange(0, len(faces.faces), every))


def utkface(every: int) -> UtkFace:
    """Every so many-th chip of those that no age model has learned from."""
    folder = data_root() / "utkface"
    split = Split.of(
        UtkFace.read(folder / "train.zip", folder / "train.csv"),
        calibration=train.CALIBRATION_FACES,
        validation=train.VALIDATION_FACES,
        seed=train.SPLIT_SEED,
    )
    return split.validation.chosen(np.arange(0, len(split.validation), every))


def _print_tilts(asked: Asked, aligner: Aligner, boxes: Mapping[str, Boxes]) -> None:
    rows = [
        (kind, tilt_deg, *_cells(row))
        for kind, box in boxes.items()
        for tilt_deg in TILTS_DEG
        for row in by_tilt(asked, tilt_deg, aligner, box)
    ]
    headings = ("box", "tilt, degrees", "crop", *asked.names, "of the faces")
    print(card.table(headings, rows), flush=True)


def _print_turns(asked: Asked, aligner: Aligner) -> None:
    rows = [(turn, *_cells(row)) for turn, row in by_turn(asked, aligner)]
    headings = ("turn of the head, degrees", "crop", *asked.names, "of the faces")
    print("\n" + card.table(headings, rows), flush=True)


def _cells(row: Row) -> tuple[str, ...]:
    way, values, share = row
    return way, *(f"{value:.3f}" for value in values), f"{share:.1%}"


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.evaluate_alignment")
    parser.add_argument("--geometry", default="face_geometry", help="name in the manifest, or file")
    parser.add_argument("--every", type=int, default=1, help="only every so many-th face")
    return parser


if __name__ == "__main__":
    main()
