"""Finding people: a frame in, faces, heads and bodies out, paired into persons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_agent.domain.detection import Detection, FaceLandmarks, Part, Region
from edge_agent.domain.frame import Frame
from edge_agent.domain.geometry import Box, Point, Size
from edge_agent.perception.close_look import laid_out, new_faces, tiles_for
from edge_agent.perception.clothing import with_clothing
from edge_agent.perception.confidence import ScoreCalibration
from edge_agent.perception.corners import first_of_their_place, iou
from edge_agent.perception.pairing import paired
from edge_agent.perception.tensors import Engine, Letterbox, Pixels, Tensor
from edge_agent.settings import DetectionSettings

Indices = npt.NDArray[np.intp]

PARTS = (Part.FACE, Part.HEAD, Part.BODY)
STRIDES = (4, 8, 16, 32)
"""Input pixels per cell of the outputs `stride_4` to `stride_32`."""
CHANNELS = 25
"""Of a cell: 3 scores, 3 x 4 sides, 5 x 2 points, each as a number v in [0, 6]."""
LOGIT_SCALE, LOGIT_SHIFT = 1.5, -6.0
POINT_SCALE, POINT_SHIFT = 2.0, -6.0
INPUT_MULTIPLE = 32
MOST_CANDIDATES = 2000
"""Cells of one picture that are looked at further, the surest first."""
SAME_OBJECT_IOU = 0.5
SAME_PLACE_IOU = 0.65
"""Overlap from which candidates agree on where an object is."""
PART_NAMES = tuple(part.value for part in PARTS)
AS_LEARNED = ScoreCalibration.from_parameters(ScoreCalibration.as_learned(PART_NAMES), PART_NAMES)
DOUBTFUL_SCORE = 0.15
"""Faces below it are not worth a second look."""
CLOSE_SCORE = 0.7
"""What a second look must be sure of, at least: it asks where the first said no."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Found parts in pixels of the model's input, surest first.

    `part` (n,) indexes `PARTS`; `score` (n,) is a probability; `box` (n, 4) left, top, right,
    bottom; `points` (n, 5, 2) mean something for faces only.
    """

    part: Indices
    score: Tensor
    box: Tensor
    points: Tensor

    def __len__(self) -> int:
        return len(self.score)

    def at(self, chosen: Indices | npt.NDArray[np.bool_]) -> Candidates:
        return Candidates(
            self.part[chosen], self.score[chosen], self.box[chosen], self.points[chosen]
        )


class PeopleDetector:
    """Finds the people of a frame by their faces, heads and bodies.

    One look at the whole frame; where bodies lead, a second one at heads too small for the first.
    The model's parameters are those of `ScoreCalibration` for face, head and body.
    """

    def __init__(self, engine: Engine, settings: DetectionSettings) -> None:
        self._engine = engine
        self._settings = settings
        self._calibration = ScoreCalibration.from_parameters(engine.parameters, PART_NAMES)

    def detect(self, frame: Frame) -> tuple[Detection, ...]:
        """The persons in view, with boxes in pixels of the frame and clipped to it."""
        if self._settings.leading_part == "body":
            return with_clothing(frame.pixels, self._looked_at_twice(frame))
        return with_clothing(frame.pixels, paired(self.find(frame)))

    def find(self, frame: Frame) -> tuple[Region, ...]:
        """Every part that one look at the whole frame finds, unpaired, surest first."""
        return self._first_look(frame, self._settings.threshold)

    def _looked_at_twice(self, frame: Frame) -> tuple[Detection, ...]:
        """Persons with the faces, too, that only the frame's full resolution shows."""
        least = self._settings.threshold
        suspected = self._first_look(frame, min(least, DOUBTFUL_SCORE))
        sure = [region for region in suspected if region.confidence >= least]
        persons = paired(sure)
        doubtful = [r for r in suspected if r.part is Part.FACE and r.confidence < least]
        size = input_size(frame.size, self._settings.input_long_side)
        tiles = tiles_for(persons, doubtful, Letterbox.fitting(frame.size, size).scale, size)
        if not tiles:
            return persons
        picture, close = laid_out(frame.pixels, tiles, size), max(least, CLOSE_SCORE)
        faces, known = (
            [region for region in regions if region.part is Part.FACE]
            for regions in (self._regions(picture, Letterbox(1.0, size), close), sure)
        )
        added = new_faces(tiles, faces, known, frame.size)
        return paired([*sure, *added]) if added else persons

    def _first_look(self, frame: Frame, least: float) -> tuple[Region, ...]:
        size = input_size(frame.size, self._settings.input_long_side)
        letterbox = Letterbox.fitting(frame.size, size)
        picture = frame.at_least(self._settings.input_long_side)
        return self._regions(letterbox.apply(picture, size), letterbox, least)

    def _regions(self, image: Pixels, letterbox: Letterbox, least: float) -> tuple[Region, ...]:
        self._engine.resize(Size(image.shape[1], image.shape[0]))
        outputs = self._engine.infer(image)
        found = objects(decode(outputs, least, self._calibration))
        return tuple(_regions(found, letterbox))


def input_size(source: Size, long_side: int) -> Size:
    """The smallest input, in whole cells of the coarsest output, for a picture of that shape."""
    scale = long_side / max(source.width, source.height)
    width, height = (
        max(-(-round(side * scale) // INPUT_MULTIPLE), 1) * INPUT_MULTIPLE
        for side in (source.width, source.height)
    )
    return Size(width, height)


def decode(
    outputs: Mapping[str, Tensor],
    threshold: float,
    calibration: ScoreCalibration = AS_LEARNED,
) -> Candidates:
    """Candidates of at least `threshold` in the outputs `stride_S`, each (h, w, CHANNELS).

    A score's logit is 1.5 v - 6. A side lies v^2 / 2 strides from the cell's centre, a point
    2 v - 6 strides.
    """
    least = (calibration.least_logits(threshold) - LOGIT_SHIFT) / LOGIT_SCALE
    levels = [_answers(outputs[f"stride_{stride}"], stride, least) for stride in STRIDES]
    part, cell, place = (np.concatenate(arrays) for arrays in zip(*levels, strict=True))
    which = np.arange(len(part))
    side = cell[:, len(PARTS) : 5 * len(PARTS)].reshape(-1, len(PARTS), 4)[which, part]
    reach = side * side * (place[:, 2:] / 2)
    logits = cell[which, part] * LOGIT_SCALE + LOGIT_SHIFT
    extent = np.sqrt((reach[:, :2] + reach[:, 2:]).prod(axis=1))
    score = calibration.probability(logits, part, extent)
    surest = np.argsort(-score, kind="stable")[:MOST_CANDIDATES]
    surest = surest[score[surest] >= threshold]
    cell, place, reach = cell[surest], place[surest], reach[surest]
    center, stride = place[:, :2], place[:, 2:]
    shift = cell[:, 5 * len(PARTS) :].reshape(-1, 5, 2) * POINT_SCALE + POINT_SHIFT
    return Candidates(
        part[surest],
        score[surest],
        np.concatenate([center - reach[:, :2], center + reach[:, 2:]], 1),
        center[:, None] + shift * stride[:, None],
    )


def objects(found: Candidates) -> Candidates:
    """One for each object that the candidates, given surest first, have found."""
    return voted(distinct(found), found)


def distinct(found: Candidates, overlap: float = SAME_OBJECT_IOU) -> Candidates:
    """Candidates, given surest first, without those that overlap a surer one of the same part.

    Greedy non-maximum suppression; IoU of `overlap` and more counts as the same object.
    """
    kept = np.ones(len(found), np.bool_)
    for part in range(len(PARTS)):
        of_part = np.flatnonzero(found.part == part)
        if len(of_part) > 1:
            kept[of_part] = first_of_their_place(found.box[of_part], overlap)
    return found.at(kept)


def voted(kept: Candidates, found: Candidates) -> Candidates:
    """What was `kept` of the candidates `found`, where those that agree on a place put it.

    Boxes and points are the means of all that overlap by SAME_PLACE_IOU, weighted by their scores
    (box voting: Gidaris and Komodakis, "Object detection via a multi-region and semantic
    segmentation-aware CNN model", 2015): several cells see each object, and each rounds otherwise.
    """
    overlaps = iou(kept.box, found.box) * (kept.part[:, None] == found.part)
    agree = (overlaps >= SAME_PLACE_IOU) & (overlaps == overlaps.max(axis=0, initial=0))
    votes = agree * found.score
    votes /= votes.sum(axis=1, keepdims=True)
    points = votes @ found.points.reshape(-1, 10)
    return Candidates(kept.part, kept.score, votes @ found.box, points.reshape(-1, 5, 2))


def _answers(values: Tensor, stride: int, least: Tensor) -> tuple[Indices, Tensor, Tensor]:
    """Of one level the scores of at least `least`, given by part: their part (n,), all numbers of
    their cell (n, CHANNELS), and the cell's centre and stride in pixels (n, 3)."""
    columns = values.shape[1]
    cells = values.reshape(-1, CHANNELS)
    found = [np.flatnonzero(cells[:, part] >= least[part]) for part in range(len(PARTS))]
    part, cell = np.repeat(np.arange(len(PARTS)), list(map(len, found))), np.concatenate(found)
    if not len(cell):
        return part, np.empty((0, CHANNELS), np.float32), np.empty((0, 3), np.float32)
    row, column = np.divmod(cell, columns)
    place = np.stack([column + 0.5, row + 0.5, np.ones(len(cell))], 1) * stride
    return part, cells[cell], place.astype(np.float32)


def _regions(found: Candidates, letterbox: Letterbox) -> Sequence[Region]:
    regions = []
    for part, score, box, points in zip(
        found.part.tolist(),
        found.score.tolist(),
        found.box.tolist(),
        found.points.tolist(),
        strict=True,
    ):
        placed = letterbox.box_in_source(Box.from_corners(*box)).clipped(letterbox.source)
        if placed.area > 0:
            landmarks = _landmarks(points, letterbox) if PARTS[part] is Part.FACE else None
            regions.append(Region(PARTS[part], placed, score, landmarks))
    return regions


def _landmarks(points: Sequence[Sequence[float]], letterbox: Letterbox) -> FaceLandmarks:
    return FaceLandmarks(
        *(letterbox.point_in_source(Point(x, y)).clipped(letterbox.source) for x, y in points)
    )
