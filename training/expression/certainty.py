"""How sure to be of what is seen badly: python -m training.expression.certainty

Training faces that were held back are read by the daemon's own readers as they are, from afar,
blurred and noisy. The leading emotion's confidence has to be the share of them in which it is
right: the two numbers by which softness and turn of a face raise the temperature are fitted to
that, and written into the model's manifest entry. Nothing is trained.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_agent.devices.manifest import Model, find_model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.perception.expression import (
    ExpressionReader,
    confidence_from,
    crop_of,
    strains,
)
from training.data import FerPlus, data_root
from training.expression.network import CROP_SIDE, NAME
from training.expression.views import Aligner, Sight, seen
from training.fit import generator_for
from training.publish import MODELS, publish

SPLIT_SEED = 20
HELD_BACK = 1024
"""Training faces that are not trained on: the temperatures are fitted to them."""
SIGHTS = tuple(
    Sight(side, blur, noise)
    for noise in (0.0, 0.03)
    for side, blur in (
        *product((None, 40, 32, 28, 24, 20, 16, 12), (0.0,)),
        *product((None,), (0.7, 1.0, 1.5, 2.0, 3.0, 4.0)),
        *product((32, 24), (1.0, 2.0)),
    )
)
"""How the faces are seen, each as often; the noise is that of `training.augment`."""
BLUR_TEMPERATURES = np.geomspace(1e-4, 1e-2, 81)
TURN_TEMPERATURES = np.geomspace(0.02, 2.0, 41)
ROUNDS = 4
"""Of fitting one after the other; the second of them changes next to nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """`probabilities` (n, 8), `strains` (n, 2) as the daemon's reader has them, and whether the
    leading emotion was `right` (n,)."""

    probabilities: npt.NDArray[np.float32]
    strains: npt.NDArray[np.float32]
    right: npt.NDArray[np.bool_]

    def loss(self, blur_temperature: float, turn_temperature: float) -> float:
        """Mean negative logarithm of what the confidence gives to what happened."""
        temperatures = np.array([blur_temperature, turn_temperature], np.float32)
        confidence = confidence_from(self.probabilities, self.strains @ temperatures)
        likely = np.where(self.right, confidence, 1 - confidence)
        return -float(np.log(np.maximum(likely, 1e-6)).mean())


def parted(every: FerPlus) -> tuple[FerPlus, FerPlus]:
    """The training faces that are held back, and the others."""
    order = generator_for(SPLIT_SEED, 0).permutation(len(every.faces))
    return every.chosen(order[:HELD_BACK]), every.chosen(order[HELD_BACK:])


def doubts_for(readings: Readings) -> dict[str, float]:
    """The likeliest `blur_temperature` and `turn_temperature`, the parameters of a model."""
    blur, turn = float(BLUR_TEMPERATURES[0]), float(TURN_TEMPERATURES[0])
    for _ in range(ROUNDS):
        blur = min(map(float, BLUR_TEMPERATURES), key=lambda one: readings.loss(one, turn))
        turn = min(map(float, TURN_TEMPERATURES), key=lambda one: readings.loss(blur, one))
    return {"blur_temperature": float(f"{blur:.3g}"), "turn_temperature": float(f"{turn:.3g}")}


def read(model: Model, faces: FerPlus) -> Readings:
    """What the daemon's reader makes of the faces, each in every sight."""
    engine, aligner = TfliteEngine(model), Aligner()
    reader, side = ExpressionReader(engine), engine.input_size.width
    probabilities, strained, right = [], [], []
    true = faces.one_hot().argmax(1)
    for sight in SIGHTS:
        for picture, emotion in zip(seen(faces.faces, sight), true, strict=True):
            alignment = aligner(picture)
            cropped = crop_of(picture.pixels, picture.face, alignment, CROP_SIDE, side)
            if cropped is not None:
                probabilities.append(reader.probabilities(cropped[0]))
                strained.append(strains(cropped[0], alignment))
                right.append(probabilities[-1].argmax() == emotion)
    return Readings(
        np.stack(probabilities), np.array(strained, np.float32), np.array(right, np.bool_)
    )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.expression.certainty", description=__doc__
    )
    parser.add_argument("--data", type=Path, help="folder of ferplus (default: that of the data)")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of the model")
    arguments = parser.parse_args(argv)
    data = arguments.data or data_root() / "ferplus"
    held_back, _ = parted(FerPlus.read(data / "train.zip", data / "train.csv").nameable())
    model = find_model(NAME, arguments.models)
    found = doubts_for(read(model, held_back))
    entry = model.entry.model_dump(mode="json")
    entry["parameters"] |= found
    publish(NAME, entry, arguments.models)
    print(f"{model.path}: {found}")


if __name__ == "__main__":
    main()
