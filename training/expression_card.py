"""The card of the expression model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edge_agent.domain.observation import Emotion
from training import card
from training.evaluate_expression import Answers

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
cosine schedule; the running average of the weights is what is kept. Quantized to int8 throughout
after training, with ranges from 512 training faces. `python -m training.expression` makes the file
again."""

WEAK = """## Known weaknesses

- The faces are cut from photographs found by search words for emotions: posed and strong
  expressions are frequent, and what people feel is not what a face shows.
- Disgust, fear and contempt are rare in the data and seldom found; see the table.
- The data has no labels of age, sex or skin tone, so how evenly the model works over them was not
  measured here. FER2013 is known to hold few dark-skinned and few old faces.
- Faces that are turned away, covered or under 24 pixels wide are read with low confidence."""


def write_card(
    path: Path, measured: Answers, figures: Mapping[str, float], of_float: Mapping[str, float]
) -> None:
    """Everything that was measured on the int8 file, beside the float network's accuracy."""
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
        WEAK,
    )
