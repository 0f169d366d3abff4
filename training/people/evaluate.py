"""Measure a detector on labelled scenes.

python -m training.evaluate people --images FILE.zip --labels FILE.jsonl --group crowd --size 320

Masked and bare faces count as one class. A class that the group does not label is null.
"""

from __future__ import annotations

import argparse
import json
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.devices.manifest import Model, find_model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.detection import Region
from edge_agent.domain.frame import Frame, Instant
from edge_agent.perception.people import PARTS, PeopleDetector
from edge_agent.settings import DetectionSettings
from training.cost import bytes_of, macs_of
from training.data import decode
from training.people.metrics import Tally, calibration_error
from training.people.scenes import (
    BODY,
    FACE,
    HEAD,
    Scene,
    is_held_back,
    labelled_scene,
    read_labels,
)
from training.report import evaluation_parser

FLOOR = 0.01
"""Finds below this score are not asked for."""
KEYS = ((FACE, "face"), (BODY, "person"), (HEAD, "head"))
NOW = Instant(datetime.fromtimestamp(0, timezone.utc), 0.0)


@dataclass(slots=True)
class Measurement:
    """What a detector found in the scenes of one group, by class."""

    tallies: dict[int, Tally] = field(default_factory=dict)
    sides: dict[int, list[float]] = field(default_factory=dict)
    """Of each object, in the order of the tally: the geometric mean side in pixels of the input."""
    masked: list[bool] = field(default_factory=list)
    """Of each face, in the order of the tally: whether it wears a mask."""
    found_sides: dict[int, list[float]] = field(default_factory=dict)
    """Of each find, in the order of the tally: the geometric mean side in pixels of the input."""
    images: int = 0
    seconds: list[float] = field(default_factory=list)

    def add(self, scene: Scene, regions: Sequence[Region], seconds: float, scale: float) -> None:
        """One scene, which was scaled by `scale` to the input."""
        self.images += 1
        self.seconds.append(seconds)
        for kind in scene.complete:
            scores, boxes = of_part(regions, kind)
            objects = scene.boxes[scene.classes == kind]
            self.tallies.setdefault(kind, Tally()).add(scores, boxes, objects)
            self.sides.setdefault(kind, []).extend((_sides(objects) * scale).tolist())
            order = np.argsort(-scores, kind="stable")
            found = _sides(boxes[order]) * scale
            self.found_sides.setdefault(kind, []).extend(found.tolist())
        if FACE in scene.complete:
            self.masked.extend(scene.masked[scene.classes == FACE].tolist())

    def figures(self) -> dict[str, Any]:
        def of(kind: int) -> Tally:
            return self.tallies.get(kind, Tally())

        return {
            "images": self.images,
            "objects": sum(tally.objects for tally in self.tallies.values()),
            **{f"ap50_{name}": of(kind).average_precision() for kind, name in KEYS},
            "recall_at_precision_90_face": of(FACE).recall_at_precision(0.9),
            "recall_at_precision_90_person": of(BODY).recall_at_precision(0.9),
            "ece": calibration_error(list(self.tallies.values())),
            "median_ms": float(np.median(self.seconds)) * 1e3 if self.seconds else None,
        }


def _sides(boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1)), np.float32)


def of_part(
    regions: Sequence[Region], kind: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Scores (n,) and corners (n, 4) of the regions of one class."""
    chosen = [region for region in regions if region.part is PARTS[kind]]
    boxes = [(r.box.x, r.box.y, r.box.right, r.box.bottom) for r in chosen]
    return (
        np.array([region.confidence for region in chosen], np.float32),
        np.array(boxes, np.float32).reshape(-1, 4),
    )


def detector_for(model: Model, size: int, threshold: float = FLOOR) -> PeopleDetector:
    settings = DetectionSettings(input_long_side=size, threshold=threshold)
    return PeopleDetector(TfliteEngine(model), settings)


def measure(
    detector: PeopleDetector, scenes: Iterator[Scene], size: int, *, timed: bool = True
) -> Measurement:
    """To be timed, each scene is looked at twice, and the second look counts: a camera's frames
    have one size, and the model is not resized between them."""
    measurement = Measurement()
    for scene in scenes:
        frame = Frame(scene.image, NOW)
        if timed:
            detector.find(frame)
        started = time.perf_counter()
        regions = detector.find(frame)
        seconds = time.perf_counter() - started
        measurement.add(scene, regions, seconds, size / max(scene.image.shape[:2]))
    return measurement


def records_of(
    labels: Path, group: str | None, *, held_back_only: bool = False
) -> list[Mapping[str, Any]]:
    """The records of one group or of all."""
    return [
        record
        for record in read_labels(labels)
        if group in (None, record["group"]) and (not held_back_only or is_held_back(record))
    ]


def labelled_scenes(images: Path, records: Sequence[Mapping[str, Any]]) -> Iterator[Scene]:
    """Scenes of a zip with their own labels."""
    with zipfile.ZipFile(images) as archive:
        members = {Path(name).name: name for name in archive.namelist()}
        for record in records:
            name = record["file"]
            yield labelled_scene(record, decode(archive.read(members[name]), name))


def main(argv: list[str]) -> None:
    arguments = _arguments().parse_args(argv)
    model = find_model(arguments.model)
    records = records_of(arguments.labels, arguments.group, held_back_only=arguments.held_back)
    scenes = labelled_scenes(arguments.images, records)
    figures = measure(detector_for(model, arguments.size), scenes, arguments.size).figures()
    if not figures["images"]:
        raise SystemExit(f"{arguments.labels} has no picture of group {arguments.group}")
    _, height, width, _ = model.entry.input.shape
    typical = arguments.size * arguments.size * 3 / 4
    figures["bytes"] = bytes_of(model.path)
    figures["macs"] = macs_of(model.path, typical / (height * width))
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        shown = "-" if value is None else f"{value:.4f}" if isinstance(value, float) else value
        print(f"{name:30s} {shown:>14}")


def _arguments() -> argparse.ArgumentParser:
    parser = evaluation_parser(
        "people", images="zip of the pictures", labels="their objects, a line each"
    )
    parser.add_argument("--group", help="crowd, street, people, room or station (default: all)")
    parser.add_argument("--size", type=int, default=320, help="long side of the model's input")
    parser.add_argument(
        "--held-back",
        action="store_true",
        help="only the pictures that training keeps for validation",
    )
    return parser
