"""From trained weights to the calibrated int8 file, its manifest entry and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_agent.devices.manifest import Model, find_model
from edge_agent.perception import people as codec
from edge_agent.perception.confidence import ScoreCalibration
from training.people.augment import SceneAugmentation
from training.people.calibration import Halves, calibration_errors, fitted_calibration
from training.people.card import write_card
from training.people.evaluate import (
    Measurement,
    detector_for,
    labelled_scenes,
    measure,
    records_of,
)
from training.people.export import EXPORT_SIZE, export_people
from training.people.network import PeopleNet
from training.people.scenes import Scene, in_halves
from training.publish import describe, publish

NAME = "people"
VIEWS = (
    ("crowd", 320),
    ("crowd", 640),
    ("street", 320),
    ("street", 640),
    ("people", 352),
    ("room", 416),
    ("station", 640),
)
"""The groups with the input sizes at which they are measured."""
DATA = (
    "scenes with labelled faces, heads and people (Kaggle face mask detection; EDEN foundation; "
    "Roboflow capston2 and cctv-vh5b6), face chips of UTKFace and YouTube Faces; bare faces and "
    "five points distilled from YuNet"
)
LICENCE = (
    "CC0, CC BY 4.0 and research-use data (UTKFace: non-commercial research); teacher YuNet: MIT"
)
CALIBRATION_PICTURES = 240


def release(
    network: PeopleNet, groups: Mapping[str, Sequence[Scene]], data: Path, models: Path
) -> dict[str, Any]:
    """Write the model of `network` into `models` and return its manifest entry."""
    file = models / f"{NAME}.tflite"
    file.parent.mkdir(parents=True, exist_ok=True)
    export_people(network, calibration_pictures(groups), file)
    return published(data, models)


def published(data: Path, models: Path) -> dict[str, Any]:
    """Calibrate and measure the model file that lies in `models`; write its manifest entry, which
    is returned, and its card.

    The calibration of each class's scores is fitted to the int8 file on the scenes held back.
    """
    entry = entry_of(models / f"{NAME}.tflite", ScoreCalibration.as_learned(codec.PART_NAMES))
    publish(NAME, entry, models)
    halves = held_back_halves(find_model(NAME, models), data)
    entry["parameters"] = fitted_calibration(list(halves.values()))
    publish(NAME, entry, models)
    model = find_model(NAME, models)
    measurements = held_back_measurements(model, data)
    entry["figures"] = {"split": "held back from training", **figures_of(measurements)}
    publish(NAME, entry, models)
    card = models / "cards" / f"{NAME}.md"
    write_card(card, model, measurements, calibration_errors(halves), data)
    return entry


def entry_of(file: Path, calibration: Mapping[str, float]) -> dict[str, Any]:
    return describe(
        file,
        task="people",
        channels="bgr",
        outputs=[f"stride_{stride}" for stride in codec.STRIDES],
        labels=codec.PART_NAMES,
        parameters=calibration,
        data=DATA,
        licence=LICENCE,
        figures={},
    )


def calibration_pictures(groups: Mapping[str, Sequence[Scene]]) -> list[npt.NDArray[np.uint8]]:
    """Views of training scenes as the daemon may see them, of EXPORT_SIZE."""
    random = np.random.default_rng(7)
    augment = SceneAugmentation(side=max(EXPORT_SIZE), rotate=0.0)
    scenes = [scene for group in groups.values() for scene in group]
    height, width = EXPORT_SIZE
    chosen = random.choice(len(scenes), CALIBRATION_PICTURES)
    return [augment.tile(scenes[i], (width, height), random).image for i in chosen]


def held_back_measurements(model: Model, data: Path) -> dict[str, Measurement]:
    return {
        f"{group}_{size}": _measured(model, size, _held_back(data, group), data)
        for group, size in VIEWS
    }


def held_back_halves(model: Model, data: Path) -> dict[str, Halves]:
    """Each view in two halves that share no place."""
    halves = {}
    for group, size in VIEWS:
        first, second = in_halves(_held_back(data, group))
        halves[f"{group}_{size}"] = (
            _measured(model, size, first, data),
            _measured(model, size, second, data),
        )
    return halves


def _held_back(data: Path, group: str) -> list[Mapping[str, Any]]:
    return records_of(data / "scenes" / "train.jsonl", group, held_back_only=True)


def _measured(
    model: Model, size: int, records: Sequence[Mapping[str, Any]], data: Path
) -> Measurement:
    scenes = labelled_scenes(data / "scenes" / "train.zip", records)
    return measure(detector_for(model, size), scenes, size, timed=False)


def figures_of(measurements: Mapping[str, Measurement]) -> dict[str, Any]:
    """The figures of `training.evaluate people` for each view, without nulls and times."""
    return {
        view: {
            key: round(value, 4) if isinstance(value, float) else value
            for key, value in measurement.figures().items()
            if value is not None and key != "median_ms"
        }
        for view, measurement in measurements.items()
    }
