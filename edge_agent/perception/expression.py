"""Face crop -> expression."""

from __future__ import annotations

import numpy as np

from edge_agent.domain.geometry import Box
from edge_agent.domain.observation import Emotion, Expression
from edge_agent.perception.alignment import AS_IT_STANDS, Alignment
from edge_agent.perception.crops import cut_upright, grey, quality, square_around
from edge_agent.perception.tensors import Engine, Pixels, Tensor

EMOTIONS = len(Emotion)


class ExpressionReader:
    """Reads the expression of a face.

    The model's parameters: `crop_side` (side of the crop by the mean side of the face box) and
    `temperature` (by which its logits are divided, so that the probabilities are calibrated:
    Guo et al., "On Calibration of Modern Neural Networks", 2017).
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._crop_side = engine.parameters["crop_side"]
        self._temperature = engine.parameters["temperature"]

    def read(
        self, pixels: Pixels, face: Box, alignment: Alignment = AS_IT_STANDS
    ) -> tuple[Expression | None, float]:
        """The expression of the face at `face` in a BGR frame, and its quality in [0, 1]: that of
        the crop, times how frontal the face is.

        None where the crop shows nothing.
        """
        # A mouth that opens stretches the box by the points: better the detector's, if upright.
        box = alignment.box if alignment.is_tilted and alignment.box else face
        square = square_around(box, self._crop_side)
        crop = cut_upright(pixels, square, self._engine.input_size.width, alignment.roll_rad)
        if crop is None:
            return None, 0.0
        crop = grey(crop)
        trust = quality(crop, square) * alignment.frontality
        if trust == 0.0:
            return None, 0.0
        return expression_from(self.probabilities(crop), trust), trust

    def probabilities(self, crop: Pixels) -> Tensor:
        """Of shape (8,), in the order of `Emotion`, of a grey crop of the model's size."""
        return softmax(self._engine.infer(crop)["logits"] / self._temperature)


def softmax(logits: Tensor) -> Tensor:
    """Probabilities along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


def expression_from(probabilities: Tensor, trust: float) -> Expression:
    """An expression of calibrated probabilities; what is seen badly is known with less certainty.

    With no trust at all the leading emotion is as likely right as a guess among the eight.
    """
    leading = float(probabilities.max())
    smile = float(probabilities[tuple(Emotion).index(Emotion.HAPPINESS)])
    return Expression(
        intensities=tuple(float(p) for p in probabilities),
        confidence=trust * leading + (1 - trust) * min(leading, 1 / EMOTIONS),
        smiling_degree=smile,
    )
