"""The card of the expression model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge_agent.domain.observation import Emotion
from training import card
from training.data import FerPlus
from training.evaluate_expression import Answers

Face = npt.NDArray[np.uint8]

NAMES = [emotion.value for emotion in Emotion]

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
cosine schedule; the running average of the weights is what is kept. After a first course of 36
epochs a second one of 12 goes on from there towards the mean of the votes and of what the first
answers. Quantized to int8 throughout after training, with ranges from 512 training faces.
`python -m training.expression` makes the file again; what each step gave: `training/RESULTS.md`."""

WEAK = """## Known weaknesses

- The faces are cut from photographs found by search words for emotions: posed and strong
  expressions are frequent, and what people feel is not what a face shows.
- Disgust, fear and contempt are rare in the data and seldom found; see the table.
- The data has no labels of age, sex or skin tone, so how evenly the model works over them was not
  measured here. FER2013 is known to hold few dark-skinned and few old faces.
- How turned and covered faces are read was not measured: the data does not label them."""

SMALL_SIDES = (32, 24, 16)
SHIFT, SCALE = 0.1, 0.1
"""How far a detector's box may be off, as shares of its side."""


def disturbances(faces: FerPlus) -> Iterator[tuple[str, FerPlus]]:
    """The same faces as a camera far away, or a detector a little off, would give them."""
    yield "as they are", faces
    for side in SMALL_SIDES:
        yield f"of {side} x {side} pixels", _each(faces, lambda face, side=side: _small(face, side))
    yield "box a tenth too far right", _each(faces, lambda face: _moved(face, SHIFT, 1.0))
    yield "box a tenth too large", _each(faces, lambda face: _moved(face, 0.0, 1 - SCALE))
    yield "box a tenth too small", _each(faces, lambda face: _moved(face, 0.0, 1 + SCALE))


def _each(faces: FerPlus, change: Callable[[Face], Face]) -> FerPlus:
    return FerPlus(np.stack([change(face) for face in faces.faces]), faces.votes)


def _small(face: Face, side: int) -> Face:
    shrunk = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(shrunk, face.shape[::-1], interpolation=cv2.INTER_LINEAR))


def _moved(face: Face, shift: float, scale: float) -> Face:
    middle, side = face.shape[0] / 2, face.shape[0]
    placing = np.array(
        [[scale, 0, middle * (1 - scale) - shift * side], [0, scale, middle * (1 - scale)]]
    )
    return np.asarray(
        cv2.warpAffine(face, placing, face.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    )


def write_card(
    path: Path,
    measured: Answers,
    figures: Mapping[str, float],
    of_float: Mapping[str, float],
    disturbed: Iterable[tuple[str, Answers]],
) -> None:
    """Everything that was measured on the int8 file, beside the float network's accuracy.

    `disturbed` are the answers to the same faces under each of `disturbances`.
    """
    confusion = measured.confusion()
    recall = np.diag(confusion) / np.maximum(confusion.sum(1), 1)
    precision = np.diag(confusion) / np.maximum(confusion.sum(0), 1)
    faces = confusion.sum(1)
    correct = measured.given == measured.true
    loss = of_float["accuracy_majority"] - figures["accuracy_majority"]
    card.write(
        path,
        HEAD,
        DATA,
        METHOD,
        "## Figures\n\nOf the int8 file on the validation split, through the daemon's engine:",
        card.table(("figure", "value"), card.rounded(figures).items()),
        f"The float network has an accuracy of {of_float['accuracy_majority']:.2%} on the majority "
        f"faces: quantization costs {loss * 100:.2f} points.",
        "By class, on faces of which more than half of the votes agree:",
        card.table(
            ("emotion", "faces", "recall", "precision"),
            (
                (name, int(n), f"{r:.1%}", f"{p:.1%}")
                for name, n, r, p in zip(NAMES, faces, recall, precision, strict=True)
            ),
        ),
        "Confusion on the same faces (rows: what the votes say; columns: the model):",
        card.table(
            ("", *NAMES),
            ((name, *map(int, row)) for name, row in zip(NAMES, confusion, strict=True)),
        ),
        "Calibration, on all faces, against the most frequent vote:",
        card.reliability(measured.probabilities.max(1), correct),
        "Sturdiness, on all faces (how the same faces fare from afar, and when a box is off):",
        card.table(
            ("faces", "accuracy", "mean confidence"),
            (
                (
                    name,
                    f"{a.figures()['accuracy_plurality']:.1%}",
                    f"{a.probabilities.max(1).mean():.2f}",
                )
                for name, a in disturbed
            ),
        ),
        WEAK,
    )
