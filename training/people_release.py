"""From trained weights to the calibrated int8 file, its manifest entry and its figures."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from edge_agent.devices.manifest import Model, find_model
from edge_agent.perception import people as codec
from training.detection_metrics import CALIBRATION_FLOOR, Tally
from training.evaluate_people import Measurement, detector_for, labelled_scenes, measure
from training.people_augment import SceneAugmentation
from training.people_card import write_card
from training.people_export import EXPORT_SIZE, export_people
from training.people_network import LOGITS, PeopleNet
from training.publish import describe, publish
from training.scenes import Scene

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

    The slope and shift of each class's logit are fitted to the uncalibrated int8 file on the
    scenes that are held back, then built into the last layer.
    """
    pictures = calibration_pictures(groups)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / f"{NAME}.tflite"
        export_people(network, pictures, plain)
        plain.with_suffix(".yaml").write_text(yaml.safe_dump(entry_of(plain, {})))
        tallies = held_back_tallies(find_model(str(plain)), data)
    slope, shift = fitted_calibration(tallies)
    file = models / f"{NAME}.tflite"
    file.parent.mkdir(parents=True, exist_ok=True)
    export_people(network, pictures, file, slope, shift)
    entry = entry_of(file, {})
    publish(NAME, entry, models)
    model = find_model(NAME, models)
    measurements = held_back_measurements(model, data)
    entry["figures"] = {"split": "held back from training", **figures_of(measurements)}
    publish(NAME, entry, models)
    write_card(models / "cards" / f"{NAME}.md", model, measurements, data)
    return entry


def entry_of(file: Path, figures: Mapping[str, Any]) -> dict[str, Any]:
    return describe(
        file,
        task="people",
        channels="bgr",
        outputs=[f"stride_{stride}" for stride in codec.STRIDES],
        labels=[part.value for part in codec.PARTS],
        parameters={},
        data=DATA,
        licence=LICENCE,
        figures=figures,
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


def fitted_calibration(
    tallies: Mapping[int, Sequence[Tally]],
) -> tuple[list[float], list[float]]:
    """Slope and shift per class that make the logits those of being right (Platt, 1999).

    Every view counts the same, however many objects it has.
    """
    slopes, shifts = [], []
    for kind in range(LOGITS):
        scores, right, weights = [], [], []
        for tally in tallies[kind]:
            chosen = np.array(tally.scores)
            kept = chosen >= CALIBRATION_FLOOR / 2
            chosen = chosen[kept]
            scores.append(np.log(chosen / (1 - chosen)))
            right.append(np.array(tally.right, np.float64)[kept])
            weights.append(np.full(len(chosen), 1 / max(len(chosen), 1)))
        slope, shift = _logistic_fit(
            np.concatenate(scores), np.concatenate(right), np.concatenate(weights)
        )
        slopes.append(slope)
        shifts.append(shift)
        print(f"calibration of {codec.PARTS[kind].value}: {slope:.3f} logit + {shift:.3f}")
    return slopes, shifts


def _logistic_fit(
    logits: npt.NDArray[np.float64],
    right: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
) -> tuple[float, float]:
    """Weighted logistic regression on one variable, by Newton's method."""
    design = np.stack([logits, np.ones_like(logits)], 1)
    answer = np.array([1.0, 0.0])
    for _ in range(50):
        given = 1 / (1 + np.exp(-np.clip(design @ answer, -30, 30)))
        gradient = design.T @ (weights * (right - given))
        curvature = (design * (weights * given * (1 - given))[:, None]).T @ design
        answer = answer + np.linalg.solve(curvature + 1e-9 * np.eye(2), gradient)
    return float(answer[0]), float(answer[1])
