"""The card of the expression model: python -m training.expression.card

Measures the shipped int8 file on the validation split of FER+ and writes its figures into the
manifest, and card and calibration plot beside it. Nothing is trained.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.devices.manifest import Model, find_model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.geometry import Box, Point
from edge_agent.domain.observation import Emotion
from edge_agent.perception.expression import ExpressionReader
from training import card
from training.data import FerPlus, data_root
from training.expression.evaluate import EVALUATED, Answers, measure
from training.publish import MODELS, publish
from training.reliability import reliability_bins, reliability_diagram

Face = npt.NDArray[np.uint8]

NAME = "expression"
NAMES = [emotion.value for emotion in Emotion]
CALIBRATION_BINS = 15

HEAD = """# Expression

Reads which of the eight emotions of FER+ a face shows. Input: a grey face crop of 48 x 48 pixels,
int8. Output: eight logits, int8; their softmax, after division by the temperature in the manifest,
is the published distribution."""

DATA = """## Data and terms

FER2013 faces (Kaggle challenge, 2013; research use) with the votes of ten people for each face
(FER+, Barsoum et al., 2016; MIT). Faces whose most frequent vote is "unknown" or "no face" are left
out, as in that paper. Trained on the set's training split, less 1,024 faces to which the
temperature was fitted; the figures are of its validation split."""

METHOD = """## Method

A plain residual network of 3x3 convolutions, trained on the distribution of the votes rather than
on one label, with MixUp, random affine changes, softening, light changes and erasing; AdamW with a
cosine schedule; the running average of the weights is what is kept. {courses} Quantized to int8
throughout after training, with ranges from 512 training faces. `python -m training.expression`
makes the file again; what each step gave: `training/RESULTS.md`."""

COURSES = (
    "The first course takes 36 epochs.",
    "A second one of 12 goes on from there towards the mean of the votes and of what the first "
    "answers.",
    "A third one of 30, with more of each face hidden and CutMix beside MixUp, takes half of its "
    "targets from what the second answers to undisturbed faces and their mirror images.",
)

WEAK = """## Known weaknesses

- The faces are cut from photographs found by search words for emotions: posed and strong
  expressions are frequent, and what people feel is not what a face shows.
- Disgust, fear and contempt are rare in the data and seldom found; see the table.
- The data has no labels of age, sex or skin tone, so how evenly the model works over them was not
  measured here. FER2013 is known to hold few dark-skinned and few old faces.
- How faces turned to the side and covered faces are read was not measured: the data does not
  label them."""

SMALL_SIDES = (32, 24, 16)
OFF = 0.1
"""How far a detector's box may be off, as a share of its side."""
TILTS_DEG = (15, 30)


def measure_and_describe(
    model: Model,
    validation: FerPlus,
    folder: Path,
    *,
    courses: int,
    float_accuracy: float,
) -> dict[str, Any]:
    """The figures of a published file, after they were written to its manifest entry and card.

    `courses` were gone through in training; `float_accuracy` is that of the network before it was
    quantized, on the majority faces of `validation`.
    """
    measured, figures = measure(model, validation)
    entry = model.entry.model_dump(mode="json")
    entry["figures"] = {
        "split": "ferplus valid",
        "courses": courses,
        "float_accuracy_majority": round(float_accuracy, 4),
        **card.rounded(figures),
    }
    publish(NAME, entry, folder)
    plot = folder / "cards" / f"{NAME}-calibration.svg"
    plot.parent.mkdir(parents=True, exist_ok=True)
    plot.write_text(_calibration_plot(measured))
    views = views_of(TfliteEngine(model), validation)
    write_card(folder / "cards" / f"{NAME}.md", measured, entry["figures"], views, plot.name)
    return dict(entry["figures"])


@dataclass(frozen=True, slots=True)
class View:
    """What the daemon's reader made of the faces where they were seen in some way.

    `confidence` is the mean of the published emotion_confidence, `probability` that of the leading
    emotion before size, blur and turn lower it.
    """

    name: str
    read: int
    accuracy: float
    probability: float
    confidence: float


def views_of(engine: TfliteEngine, faces: FerPlus) -> Iterator[View]:
    """The same faces as a camera far away, or a detector a little off, would give them."""
    reader, crop_side = ExpressionReader(engine), engine.parameters["crop_side"]
    for name, shown, offset, scale in _ways(faces.faces):
        right, probabilities, confidences = [], [], []
        for face, emotion in zip(shown, faces.one_hot().argmax(1), strict=True):
            side = face.shape[0]
            center = Point(side / 2 + offset * side, side / 2)
            box_side = side / crop_side * scale
            expression, _ = reader.read(face, Box.around(center, box_side, box_side))
            if expression is None:
                continue
            right.append(NAMES[emotion] == expression.leading.value)
            probabilities.append(max(expression.intensities))
            confidences.append(expression.confidence)
        yield View(
            name,
            len(right),
            *(float(np.mean(values)) for values in (right, probabilities, confidences)),
        )


def _ways(faces: Face) -> Iterator[tuple[str, list[Face], float, float]]:
    """A name, the faces, how far right of their middle the box lies and how large it is."""
    as_they_are = list(faces)
    yield "as they are", as_they_are, 0.0, 1.0
    for side in SMALL_SIDES:
        yield f"of {side} x {side} pixels", [_small(face, side) for face in faces], 0.0, 1.0
    yield "box a tenth too far right", as_they_are, OFF, 1.0
    yield "box a tenth too large", as_they_are, 0.0, 1 + OFF
    yield "box a tenth too small", as_they_are, 0.0, 1 - OFF
    for degrees in TILTS_DEG:
        tilted = [_tilted(face, degrees) for face in faces]
        yield f"tilted by {degrees} degrees, crop as it stands", tilted, 0.0, 1.0


def _small(face: Face, side: int) -> Face:
    return np.asarray(cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _tilted(face: Face, degrees: float) -> Face:
    middle = (face.shape[0] - 1) / 2
    turning = cv2.getRotationMatrix2D((middle, middle), degrees, 1.0)
    tilted = cv2.warpAffine(face, turning, face.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(tilted, np.uint8)


def _calibration_plot(measured: Answers) -> str:
    confidence = measured.probabilities.max(1)
    bins = reliability_bins(confidence, measured.given == measured.true, CALIBRATION_BINS)
    error = measured.figures()["ece"]
    return reliability_diagram(bins, f"Expression: calibration error {error:.3f}")


def write_card(
    path: Path, measured: Answers, figures: dict[str, Any], views: Iterator[View], plot: str
) -> None:
    """Everything that was measured on the int8 file, beside the float network's accuracy."""
    confusion = measured.confusion()
    recall = np.diag(confusion) / np.maximum(confusion.sum(1), 1)
    precision = np.diag(confusion) / np.maximum(confusion.sum(0), 1)
    float_accuracy = figures["float_accuracy_majority"]
    loss = float_accuracy - figures["accuracy_majority"]
    card.write(
        path,
        HEAD,
        DATA,
        card.wrapped(METHOD.format(courses=" ".join(COURSES[: figures["courses"]]))),
        card.wrapped(
            "## Figures\n\nOf the int8 file on the validation split, through the daemon's engine, "
            "as `python -m training.evaluate expression` prints them:"
        ),
        card.table(
            ("figure", "value"), ((name, figures[name]) for name in figures if name in EVALUATED)
        ),
        f"The float network has an accuracy of {float_accuracy:.2%} on the majority faces: "
        f"quantization costs {loss * 100:.2f} points.",
        "By class, on faces of which more than half of the votes agree:",
        card.table(
            ("emotion", "faces", "recall", "precision"),
            (
                (name, int(n), f"{r:.1%}", f"{p:.1%}")
                for name, n, r, p in zip(NAMES, confusion.sum(1), recall, precision, strict=True)
            ),
        ),
        "Confusion on the same faces (rows: what the votes say; columns: the model):",
        card.table(
            ("", *NAMES),
            ((name, *map(int, row)) for name, row in zip(NAMES, confusion, strict=True)),
        ),
        "Calibration, on all faces, against the most frequent vote:",
        f"![Share of correct answers over confidence]({plot})",
        card.reliability(measured.probabilities.max(1), measured.given == measured.true),
        "Sturdiness, on all faces, through the daemon's reader (how the same faces fare from afar, "
        "and\nwhen a box is off; the confidence is the published one, which size and blur lower):",
        card.table(
            ("faces", "read", "accuracy", "mean probability", "mean confidence"),
            (
                (
                    view.name,
                    view.read,
                    f"{view.accuracy:.1%}",
                    f"{view.probability:.2f}",
                    f"{view.confidence:.2f}",
                )
                for view in views
            ),
        ),
        WEAK,
    )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.expression.card", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of ferplus (default: that of the data)")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of the model")
    arguments = parser.parse_args(argv)
    data = arguments.data or data_root() / "ferplus"
    model = find_model(NAME, arguments.models)
    known = model.entry.figures
    figures = measure_and_describe(
        model,
        FerPlus.read(data / "valid.zip", data / "valid.csv").nameable(),
        arguments.models,
        courses=known["courses"],
        float_accuracy=known["float_accuracy_majority"],
    )
    print(f"{model.path}: {figures}")


if __name__ == "__main__":
    main()
