"""The card of the expression model: python -m training.expression.card

Measures the shipped int8 file on the validation split of FER+ and writes its figures into the
manifest, and card and calibration plot beside it. Nothing is trained.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.devices.manifest import Model, find_model
from edge_agent.devices.tflite import TfliteEngine
from edge_agent.domain.observation import Emotion
from edge_agent.perception.alignment import AS_IT_STANDS, Alignment
from edge_agent.perception.expression import ExpressionReader
from training import card
from training.calibrate import expected_calibration_error
from training.data import FerPlus, data_root
from training.expression.evaluate import EVALUATED, Answers, measure
from training.expression.views import Aligner, Picture, Sight, seen
from training.publish import MODELS, publish
from training.reliability import reliability_bins, reliability_diagram

Face = npt.NDArray[np.uint8]
Align = Callable[[Picture], Alignment]

NAME = "expression"
NAMES = [emotion.value for emotion in Emotion]
CALIBRATION_BINS = 15

HEAD = """# Expression

Reads which of the eight emotions of FER+ a face shows. Input: a grey face crop of 48 x 48 pixels,
int8. Output: eight logits, int8; their softmax, after division by the temperature in the manifest,
is the published distribution. Its largest is the confidence, once the temperature is raised for a
face that is soft or turned."""

DATA = """## Data and terms

FER2013 faces (Kaggle challenge, 2013; research use) with the votes of ten people for each face
(FER+, Barsoum et al., 2016; MIT). Faces whose most frequent vote is "unknown" or "no face" are left
out, as in that paper. Trained on the set's training split, less 1,024 faces to which the
temperatures were fitted; the figures are of its validation split. Beside them chips of UTKFace
(Zhang, Song, Qi, 2017; non-commercial research use), whose expressions nobody labelled: a model
trained on them is for research and private use unless the owners of the pictures allow more."""

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
    "A fourth one of 28 is like the third, but for half as many faces of UTKFace, of which nothing "
    "is known but what the third answers.",
)

STURDINESS = (
    "Sturdiness, on every third face, through the daemon's readers, the head's turn from its "
    "geometry model (how the same faces fare from afar, blurred, and when a box is off). The "
    "confidence is the published one: the leading emotion's probability, at a temperature that "
    "rises with the softness of the crop, small or blurred as it was seen, and with the turn of "
    "the head. By how much was fitted to the 1,024 faces held back, made small, blurred and noisy "
    "(`python -m training.expression.certainty`):"
)

WEAK = """## Known weaknesses

- The faces are cut from photographs found by search words for emotions: posed and strong
  expressions are frequent, and what people feel is not what a face shows.
- Disgust, fear and contempt are rare in the data and seldom found; see the table.
- The data has no labels of age, sex or skin tone, so how evenly the model works over them was not
  measured here. FER2013 is known to hold few dark-skinned and few old faces.
- That a face is covered does not lower the confidence: see the row of those covered below the
  nose.
- Hardly any head in the data is turned by more than 45 degrees; how far the confidence falls beyond
  is by the same curve, and was not measured."""

VIEWED_EVERY = 3
"""Every how many-th face is looked at in all the ways."""
SIGHTS = {
    **{f"of {side} x {side} pixels": Sight(side) for side in (32, 24, 20, 16)},
    "of 24 x 24 pixels, noisy": Sight(24, noise=0.03),
    **{f"blurred by {blur} of its 48 pixels": Sight(blur=blur) for blur in (1, 2, 3)},
    "blurred by 2 of its 48 pixels, noisy": Sight(blur=2, noise=0.03),
    "of 24 x 24 pixels, blurred by one of them": Sight(24, blur=2),
}
OFF_BOXES = (
    ("box a tenth too far right", 0.1, 1.0),
    ("box a tenth too large", 0.0, 1.1),
    ("box a tenth too small", 0.0, 0.9),
)
"""How far right of the face a detector's box lies, as a share of its side, and how large it is."""
NOSE = 0.6
"""Where its tip lies in a crop, from the top."""
TILTS_DEG = (15, 30)
TURNS_DEG = (0, 15, 30, 45)


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
    some = validation.chosen(np.arange(0, len(validation.faces), VIEWED_EVERY))
    views = views_of(TfliteEngine(model), some)
    write_card(folder / "cards" / f"{NAME}.md", measured, entry["figures"], views, plot.name)
    return dict(entry["figures"])


@dataclass(frozen=True, slots=True)
class View:
    """What the daemon's reader made of the faces where they were seen in some way.

    `confidence` is the mean of the published emotion_confidence, `probability` that of the leading
    emotion before size, blur and turn lower it; `error` the calibration error of the former.
    """

    name: str
    read: int
    accuracy: float
    probability: float
    confidence: float
    error: float


@dataclass(frozen=True, slots=True)
class Look:
    """What was made of one face, and how far the head is turned."""

    is_right: bool
    probability: float
    confidence: float
    turn_rad: float


def views_of(engine: TfliteEngine, faces: FerPlus) -> Iterator[View]:
    """The same faces as a camera far away, or a detector a little off, would give them."""
    reader, aligner = ExpressionReader(engine), Aligner()
    emotions = [NAMES[index] for index in faces.one_hot().argmax(1)]

    def looks(pictures: Iterable[Picture], align: Align) -> Iterator[Look]:
        for picture, emotion in zip(pictures, emotions, strict=True):
            alignment = align(picture)
            told, _ = reader.read(picture.pixels, picture.face, alignment)
            if told is not None:
                is_right, probability = emotion == told.leading.value, max(told.intensities)
                yield Look(is_right, probability, told.confidence, alignment.turn_rad)

    as_they_are = list(looks(seen(faces.faces, Sight()), aligner))
    yield _view("as they are", as_they_are)
    for name, sight in SIGHTS.items():
        yield _view(name, looks(seen(faces.faces, sight), aligner))
    yield _view("covered below the nose", looks(seen(map(_covered, faces.faces), Sight()), aligner))
    for name, offset, scale in OFF_BOXES:
        off = [_off(picture, offset, scale) for picture in seen(faces.faces, Sight())]
        yield _view(name, looks(off, aligner))
    for degrees in TILTS_DEG:
        tilted = [_tilted(picture, degrees) for picture in seen(faces.faces, Sight())]
        standing = looks(tilted, lambda _: AS_IT_STANDS)
        yield _view(f"tilted by {degrees} degrees, crop as it stands", standing)
    for least, most in pairwise(TURNS_DEG):
        turned = [one for one in as_they_are if least <= np.degrees(one.turn_rad) < most]
        yield _view(f"head turned by {least} to {most} degrees", turned)


def _view(name: str, looks: Iterable[Look]) -> View:
    every = list(looks)
    right = np.array([one.is_right for one in every])
    confidence = np.array([one.confidence for one in every])
    return View(
        name,
        len(every),
        float(right.mean()),
        float(np.mean([one.probability for one in every])),
        float(confidence.mean()),
        expected_calibration_error(confidence, right),
    )


def _covered(face: Face) -> Face:
    below = round(face.shape[0] * NOSE)
    return np.concatenate([face[:below], np.full_like(face[below:], round(face.mean()))])


def _off(picture: Picture, right: float, scale: float) -> Picture:
    """Its box moved to the right by that share of its side, and scaled about its centre."""
    box = picture.face.grown(scale)
    return replace(picture, face=box.moved(right * picture.face.width, 0.0))


def _tilted(picture: Picture, degrees: float) -> Picture:
    middle = (picture.pixels.shape[0] - 1) / 2
    turning = cv2.getRotationMatrix2D((middle, middle), degrees, 1.0)
    size = picture.pixels.shape[::-1]
    tilted = cv2.warpAffine(picture.pixels, turning, size, borderMode=cv2.BORDER_REPLICATE)
    return replace(picture, pixels=np.asarray(tilted, np.uint8))


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
        card.wrapped(STURDINESS),
        card.table(
            (
                "faces",
                "read",
                "accuracy",
                "mean probability",
                "mean confidence",
                "calibration error of the confidence",
            ),
            (
                (
                    view.name,
                    view.read,
                    f"{view.accuracy:.1%}",
                    f"{view.probability:.2f}",
                    f"{view.confidence:.2f}",
                    f"{view.error:.3f}",
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
