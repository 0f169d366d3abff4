"""Measure an age and gender model on face chips with labels.

python -m training.evaluate demographics --images FILE.zip --labels FILE.csv [--model FILE] [--json]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_agent.devices.manifest import Model, find_model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.perception.demographics import DemographicsReader
from training.calibrate import NORMAL_80, expected_calibration_error
from training.cost import cost_of
from training.demographics.utkface import Chip, UtkFace, whole
from training.report import evaluation_parser, tell

GROWN_UP = 15
"""Years above which gender is also measured by itself."""
LINES = {
    "faces": "{n:8d}",
    "age, mean absolute error": "{age_mae:8.2f} years",
    "age, true one in the 80 % interval": "{age_interval_80_coverage:8.2%}",
    "gender, accuracy": "{gender_accuracy:8.2%}",
    "gender, accuracy over 15 years": "{gender_accuracy_over_15:8.2%}",
    "gender, expected calibration error": "{gender_ece:8.4f}",
}


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What the reader states, each of shape (n,), beside the faces that it was stated of."""

    years: npt.NDArray[np.float64]
    deviations: npt.NDArray[np.float64]
    female_probabilities: npt.NDArray[np.float64]
    faces: UtkFace

    @property
    def errors(self) -> npt.NDArray[np.float64]:
        """Of the age in years; positive where the face is taken for older than it is."""
        return self.years - self.faces.ages

    @property
    def gender_right(self) -> npt.NDArray[np.bool_]:
        return (self.female_probabilities >= 0.5) == self.faces.female

    @property
    def gender_confidences(self) -> npt.NDArray[np.float64]:
        return np.maximum(self.female_probabilities, 1 - self.female_probabilities)

    @property
    def covered(self) -> npt.NDArray[np.bool_]:
        """Where the true age lies in the stated 80 % interval."""
        return np.asarray(np.abs(self.errors) <= NORMAL_80 * self.deviations, np.bool_)

    def figures(self) -> dict[str, float]:
        grown_up = self.faces.ages > GROWN_UP
        return {
            "n": len(self.faces),
            "age_mae": float(np.abs(self.errors).mean()),
            "age_interval_80_coverage": float(self.covered.mean()),
            "gender_accuracy": float(self.gender_right.mean()),
            "gender_accuracy_over_15": float(self.gender_right[grown_up].mean()),
            "gender_ece": expected_calibration_error(self.gender_confidences, self.gender_right),
        }


def answers(
    engine: TfliteEngine, faces: UtkFace, seen: Callable[[Chip], Chip] = lambda chip: chip
) -> Answers:
    """Those of the daemon's reader to whole chips, each as `seen` by the camera."""
    reader = DemographicsReader(engine)
    side = engine.input_size.width
    stated = [reader.estimates(whole(seen(chip), side)) for chip in faces.chips]
    return Answers(
        np.array([age.years for age, _ in stated]),
        np.array([age.deviation_years for age, _ in stated]),
        np.array([gender.female_probability for _, gender in stated]),
        faces,
    )


def measure(model: Model, faces: UtkFace) -> tuple[Answers, dict[str, float]]:
    result = answers(TfliteEngine(model), faces)
    return result, {**result.figures(), **cost_of(model.path)}


def main(argv: list[str]) -> None:
    parser = evaluation_parser(
        "demographics", images="zip of face chips of any size", labels="csv: file, age, gender"
    )
    arguments = parser.parse_args(argv)
    faces = UtkFace.read(arguments.images, arguments.labels)
    _, figures = measure(find_model(arguments.model), faces)
    tell(figures, LINES, as_json=arguments.json)
