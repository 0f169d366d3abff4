"""Measure an expression model on faces with votes.

python -m training.evaluate expression --images FILE.zip --votes FILE.csv [--model FILE] [--json]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_agent.devices.manifest import Model, find_model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.geometry import Box
from edge_agent.domain.observation import Emotion
from edge_agent.perception.crops import cut
from edge_agent.perception.expression import ExpressionReader
from training.calibrate import expected_calibration_error
from training.cost import cost_of
from training.data import FERPLUS_CLASSES, FerPlus
from training.report import evaluation_parser, tell

FIVE = (Emotion.NEUTRAL, Emotion.HAPPINESS, Emotion.SURPRISE, Emotion.ANGER, Emotion.SADNESS)
"""The emotions that the contract names; the mean recall is over them."""

EVALUATED = (
    "n",
    "accuracy_majority",
    "accuracy_plurality",
    "mean_recall_five",
    "ece",
    "bytes",
    "macs",
)
"""The names of the figures that `measure` gives."""
LINES = {
    "faces": "{n:8d}",
    "accuracy, majority over half": "{accuracy_majority:8.2%}",
    "accuracy, plurality": "{accuracy_plurality:8.2%}",
    "recall, mean of the five, majority": "{mean_recall_five:8.2%}",
    "expected calibration error": "{ece:8.4f}",
}


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Probabilities of shape (n, 8) beside the faces that they were given for."""

    probabilities: npt.NDArray[np.float32]
    faces: FerPlus

    @property
    def given(self) -> npt.NDArray[np.intp]:
        return self.probabilities.argmax(1)

    @property
    def true(self) -> npt.NDArray[np.intp]:
        """The emotion with most votes."""
        return self.faces.votes[:, :FERPLUS_CLASSES].argmax(1)

    def confusion(self) -> npt.NDArray[np.int64]:
        """Of shape (8, 8): rows are the majority emotion, columns the model's answer."""
        table = np.zeros((FERPLUS_CLASSES, FERPLUS_CLASSES), np.int64)
        majority = self.faces.majority()
        np.add.at(table, (self.true[majority], self.given[majority]), 1)
        return table

    def figures(self) -> dict[str, float]:
        right, majority = self.given == self.true, self.faces.majority()
        recalls = np.diag(self.confusion()) / np.maximum(self.confusion().sum(1), 1)
        return {
            "n": len(right),
            "accuracy_majority": float(right[majority].mean()),
            "accuracy_plurality": float(right.mean()),
            "mean_recall_five": float(np.mean([recalls[tuple(Emotion).index(e)] for e in FIVE])),
            "ece": expected_calibration_error(self.probabilities.max(1), right),
        }


def answers(engine: TfliteEngine, faces: FerPlus) -> Answers:
    """Those of the daemon's reader to crops as they are in the archive."""
    reader = ExpressionReader(engine)
    side = engine.input_size.width
    whole = Box(0, 0, faces.faces.shape[2], faces.faces.shape[1])
    crops = (cut(face, whole, side) for face in faces.faces)
    probabilities = [reader.probabilities(crop) for crop in crops if crop is not None]
    return Answers(np.stack(probabilities), faces)


def measure(model: Model, faces: FerPlus) -> tuple[Answers, dict[str, float]]:
    result = answers(TfliteEngine(model), faces)
    return result, {**result.figures(), **cost_of(model.path)}


def main(argv: list[str]) -> None:
    parser = evaluation_parser(
        "expression", images="zip of sheets of faces", votes="csv of the votes"
    )
    arguments = parser.parse_args(argv)
    faces = FerPlus.read(arguments.images, arguments.votes).nameable()
    _, figures = measure(find_model(arguments.model), faces)
    tell(figures, LINES, as_json=arguments.json)
