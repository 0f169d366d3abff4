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
from training.calibrate import beta_calibration_for
from training.people.augment import SceneAugmentation
from training.people.card import write_card
from training.people.evaluate import Measurement, detector_for, labelled_scenes, measure
from training.people.export import EXPORT_SIZE, export_people
from training.people.metrics import CALIBRATION_FLOOR, Tally
from training.people.network import LOGITS, PeopleNet
from training.people.scenes import Scene
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
    """Write the model of `network` into `models` and return its manifest entry.

    The calibration of each class's scores is fitted to the int8 file on the scenes held back.
    """
    file = models / f"{NAME}.tflite"
    file.parent.mkdir(parents=True, exist_ok=True)
    export_people(network, calibration_pictures(groups), file)
    entry = entry_of(file, ScoreCalibration.as_learned(codec.PART_NAMES))
    publish(NAME, entry, models)
    entry["parameters"] = fitted_calibration(held_back_tallies(find_model(NAME, models), data))
    publish(NAME, entry, models)
    model = find_model(NAME, models)
    measurements = held_back_measurements(model, data)
    entry["figures"] = {"split": "held back from training", **figures_of(measurements)}
    publish(NAME, entry, models)
    write_card(models / "cards" / f"{NAME}.md", model, measurements, data)
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
    folder = data / "scenes"
    return {
        f"{group}_{size}": measure(
            detector_for(model, size),
            labelled_scenes(
                folder / "train.zip", folder / "train.jsonl", group, held_back_only=True
            ),
            size,
            timed=False,
        )
        for group, size in VIEWS
    }


def held_back_tallies(model: Model, data: Path) -> dict[int, list[Tally]]:
    """The tallies of each class over all views that label it."""
    tallies: dict[int, list[Tally]] = {kind: [] for kind in range(LOGITS)}
    for measurement in held_back_measurements(model, data).values():
        for kind, tally in measurement.tallies.items():
            tallies[kind].append(tally)
    return tallies


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


def fitted_calibration(tallies: Mapping[int, Sequence[Tally]]) -> dict[str, float]:
    """The parameters of `ScoreCalibration` for each class, fitted to finds of the learned scores.

    Every view counts the same, however many objects it has.
    """
    parameters = {}
    for kind, part in enumerate(codec.PARTS):
        scores, right, weights = [], [], []
        for tally in tallies[kind]:
            chosen = np.array(tally.scores)
            kept = chosen >= CALIBRATION_FLOOR / 2
            scores.append(chosen[kept])
            right.append(np.array(tally.right, np.float64)[kept])
            weights.append(np.full(kept.sum(), 1 / max(kept.sum(), 1)))
        fitted = beta_calibration_for(*map(np.concatenate, (scores, right, weights)))
        for name, value in zip(("below", "above", "shift"), fitted, strict=True):
            parameters[f"{part.value}_{name}"] = round(value, 3)
    return parameters
